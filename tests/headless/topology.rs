//! `--cluster` and `--sentinel`: nodes are found, actions go to the right one.

use std::process::Command;

use redwarden::launcher::{Cluster, ClusterShape, SentinelGroup, SentinelShape};
use serde_json::json;

use super::{Shell, cli};

#[test]
fn all_nodes_of_a_cluster_are_found_from_one_seed() {
    let cluster = Cluster::start(&ClusterShape::default()).unwrap();
    let url = |i: usize| cluster.server(i).unwrap().url();
    for i in 0..30 {
        let port = cluster.server(0).unwrap().port().to_string();
        let set = Command::new("redis-cli")
            .args(["-c", "-p", &port, "SET", &format!("lock:{i}"), "token-of-a-holder-1"])
            .output()
            .unwrap();
        assert!(set.status.success());
    }
    let shell = Shell::new();
    let json = shell.run(&["snapshot", "--format", "json", "--cluster", &url(1)]).json();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(json["locks"].as_array().unwrap().len(), 30);
    let ran = shell.run(&["locks", "release", "lock:7", "--yes", "--cluster", &url(2)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json = shell.run(&["locks", "--format", "json", "--cluster", &url(0)]).json();
    assert_eq!(json["locks"].as_array().unwrap().len(), 29);
}

#[test]
fn primary_replica_and_sentinel_are_found() {
    let group = SentinelGroup::start(&SentinelShape { sentinels: 1, quorum: 1, ..SentinelShape::default() });
    let group = group.unwrap();
    let primary = group.server(0).unwrap();
    cli(primary, &["SET", "lock:a", "token-of-a-holder-1"]);
    let shell = Shell::new();
    let url = group.sentinels().next().unwrap().url();
    let json =
        shell.run(&["snapshot", "--format", "json", "--sentinel", &url, "--master-name", "mymaster"]).json();
    let roles: Vec<_> = json["nodes"].as_array().unwrap().iter().map(|n| n["role"].clone()).collect();
    assert_eq!(roles, [json!("primary"), json!("replica"), json!("sentinel")], "{json}");
    assert_eq!(json["locks"][0]["node"], format!("127.0.0.1:{}", primary.port()));
}

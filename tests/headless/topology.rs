//! `--cluster` and `--sentinel`: nodes are found, actions go to the right one.

use std::process::Command;

use redwarden::launcher::{Cluster, ClusterShape, SentinelGroup, SentinelShape};
use serde_json::json;

use super::reshard::Pair;
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

#[tokio::test]
async fn a_lock_that_arrived_with_a_slot_on_its_way_is_listed_and_released() {
    const TOKEN: &str = "3f8a61c2-9a7e-4a1f-8a55-0c8a2f0d7b11";
    let pair = Pair::start().await;
    let still = pair.key_on(0);
    let gone = format!("lock:{{{still}}}:b");
    for key in [&still, &gone] {
        pair.say(0, &format!("SET {key} {TOKEN}")).await;
    }
    pair.begin_move(&still, 0, 1).await;
    pair.carry(&gone, 0, 1).await;
    let shell = Shell::new();
    let url = pair.cluster.server(0).unwrap().url();
    let json = shell.run(&["locks", "--format", "json", "--cluster", &url]).json();
    let mut listed: Vec<_> = json["locks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["key"].as_str().unwrap().to_string(), l["node"].as_str().unwrap().to_string()))
        .collect();
    listed.sort();
    let node = |i: usize| pair.node(i).as_str().to_string();
    let mut expected = vec![(still.clone(), node(0)), (gone.clone(), node(1))];
    expected.sort();
    assert_eq!(listed, expected);
    for (key, on) in expected {
        let args = ["locks", "release", &key, "--if-token", TOKEN, "--yes", "--cluster", &url];
        let ran = shell.run(&args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains(&on), "{}", ran.err);
        assert_eq!(shell.audit().last().unwrap()["node"], on);
    }
    assert_eq!(pair.say(0, "DBSIZE").await, "0");
    assert_eq!(pair.ask(1, &format!("EXISTS {gone}")).await, "0");
}

#[tokio::test]
async fn a_single_node_of_a_cluster_says_where_the_key_is() {
    let pair = Pair::start().await;
    let key = pair.key_on(1);
    pair.say(1, &format!("SET {key} 3f8a61c2-9a7e-4a1f-8a55-0c8a2f0d7b11")).await;
    let shell = Shell::new();
    let url = pair.cluster.server(0).unwrap().url();
    let ran = shell.run(&["locks", "release", &key, "--yes", "-u", &url]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains(pair.node(1).as_str()) && ran.err.contains("--cluster"), "{}", ran.err);
}

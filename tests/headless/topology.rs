//! `--cluster` and `--sentinel`: nodes are found, actions go to the right one.

use std::process::{Command, Stdio};

use redwarden::launcher::{Server, free_port};
use serde_json::json;

use super::{Shell, cli, wait_until};

#[test]
fn all_nodes_of_a_cluster_are_found_from_one_seed() {
    let args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    // The bus listens 10,000 ports higher: not every free port will do.
    let start = || {
        (0..50).find_map(|_| Server::start(&args).ok().filter(|s| s.port() < 55_000)).expect("a cluster node")
    };
    let servers = [start(), start(), start()];
    for (i, server) in servers.iter().enumerate() {
        let (first, last) = (i * 5462, if i == 2 { 16383 } else { (i + 1) * 5462 - 1 });
        assert_eq!(cli(server, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]), "OK");
        cli(server, &["CLUSTER", "MEET", "127.0.0.1", &servers[0].port().to_string()]);
    }
    wait_until("the cluster stands", || {
        servers.iter().all(|s| {
            let info = cli(s, &["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
    });
    for i in 0..30 {
        let port = servers[0].port().to_string();
        let set = Command::new("redis-cli")
            .args(["-c", "-p", &port, "SET", &format!("lock:{i}"), "token-of-a-holder-1"])
            .output()
            .unwrap();
        assert!(set.status.success());
    }
    let shell = Shell::new();
    let json = shell.run(&["snapshot", "--format", "json", "--cluster", &servers[1].url()]).json();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(json["locks"].as_array().unwrap().len(), 30);
    let ran = shell.run(&["locks", "release", "lock:7", "--yes", "--cluster", &servers[2].url()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json = shell.run(&["locks", "--format", "json", "--cluster", &servers[0].url()]).json();
    assert_eq!(json["locks"].as_array().unwrap().len(), 29);
}

#[test]
fn primary_replica_and_sentinel_are_found() {
    let primary = Server::start(&[]).unwrap();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let conf = dir.path().join("sentinel.conf");
    std::fs::write(
        &conf,
        format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {} 1\n",
            dir.path().display(),
            primary.port()
        ),
    )
    .unwrap();
    let binary = redwarden::launcher::find_server().unwrap();
    let mut sentinel =
        Command::new(binary).arg(&conf).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
    cli(&primary, &["SET", "lock:a", "token-of-a-holder-1"]);
    let ask = |args: &[&str]| {
        let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).to_string()
    };
    wait_until("the Sentinel knows the replica", || {
        ask(&["SENTINEL", "SLAVES", "mymaster"]).contains(&replica.port().to_string())
    });
    let shell = Shell::new();
    let url = format!("redis://127.0.0.1:{port}");
    let json =
        shell.run(&["snapshot", "--format", "json", "--sentinel", &url, "--master-name", "mymaster"]).json();
    let roles: Vec<_> = json["nodes"].as_array().unwrap().iter().map(|n| n["role"].clone()).collect();
    assert_eq!(roles, [json!("primary"), json!("replica"), json!("sentinel")], "{json}");
    assert_eq!(json["locks"][0]["node"], format!("127.0.0.1:{}", primary.port()));
    sentinel.kill().unwrap();
    sentinel.wait().unwrap();
}

//! `wait` where it matters most: frozen nodes, priorities in lists of their own, a cluster that loses a primary.

use std::process::Command;

use redwarden::launcher::{Cluster, ClusterShape, Server};

use super::{Shell, cli, wait_until};

#[test]
fn a_frozen_node_is_unknown_and_met_once_it_goes_on() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    cli(&server, &["LPUSH", "inbox", "a"]);
    server.freeze();
    for what in [["--lock", "k", "--free", "--timeout=1s"], ["--queue", "inbox", "--below=9", "--timeout=1s"]]
    {
        let ran = shell.run(&[&["wait"][..], &what, &["-u", &url]].concat());
        assert_eq!(ran.code, 3, "{what:?}: {}", ran.err);
        assert!(ran.err.contains("unknown after 1s"), "{}", ran.err);
    }
    let args = ["wait", "--queue", "inbox", "--below", "9", "--timeout", "30s", "-u", &url];
    let mut waiting = shell.command(&args).spawn().unwrap();
    server.thaw();
    wait_until("it ends", || waiting.try_wait().unwrap().is_some());
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}

#[test]
fn every_priority_of_a_queue_counts() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let binding = "celery\u{6}\u{16}\u{6}\u{16}celery";
    cli(&server, &["SADD", "_kombu.binding.celery", binding]);
    let message = r#"{"body":"W10=","headers":{"task":"a"},"properties":{"delivery_tag":"t"}}"#;
    cli(&server, &["LPUSH", "celery", message, message]);
    cli(&server, &["LPUSH", "celery\u{6}\u{16}9", message]);
    let wait = |below: &str| {
        shell.run(&["wait", "--queue", "celery", "--below", below, "--timeout", "3s", "-u", &url])
    };
    assert_eq!(wait("4").code, 0);
    let late = wait("3");
    assert_eq!(late.code, 1, "{}", late.err);
    assert!(late.err.contains("3 wait"), "{}", late.err);
    cli(&server, &["DEL", "celery\u{6}\u{16}9"]);
    assert_eq!(wait("3").code, 0);
}

#[test]
fn in_a_cluster_all_primaries_must_be_known() {
    let mut cluster = Cluster::start(&ClusterShape::default()).unwrap();
    let shell = Shell::new();
    let seed = cluster.server(0).unwrap().url();
    let port = cluster.server(0).unwrap().port().to_string();
    let call = |words: &[&str]| {
        let ran = Command::new("redis-cli").args(["-c", "-p", &port]).args(words).output().unwrap();
        assert!(ran.status.success(), "{words:?}");
    };
    let wait =
        |what: &[&str]| shell.run(&[&["wait", "--cluster", &seed, "--timeout", "4s"][..], what].concat());
    // Keys of three slots: each primary has one of them or none, wherever it is.
    for key in ["queue:a", "queue:b", "queue:c"] {
        call(&["LPUSH", key, "1", "2"]);
        let met = wait(&["--queue", key, "--below", "3"]);
        assert_eq!(met.code, 0, "{key}: {}", met.err);
        let late = wait(&["--queue", key, "--below", "2"]);
        assert_eq!(late.code, 1, "{key}: {}", late.err);
    }
    call(&["SET", "deploy", "token"]);
    let held = wait(&["--lock", "deploy", "--free"]);
    assert_eq!(held.code, 1, "{}", held.err);
    call(&["DEL", "deploy"]);
    assert_eq!(wait(&["--lock", "deploy", "--free"]).code, 0);
    cluster.server_mut(2).unwrap().kill();
    for what in [&["--lock", "deploy", "--free"][..], &["--queue", "queue:a", "--below", "9"]] {
        let ran = wait(what);
        assert_eq!(ran.code, 3, "{what:?}: {}", ran.err);
    }
}

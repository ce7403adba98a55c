//! `locks release` of several keys, and by a filter: a result for each lock, exit codes, JSON.

use redwarden::launcher::Server;

use super::{Shell, cli};

fn token(n: usize) -> String {
    format!("4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0a{n}")
}

fn three(server: &Server) {
    for n in 1..=3 {
        cli(server, &["SET", &format!("lock:{n}"), &token(n)]);
    }
}

#[test]
fn several_keys_are_released_and_each_has_its_result() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    three(&server);
    let keys = ["locks", "release", "lock:1", "lock:2", "lock:2"];
    let refused = shell.run(&[&keys[..], &["-u", &url]].concat());
    assert_eq!((refused.code, cli(&server, &["DBSIZE"])), (2, "3".into()), "{}", refused.err);
    let dry = shell.run(&[&keys[..], &["--dry-run", "--format", "json", "-u", &url]].concat());
    assert_eq!((dry.code, cli(&server, &["DBSIZE"])), (0, "3".into()), "{}", dry.err);
    let plan = dry.json();
    assert_eq!((&plan["dry_run"], plan["locks"].as_array().unwrap().len()), (&true.into(), 2), "{plan}");
    assert_eq!(plan["locks"][0]["outcome"], "planned", "{plan}");
    assert_eq!(plan["locks"][0]["commands"][0], "DEL lock:1", "{plan}");
    assert!(shell.audit().is_empty());
    let done = shell.run(&[&keys[..], &["--yes", "--format", "json", "-u", &url]].concat());
    assert_eq!((done.code, cli(&server, &["DBSIZE"])), (0, "1".into()), "{}", done.err);
    let told = done.json();
    assert!(told["locks"].as_array().unwrap().iter().all(|lock| lock["outcome"] == "done"), "{told}");
    assert!(shell.audit().iter().all(|line| line["batch"] == told["batch"]), "{told}");
    // One that is gone, one that is there: not all, and the other one is released all the same.
    let part = shell.run(&["locks", "release", "lock:1", "lock:3", "--yes", "-u", &url]);
    assert_eq!((part.code, cli(&server, &["DBSIZE"])), (1, "0".into()), "{}", part.err);
    assert!(part.err.contains("lock:1: not released") && part.err.contains("lock:3 on"), "{}", part.err);
}

#[test]
fn a_filter_means_the_locks_that_the_dashboard_would_list() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    three(&server);
    cli(&server, &["PEXPIRE", "lock:2", "600000"]);
    let by = |filter: &str, more: &[&str]| {
        shell.run(&[&["locks", "release", "--filter", filter, "-u", &url], more].concat())
    };
    for (filter, says) in [("", "every lock"), ("   ", "every lock"), ("state:asleep", "no such state")] {
        let refused = by(filter, &["--yes"]);
        assert_eq!((refused.code, cli(&server, &["DBSIZE"])), (2, "3".into()), "{filter}: {}", refused.err);
        assert!(refused.err.contains(says), "{}", refused.err);
    }
    let none = by("holder:nobody-at-all", &["--yes"]);
    assert_eq!(none.code, 1, "{}", none.err);
    let done = by("state:no_ttl", &["--yes"]);
    assert_eq!((done.code, cli(&server, &["KEYS", "*"])), (0, "lock:2".into()), "{}", done.err);
    let both = shell.run(&["locks", "release", "lock:2", "--filter", "lock", "-u", &url]);
    assert_eq!(both.code, 2, "{}", both.err);
    let token = shell.run(&["locks", "release", "lock:2", "lock:3", "--if-token", "x", "-u", &url]);
    assert_eq!(token.code, 2, "{}", token.err);
    assert!(token.err.contains("one KEY"), "{}", token.err);
}

#[test]
fn a_node_that_does_not_answer_makes_it_partial() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    three(&server);
    let dead = {
        let gone = Server::start(&[]).unwrap();
        gone.url()
    };
    let ran = shell.run(&[
        "locks",
        "release",
        "--filter",
        "lock:",
        "--yes",
        "--timeout",
        "500ms",
        "-u",
        &server.url(),
        "-u",
        &dead,
    ]);
    assert_eq!((ran.code, cli(&server, &["DBSIZE"])), (1, "0".into()), "{}", ran.err);
    assert!(ran.err.contains("locks are not known"), "{}", ran.err);
}

#[test]
fn read_only_releases_nothing() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    three(&server);
    let ran =
        shell.run(&["--read-only", "locks", "release", "lock:1", "lock:2", "--yes", "-u", &server.url()]);
    assert_eq!((ran.code, cli(&server, &["DBSIZE"])), (1, "3".into()), "{}", ran.err);
    assert!(ran.err.contains("read-only"), "{}", ran.err);
}

//! `snapshot`, `nodes`, `locks`, `queues`, `check`.

use redwarden::launcher::{Server, free_port};
use serde_json::json;

use super::{Shell, cli};

#[test]
fn the_documented_envelope() {
    let server = Server::start(&[]).unwrap();
    cli(&server, &["SETNX", "lock:stuck", "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa"]);
    cli(&server, &["SET", "lock:held", "token-of-a-holder-1", "PX", "60000"]);
    cli(&server, &["LPUSH", "queue:mail", "a", "b", "c"]);
    let shell = Shell::new();
    let ran = shell.run(&["snapshot", "--format", "json", "-u", &server.url()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json = ran.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["fleet"]["verdict"], "critical");
    let node = &json["nodes"][0];
    assert_eq!(
        (&node["state"], &node["reason"], &node["role"]),
        (&json!("up"), &json!(null), &json!("primary"))
    );
    let locks = json["locks"].as_array().unwrap();
    assert_eq!(locks.len(), 2);
    let stuck = locks.iter().find(|l| l["key"] == "lock:stuck").unwrap();
    assert_eq!((&stuck["state"], &stuck["ttl_ms"]), (&json!("no_ttl"), &json!(null)));
    assert_eq!(stuck["token"], "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa");
    assert_eq!(stuck["findings"][0]["severity"], "critical");
    let held = locks.iter().find(|l| l["key"] == "lock:held").unwrap();
    assert_eq!(held["state"], "held");
    assert!((50_000..=60_000).contains(&held["ttl_ms"].as_u64().unwrap()));
    let queue = &json["queues"][0];
    assert_eq!((&queue["waiting"], &queue["family"]), (&json!(3), &json!("list")));
    assert_eq!(queue["in_rate"], json!(null), "one look tells no rate");
    assert_eq!(queue["rate_source"], "none");
    for (command, array) in [("nodes", "nodes"), ("locks", "locks"), ("queues", "queues")] {
        let json = shell.run(&[command, "--format", "json", "-u", &server.url()]).json();
        for other in ["nodes", "locks", "queues"] {
            assert_eq!(json.get(other).is_some(), other == array, "{command} {other}");
        }
    }
    let watched = shell.run(&["queues", "--for", "1500ms", "--format", "json", "-u", &server.url()]).json();
    assert_eq!(watched["queues"][0]["in_rate"], json!(0.0));
}

#[test]
fn a_dead_node_is_down_and_a_frozen_one_timed_out() {
    let healthy = Server::start(&[]).unwrap();
    let frozen = Server::start(&[]).unwrap();
    frozen.freeze();
    let dead = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let shell = Shell::new();
    let json = shell.run(&["nodes", "--format", "json", &dead, &frozen.url(), &healthy.url()]).json();
    frozen.thaw();
    let told: Vec<_> =
        json["nodes"].as_array().unwrap().iter().map(|n| (&n["state"], &n["reason"])).collect();
    assert_eq!(
        told,
        [
            (&json!("down"), &json!("refused")),
            (&json!("down"), &json!("timeout")),
            (&json!("up"), &json!(null))
        ]
    );
    assert_eq!(json["nodes"][0]["rtt_us"], json!(null));
}

#[test]
fn check_has_the_exit_codes_of_monitoring() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let check = || shell.run(&["check", "-u", &server.url()]);
    let ok = check();
    assert_eq!((ok.code, ok.out.lines().count()), (0, 1), "{} {}", ok.out, ok.err);
    assert!(ok.out.starts_with("OK: 1 of 1 nodes up |"), "{}", ok.out);
    cli(&server, &["SET", "lock:stuck", "token-of-a-holder-1"]);
    let critical = check();
    assert_eq!(critical.code, 2);
    assert!(
        critical.out.contains("lock:stuck") && critical.out.contains("locks_no_ttl=1"),
        "{}",
        critical.out
    );
    cli(&server, &["DEL", "lock:stuck"]);
    cli(&server, &["ACL", "SETUSER", "few", "on", ">pw", "~*", "+ping", "+info", "+hello", "+auth"]);
    let url = format!("redis://few:pw@127.0.0.1:{}", server.port());
    let unknown = shell.run(&["check", "-u", &url]);
    assert_eq!(unknown.code, 3, "{} {}", unknown.out, unknown.err);
    assert!(unknown.out.contains("not permitted (SCAN)"), "{}", unknown.out);
    assert!(!unknown.out.contains("pw@") && !unknown.err.contains("pw@"));
}

#[test]
fn bytes_that_are_no_text_come_escaped_and_in_base64() {
    let server = Server::start(&[]).unwrap();
    cli(&server, &["EVAL", r"redis.call('SET','lock:\255','\254\0tok')", "0"]);
    let shell = Shell::new();
    let json = shell.run(&["locks", "--format", "json", "-u", &server.url()]).json();
    let lock = &json["locks"][0];
    assert_eq!((&lock["key"], &lock["key_b64"]), (&json!("lock:\\xff"), &json!("bG9jazr/")));
    assert_eq!((&lock["token"], &lock["token_b64"]), (&json!("\\xfe\\x00tok"), &json!("/gB0b2s=")));
    // What the JSON gives is what the commands take.
    let ran = shell.run(&[
        "locks",
        "release",
        "--key-b64",
        "bG9jazr/",
        "--token-b64",
        "/gB0b2s=",
        "--yes",
        "-u",
        &server.url(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(cli(&server, &["DBSIZE"]), "0");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let mut child = shell
        .command(&["snapshot", "--for", "300ms", "-u", &server.url()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_replica_alone_tells_nothing_of_locks() {
    let primary = Server::start(&[]).unwrap();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    let ran = Shell::new().run(&["locks", "-u", &replica.url()]);
    assert!(ran.out.contains("not known: no primary"), "{}", ran.out);
}

/// What a password command complains about may hold the password, or control characters.
#[test]
fn a_failing_password_command_is_not_quoted() {
    let shell = Shell::new();
    let (script, file) = (shell.home.path().join("password.sh"), shell.home.path().join("redwarden.toml"));
    std::fs::write(&script, "printf 'hunter2 \\033]0;title\\007' >&2; exit 3\n").unwrap();
    let node = format!("url = \"redis://127.0.0.1:6379\"\npassword_command = \"sh {}\"", script.display());
    std::fs::write(&file, format!("[[nodes]]\n{node}\n")).unwrap();
    let ran = shell.run(&["check", "--config", file.to_str().unwrap()]);
    assert!(ran.err.contains("exit status: 3"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2") && !ran.err.contains('\x1b'), "{:?}", ran.err);
}

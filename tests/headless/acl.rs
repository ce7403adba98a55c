//! The README's least-privilege lines, as they stand there: with exactly these rights everything works.

use redwarden::launcher::Server;
use serde_json::json;

use super::{Shell, cli, wait_until};

/// Runs the README's line for that user, with a password of ours; returns the URL to be used.
fn grant(server: &Server, user: &str) -> String {
    let readme = include_str!("../../README.md");
    let start = format!("ACL SETUSER {user} ");
    let line = readme.lines().find(|l| l.starts_with(&start)).expect("the README's line");
    let words: Vec<String> = line.replace(">PASSWORD", ">pw").split(' ').map(str::to_string).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(cli(server, &words), "OK", "{line}");
    format!("redis://{user}:pw@127.0.0.1:{}", server.port())
}

/// What was asked for and denied: commands and keys.
fn denials(server: &Server) -> Vec<String> {
    let log = cli(server, &["ACL", "LOG", "128"]);
    let mut lines = log.lines();
    let mut denied = Vec::new();
    while let Some(line) = lines.next() {
        if line == "object" {
            // A command of 7.2 and later that the README adds for those.
            denied.extend(lines.next().filter(|what| *what != "client|no-touch").map(str::to_string));
        }
    }
    denied
}

#[test]
fn watching() {
    let server = Server::start(&[]).unwrap();
    let url = grant(&server, "redwarden-watch");
    cli(&server, &["SET", "lock:a", "token-of-a-holder-1", "PX", "60000"]);
    cli(&server, &["LPUSH", "queue:a", "one", "two"]);
    let shell = Shell::new();
    let json = shell.run(&["snapshot", "--for", "2s", "--format", "json", "-u", &url]).json();
    assert_eq!(json["fleet"], json!({"verdict": "ok", "reasons": []}), "{json}");
    assert_eq!(json["locks"][0]["token"], "token-of-a-holder-1");
    assert_eq!((&json["queues"][0]["waiting"], &json["queues"][0]["in_rate"]), (&json!(2), &json!(0.0)));
    // The registries of libraries are looked for once and then left alone.
    let mut asked = denials(&server);
    asked.sort();
    let registry = redwarden::family::Registry::new(&redwarden::config::Config::default());
    let mut usual: Vec<String> = registry.well_known().map(|key| key.escaped()).collect();
    usual.sort();
    assert_eq!(asked, usual);
    let release = shell.run(&["locks", "release", "lock:a", "--yes", "-u", &url]);
    assert_eq!((release.code, cli(&server, &["EXISTS", "lock:a"])), (1, "1".into()), "{}", release.err);
}

#[test]
fn acting() {
    let server = Server::start(&[]).unwrap();
    let url = grant(&server, "redwarden-act");
    let shell = Shell::new();
    cli(&server, &["SET", "lock:a", "token-of-a-holder-1"]);
    cli(&server, &["SET", "lock:const", "1"]);
    for lock in ["lock:a", "lock:const"] {
        let ran = shell.run(&["locks", "release", lock, "--yes", "-u", &url]);
        assert_eq!((ran.code, cli(&server, &["EXISTS", lock])), (0, "0".into()), "{}", ran.err);
    }
    let push = shell.run(&["queues", "push", "queue:a", "--count", "3", "-u", &url]);
    assert_eq!((push.code, cli(&server, &["LLEN", "queue:a"])), (0, "3".into()), "{}", push.err);
    let run = shell.run(&["lock", "run", "lock:run", "--ttl", "5s", "-u", &url, "--", "true"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let mut worker = shell
        .command(&["worker", "queue:a", "-u", &url])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the tasks are done", || cli(&server, &["LLEN", "queue:a"]) == "0");
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("it ends", || worker.try_wait().unwrap().is_some());
    assert_eq!(denials(&server), Vec::<String>::new());
}

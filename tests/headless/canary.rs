//! `queues canary`: exit codes, what is said, what is left.

use redwarden::launcher::Server;
use serde_json::json;

use super::{Shell, cli, ran, wait_until};

fn started() -> (Server, Shell, String) {
    let server = Server::start(&[]).unwrap();
    cli(&server, &["SADD", "rq:queues", "rq:queue:default"]);
    cli(&server, &["RPUSH", "rq:queue:default", "another"]);
    let url = server.url();
    (server, Shell::new(), url)
}

#[test]
fn it_ends_done_or_failed_with_the_worker_and_leaves_nothing() {
    for (status, code) in [("finished", 0), ("failed", 1)] {
        let (server, shell, url) = started();
        let mut command =
            shell.command(&["queues", "canary", "rq:queue:default", "--format", "json", "-u", &url]);
        let running = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("it waits", || cli(&server, &["LLEN", "rq:queue:default"]) == "2");
        cli(&server, &["LPOP", "rq:queue:default"]);
        let id = cli(&server, &["LPOP", "rq:queue:default"]);
        cli(&server, &["HSET", &format!("rq:job:{id}"), "status", status, "worker_name", "w7"]);
        let ran = ran(running.wait_with_output().unwrap());
        assert_eq!(ran.code, code, "{}", ran.err);
        let json = ran.json();
        assert_eq!((&json["id"], &json["worker"], &json["family"]), (&json!(id), &json!("w7"), &json!("rq")));
        assert_eq!(json["stage"], if code == 0 { "done" } else { "failed" });
        assert!(json["picked_after_s"].as_f64().unwrap() <= json["after_s"].as_f64().unwrap());
        assert_eq!(cli(&server, &["KEYS", "*"]), "rq:queues");
        let intents: Vec<_> = shell.audit().iter().map(|line| line["intent"].clone()).collect();
        assert_eq!(intents, ["canary", "canary", "canary-clean", "canary-clean"]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_takes_it_away() {
    let (server, shell, url) = started();
    let mut command = shell.command(&["queues", "canary", "rq:queue:default", "--wait", "1m", "-u", &url]);
    let running =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("it waits", || cli(&server, &["LLEN", "rq:queue:default"]) == "2");
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    // It was seen waiting: then it listens for signals, too.
    wait_until("it is followed", || cli(&server, &["CLIENT", "LIST"]).contains("cmd=llen"));
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = ran(running.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("taken away again"), "{}", ran.err);
    assert_eq!(cli(&server, &["KEYS", "*canary*"]), "");
}

#[test]
fn nobody_takes_it_dry_run_and_refusals() {
    let (server, shell, url) = started();
    let run = |args: &[&str]| shell.run(&[&["queues", "canary"][..], args, &["-u", &url]].concat());
    let dry = run(&["rq:queue:default", "--dry-run"]);
    assert_eq!((dry.code, shell.audit().len()), (0, 0), "{}", dry.err);
    assert!(
        dry.err.contains("RPUSH rq:queue:default redwarden-canary-") && dry.err.contains("1 stand before"),
        "{}",
        dry.err
    );
    let none = run(&["rq:queue:default", "--wait", "300ms"]);
    assert_eq!(none.code, 1, "{}", none.err);
    assert!(none.err.contains("nobody took it: taken away again"), "{}", none.err);
    assert!(none.out.contains(" not_taken -"), "{}", none.out);
    assert_eq!(cli(&server, &["LRANGE", "rq:queue:default", "0", "-1"]), "another");
    assert_eq!(cli(&server, &["KEYS", "*canary*"]), "");
    cli(&server, &["LPUSH", "queue:plain", "x"]);
    let plain = run(&["queue:plain"]);
    assert_eq!(plain.code, 1);
    assert!(
        plain.err.contains("[[canary]] family = \"list\"")
            && plain.err.contains("queues push queue:redwarden-test"),
        "{}",
        plain.err
    );
    assert_eq!(run(&["queue:nowhere"]).code, 1);
    assert_eq!(run(&["rq:queue:default", "--wait", "2h"]).code, 2);
    let config = server.dir().join("production.toml");
    let write = |canary: &str| std::fs::write(&config, format!("production = true\n{canary}")).unwrap();
    let production = |args: &[&str]| {
        let file = ["--config", config.to_str().unwrap(), "--write", "--wait", "100ms"];
        run(&[&["rq:queue:default"][..], args, &file].concat())
    };
    write("");
    let refused = production(&["--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("production"), "{}", refused.err);
    write("[[canary]]\nfamily = \"rq\"\n");
    assert_eq!(production(&[]).code, 2, "nobody confirms");
    let named = production(&["--yes"]);
    assert_eq!(named.code, 1);
    assert!(named.err.contains("taken away again"), "{}", named.err);
}

//! `worker` and `lock run` as processes.

use std::process::Stdio;

use redwarden::launcher::{SentinelGroup, SentinelShape, Server};

use super::{Shell, cli, wait_until};

#[test]
fn the_worker_runs_test_tasks_and_drains_on_sigterm() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    cli(&server, &["LPUSH", "queue:q", "a real task of somebody"]);
    assert_eq!(shell.run(&["queues", "push", "queue:q", "--count", "5", "--force", "-u", &url]).code, 0);
    let mut worker = shell
        .command(&["worker", "queue:q", "-u", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the five are gone", || cli(&server, &["LLEN", "queue:q"]) == "1");
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("it ends", || worker.try_wait().unwrap().is_some());
    let ran = super::ran(worker.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("5 done"), "{}", ran.err);
    assert_eq!(cli(&server, &["LRANGE", "queue:q", "0", "-1"]), "a real task of somebody");
    assert_eq!(cli(&server, &["KEYS", "redwarden:*processing*"]), "");
}

#[test]
fn several_queues_on_all_nodes_with_retries() {
    let servers = [Server::start(&[]).unwrap(), Server::start(&[]).unwrap()];
    let shell = Shell::new();
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    for server in &servers {
        cli(server, &["LPUSH", "queue:a", "x"]);
        cli(server, &["LPUSH", "queue:b", "y"]);
    }
    let exec = "[ \"$REDWARDEN_ATTEMPT\" = 2 ]";
    let flags = ["--queue", "queue:a=3", "queue:b", "--all-nodes", "--retries", "2", "--concurrency", "2"];
    let mut worker = shell
        .command(&[&["worker", "--exec", exec, "-u", &urls[0], "-u", &urls[1]][..], &flags].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let left = |server: &Server| cli(server, &["KEYS", "*"]);
    wait_until("all done", || {
        servers.iter().all(|s| {
            let left = left(s);
            !left.contains("queue:a\n")
                && !left.contains(":retries")
                && !left.contains("processing")
                && cli(s, &["EXISTS", "queue:a", "queue:b"]) == "0"
                && !left.contains("retrying")
        })
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("it ends", || worker.try_wait().unwrap().is_some());
    let ran = super::ran(worker.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("4 done, 4 failed, 4 retried"), "{} {}", ran.err, ran.out);
    assert!(servers.iter().all(|s| left(s).is_empty()), "a clean stop leaves nothing");
}

#[test]
fn a_replica_that_came_later_takes_over_and_the_worker_goes_on_there() {
    let shape = SentinelShape { sentinels: 1, quorum: 1, ..SentinelShape::default() };
    let mut group = SentinelGroup::start(&shape).unwrap();
    let sentinel = group.sentinels().next().unwrap().url();
    let primary = group.server(0).unwrap().port().to_string();
    let shell = Shell::new();
    let task = |id: &str| format!(r#"{{"id":"{id}","kind":"redwarden.test"}}"#);
    cli(group.server(0).unwrap(), &["LPUSH", "queue:q", &task("first")]);
    let mut worker = shell
        .command(&["worker", "queue:q", "--sentinel", &sentinel, "--master-name", group.name()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("it works", || cli(group.server(0).unwrap(), &["EXISTS", "queue:q"]) == "0");
    // Nobody had heard of it when the worker began; its rank makes it the next primary.
    let later =
        Server::start(&["--replicaof", &format!("127.0.0.1 {primary}"), "--replica-priority", "1"]).unwrap();
    let told = |server: &Server, what: &str, text: &str| {
        cli(server, &[&["SENTINEL"][..], &what.split(' ').collect::<Vec<_>>()].concat()).contains(text)
    };
    let port = later.port().to_string();
    let watcher = || group.sentinels().next().unwrap();
    wait_until("Sentinel knows it", || told(watcher(), "REPLICAS mymaster", &format!("port\n{port}\n")));
    wait_until("it is in sync", || cli(&later, &["INFO", "replication"]).contains("master_link_status:up"));
    wait_until("its rank is known", || told(watcher(), "REPLICAS mymaster", "slave-priority\n1\n"));
    group.server_mut(0).unwrap().kill();
    wait_until("it is the primary", || cli(&later, &["INFO", "replication"]).contains("role:master"));
    cli(&later, &["LPUSH", "queue:q", &task("second")]);
    wait_until("the worker goes on there", || cli(&later, &["EXISTS", "queue:q"]) == "0");
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("it ends", || worker.try_wait().unwrap().is_some());
    let ran = super::ran(worker.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("goes on with 127.0.0.1:{port}")), "{}", ran.out);
    assert!(ran.err.contains("2 done"), "{}", ran.err);
}

#[test]
fn exec_runs_real_tasks_without_our_secrets() {
    let server = Server::start(&["--requirepass", "s3cret"]).unwrap();
    let shell = Shell::new();
    let out = shell.home.path().join("out");
    let auth = ["-a", "s3cret", "--no-auth-warning"];
    cli(&server, &[&auth[..], &["LPUSH", "queue:q", "payload-1"]].concat());
    let exec = format!("cat > {0}.tmp; env >> {0}.tmp; mv {0}.tmp {0}", out.display());
    let mut worker = shell
        .command(&["worker", "queue:q", "--exec", &exec, "-u", &server.url()])
        .env("REDISCLI_AUTH", "s3cret")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the command ran", || out.exists());
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("payload-1"), "{text}");
    assert!(text.contains("REDWARDEN_QUEUE=queue:q") && !text.contains("s3cret"), "{text}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("it ends", || worker.try_wait().unwrap().is_some());
}

#[test]
fn lock_run_passes_on_the_exit_code() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let port = server.port().to_string();
    let script = format!("redis-cli -p {port} PTTL lock:job; exit 7");
    let ran = shell.run(&["lock", "run", "lock:job", "--ttl", "10s", "-u", &url, "--", "sh", "-c", &script]);
    assert_eq!(ran.code, 7, "{}", ran.err);
    let ttl: i64 = ran.out.trim().parse().unwrap();
    assert!((1..=10_000).contains(&ttl), "{ttl}");
    assert_eq!(cli(&server, &["EXISTS", "lock:job"]), "0");
    cli(&server, &["SET", "lock:job", "another"]);
    let held = shell.run(&["lock", "run", "lock:job", "--ttl", "10s", "-u", &url, "--", "true"]);
    assert_ne!(held.code, 0);
    assert!(held.err.contains("held by another"), "{}", held.err);
    assert_eq!(cli(&server, &["GET", "lock:job"]), "another");
}

//! `redwarden demo` end to end: three nodes on the screen, and nothing left behind, however it ends.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "../support/pty.rs"]
mod pty;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pty::Terminal;
use redwarden::cli::{Demo, Stage};
use redwarden::config::Endpoint;
use redwarden::demo::{self, DemoFleet, Duty};
use redwarden::domain::{Command, Reply};
use redwarden::redis_io::{ClientRole, WritePermit, Writer};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A server of the demo, as its own log file tells.
#[derive(Debug)]
struct Found {
    pid: i32,
    port: u16,
}

fn redwarden() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_redwarden"))
}

fn wait_until(what: &str, mut wish: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wish() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_running(pid: i32) -> bool {
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

/// The demo's directory inside `parent`.
fn demo_dir(parent: &Path) -> Option<PathBuf> {
    std::fs::read_dir(parent).unwrap().filter_map(Result::ok).map(|e| e.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("redwarden-demo-"))
    })
}

/// Reads pid and port of each server from its log: `20119:M ... Running mode=standalone, port=41517.`
fn servers(dir: &Path) -> Vec<Found> {
    let found = std::fs::read_dir(dir).unwrap().filter_map(|entry| {
        let log = std::fs::read_to_string(entry.ok()?.path().join("log")).ok()?;
        // A server that died and came back has two such lines: the last one counts.
        let log: Vec<&str> = log.lines().rev().collect();
        let line = log.iter().find(|line| line.contains("port="))?;
        let pid = line.split(':').next()?.parse().ok()?;
        let port = line.split("port=").nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        Some(Found { pid, port })
    });
    found.collect()
}

fn assert_all_gone(dir: &Path, servers: &[Found]) {
    assert!(servers.len() == 3 || servers.len() == 6, "{servers:?}");
    for server in servers {
        wait_until("the server's process gone", || !is_running(server.pid));
        assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err(), "port {} is open", server.port);
    }
    wait_until("the directory gone", || !dir.exists());
}

fn of(fleet: &DemoFleet) -> Vec<Found> {
    fleet.nodes.iter().map(|n| Found { pid: n.pid.cast_signed(), port: n.port }).collect()
}

/// The demo in a terminal, with all its nodes up.
fn dashboard() -> (Terminal, PathBuf, Vec<Found>) {
    dashboard_on(&["demo"], "3/3 up")
}

fn dashboard_on(args: &[&str], up: &str) -> (Terminal, PathBuf, Vec<Found>) {
    let terminal = Terminal::redwarden(args);
    terminal.wait_for(up);
    terminal.wait_for("lock:import:customers");
    terminal.wait_for("queue:dead");
    let dir = demo_dir(terminal.home()).unwrap();
    let servers = servers(&dir);
    assert!(servers.iter().all(|s| is_running(s.pid)), "{servers:?}");
    (terminal, dir, servers)
}

#[test]
fn shows_three_nodes_and_ends_clean_on_q() {
    let (mut terminal, dir, servers) = dashboard();
    terminal.send("q");
    assert!(terminal.wait_exit().success());
    terminal.assert_restored();
    // It waits for the supervisor, so everything is gone by the time the shell's prompt is back.
    assert!(!dir.exists());
    assert_all_gone(&dir, &servers);
}

#[test]
fn kill_9_of_the_dashboard_leaves_nothing() {
    let (mut terminal, dir, servers) = dashboard();
    terminal.signal(Signal::KILL);
    terminal.wait_exit();
    assert_all_gone(&dir, &servers);
}

#[test]
fn ctrl_c_and_sigterm_leave_nothing() {
    for end in ["ctrl-c", "SIGTERM"] {
        let (mut terminal, dir, servers) = dashboard();
        match end {
            "ctrl-c" => terminal.send("\x03"),
            _ => terminal.signal(Signal::TERM),
        }
        terminal.wait_exit();
        terminal.assert_restored();
        assert_all_gone(&dir, &servers);
    }
}

#[test]
fn the_supervisor_stops_its_own_children_on_sigterm() {
    let fleet = demo::start_with(redwarden(), Demo::default()).unwrap();
    let (dir, servers) = (fleet.dir.clone(), of(&fleet));
    let status = std::process::Command::new("ps")
        .args(["-o", "ppid=", "-p", &servers[0].pid.to_string()])
        .output()
        .unwrap();
    let supervisor: i32 = String::from_utf8_lossy(&status.stdout).trim().parse().unwrap();
    assert_ne!(supervisor, std::process::id().cast_signed());
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::TERM).unwrap();
    assert_all_gone(&dir, &servers);
    drop(fleet);
}

#[test]
fn two_demos_do_not_meet() {
    let one = demo::start_with(redwarden(), Demo::default()).unwrap();
    let two = demo::start_with(redwarden(), Demo::default()).unwrap();
    assert_ne!(one.dir, two.dir);
    let (dir, servers) = (one.dir.clone(), of(&one));
    drop(one);
    assert_all_gone(&dir, &servers);
    assert!(of(&two).iter().all(|s| is_running(s.pid)));
    assert!(two.dir.exists());
}

#[test]
fn a_cluster_and_a_sentinel_group_come_and_go() {
    for stage in ["--cluster", "--sentinel"] {
        let (mut terminal, dir, servers) = dashboard_on(&["demo", stage], "6/6 up");
        assert_eq!(servers.len(), 6, "{servers:?}");
        if stage == "--cluster" {
            terminal.send("q");
            assert!(terminal.wait_exit().success());
            terminal.assert_restored();
        } else {
            terminal.signal(Signal::KILL);
            terminal.wait_exit();
        }
        assert_all_gone(&dir, &servers);
    }
}

#[tokio::test]
async fn a_failover_of_a_cluster_to_be_seen() {
    see_a_failover(Stage::Cluster).await;
}

#[tokio::test]
async fn a_failover_of_a_sentinel_group_to_be_seen() {
    see_a_failover(Stage::Sentinel).await;
}

/// A primary dies, its replica takes over and the clients play on there; then the dead one comes back behind it.
async fn see_a_failover(stage: Stage) {
    let wish = Demo { stage, failover: true };
    let fleet = tokio::task::spawn_blocking(move || demo::start_with(redwarden(), wish)).await;
    let fleet = fleet.unwrap().unwrap();
    let dies = fleet.nodes[0].port;
    let others: Vec<u16> =
        fleet.nodes.iter().skip(1).filter(|n| n.duty == Duty::Data).map(|n| n.port).collect();
    let plays = async |ports: &[u16]| {
        for port in ports {
            // In the first third of the slots, so on the first primary of the cluster.
            let Some(mut writer) = writer(*port).await else { continue };
            // A node that changes its role cuts its clients off.
            let Ok(role) = writer.call(&Command::new("ROLE")).await else { continue };
            let primary = role.as_array().unwrap()[0].as_bytes().unwrap() == "master".into();
            let Ok(pttl) = writer.call(&Command::new("PTTL lock:pricing:eu")).await else { continue };
            if primary && pttl.as_int().is_some_and(|ms| ms > 0) {
                return true;
            }
        }
        false
    };
    eventually("clients play on the first primary", async || plays(&[dies]).await).await;
    eventually("they play on another one", async || plays(&others).await).await;
    assert!(writer(dies).await.is_none());
    eventually("the dead one is back as a replica", async || {
        let Some(mut writer) = writer(dies).await else { return false };
        let Ok(info) = writer.call(&Command::new("INFO replication")).await else { return false };
        info.as_bytes().unwrap().escaped().contains("role:slave")
    })
    .await;
    let (dir, servers) = (fleet.dir.clone(), servers(&fleet.dir));
    drop(fleet);
    assert_all_gone(&dir, &servers);
}

async fn writer(port: u16) -> Option<Writer> {
    let permit = WritePermit::for_own_servers();
    Writer::open(&Endpoint::tcp("127.0.0.1", port), ClientRole::Demo, Duration::from_secs(2), permit)
        .await
        .ok()
}

#[test]
fn without_a_server_it_says_which_package() {
    let output = std::process::Command::new(redwarden()).arg("demo").env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("apt-get install redis-server"), "{text}");
}

#[tokio::test]
async fn the_simulated_clients_play() {
    let fleet = tokio::task::spawn_blocking(|| demo::start_with(redwarden(), Demo::default()))
        .await
        .unwrap()
        .unwrap();
    let mut writers = Vec::new();
    for node in fleet.node_configs() {
        let permit = WritePermit::for_own_servers();
        let timeout = Duration::from_secs(5);
        writers.push(Writer::open(&node.endpoint, ClientRole::Demo, timeout, permit).await.unwrap());
    }
    let [orders, billing, media] = &mut writers[..] else { panic!("three nodes") };

    // There from the first look on: the stuck lock, the dead holder's lock, backlogs.
    assert_eq!(int(orders, "PTTL lock:import:customers").await, -1);
    assert!(int(billing, "PTTL lock:report:nightly").await > 500_000);
    assert_eq!(int(orders, "LLEN queue:dead").await, 37);
    assert!(int(media, "LLEN queue:thumbnails").await > 2_900);

    // A renewed lock: its TTL goes up again though nobody else touched it.
    let mut lowest = i64::MAX;
    eventually("lock:pricing:eu renewed", async || {
        let now = int(orders, "PTTL lock:pricing:eu").await;
        let renewed = now > lowest.saturating_add(1_000);
        lowest = lowest.min(if now > 0 { now } else { lowest });
        renewed
    })
    .await;
    // Queues move.
    let before = int(billing, "LLEN queue:webhooks").await;
    eventually("queue:webhooks grows", async || int(billing, "LLEN queue:webhooks").await > before).await;
    let before = int(media, "LLEN queue:thumbnails").await;
    eventually("queue:thumbnails drains", async || int(media, "LLEN queue:thumbnails").await < before).await;
    // Somebody is blocked on import_queue.
    eventually("a blocked consumer", async || {
        let clients = media.call(&Command::new("CLIENT LIST")).await.unwrap();
        let text = clients.as_bytes().unwrap().escaped();
        text.contains("name=importer-3") && text.contains("cmd=brpop")
    })
    .await;
}

async fn int(writer: &mut Writer, command: &str) -> i64 {
    let reply: Reply = writer.call(&Command::new(command)).await.unwrap();
    reply.as_int().unwrap_or_else(|| panic!("{command}: {reply:?}"))
}

async fn eventually(what: &str, mut wish: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !wish().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

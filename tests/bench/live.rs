//! Pushed changes on a real server: how soon a lock is on the board and on the screen, what watching costs the server when nothing much
//! happens, and what a storm of changes costs both.
//!
//! `cargo bench --bench live`. Sizes by the environment: `KEYS` (1,000,000), `LOCKS` (10,000), `MANY` (100,000 locks of
//! the storm), `CHANGES` (5,000 a second), `SECONDS` of each steady part (20). CPU and memory are read from /proc.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its result"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::config::{Config, NodeConfig};
use redwarden::domain::{Command, LockId, NodeId, NodeMeta, NodeSnapshot};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

#[path = "../support/pty.rs"]
mod pty;

use pty::Terminal;

const STEP: u64 = 50_000;
const FILL: &str = "for i=ARGV[1],ARGV[2] do redis.call('SET',ARGV[3]..i,ARGV[4]..i) end";
const TOKEN: &str = "4f9c0c5e-9b52-4d8e-8c0c-";
/// Locks taken and released one by one for the latency.
const SAMPLES: usize = 500;

fn size(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let (keys, locks) = (size("KEYS", 1_000_000), size("LOCKS", 10_000));
    let seconds = Duration::from_secs(size("SECONDS", 20));
    let server = Server::start(&[]).unwrap();
    let mut writer = open(&server).await;
    fill(&mut writer, keys - locks, "item:", "some value of some length ").await;
    fill(&mut writer, locks, "lock:", TOKEN).await;
    println!("{keys} keys, {locks} locks");
    let idle = steady(&server, None, seconds).await;
    println!("nobody watches:        {:6.3} % of a core", idle * 100.0);
    let families = redwarden::family::registry::lock_family_ids().iter().map(ToString::to_string).collect();
    let prefixes = Config {
        lock_patterns: vec!["lock:*".into()],
        queue_patterns: Vec::new(),
        disabled_families: families,
        ..Config::default()
    };
    for (name, config) in [("A, prefixes only:", prefixes), ("B, default patterns:", Config::default())] {
        let fleet = watch(&server, config, locks as usize).await;
        let used = steady(&server, Some(&fleet), seconds).await;
        let told = node(&fleet);
        println!(
            "{name:22} {:6.3} % of a core more; said: {} prefixes, {:.1} commands/s, at most {:.3} %",
            (used - idle).max(0.0) * 100.0,
            told.live.prefixes,
            told.cost.commands_per_sec,
            told.cost.busy_share * 100.0
        );
        latency(&fleet, &mut writer).await;
    }
    on_screen(&server, &mut writer).await;
    storm(seconds).await;
}

async fn open(server: &Server) -> Writer {
    let permit = WritePermit::for_own_servers();
    Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(60), permit).await.unwrap()
}

async fn fill(writer: &mut Writer, count: u64, prefix: &str, value: &str) {
    for from in (1..=count).step_by(STEP as usize) {
        let to = (from + STEP - 1).min(count);
        let command = Command::new("EVAL").arg(FILL).arg(0_i64).arg(from).arg(to).arg(prefix).arg(value);
        writer.call(&command).await.unwrap();
    }
}

fn node(fleet: &Fleet) -> Arc<NodeSnapshot> {
    fleet.board().borrow().nodes[0].clone()
}

/// A fleet that has found all locks and gets pushes.
async fn watch(server: &Server, config: Config, locks: usize) -> Fleet {
    let endpoint = server.endpoint();
    let meta =
        NodeMeta { id: NodeId::new("bench"), address: endpoint.address.to_string(), db: 0, group: None };
    let fleet = Fleet::spawn_live(Arc::new(Config { nodes: vec![NodeConfig { meta, endpoint }], ..config }));
    until(&fleet, |node| node.scan.passes > 0 && node.locks.len() == locks && node.live.pushed).await;
    fleet
}

async fn until(fleet: &Fleet, holds: impl Fn(&NodeSnapshot) -> bool) {
    let mut board = fleet.board();
    let come = board.wait_for(|board| board.nodes.first().is_some_and(|node| holds(node)));
    tokio::time::timeout(Duration::from_secs(120), come).await.expect("it never came").unwrap();
}

/// Share of a core that the server uses while nothing happens but watching.
async fn steady(server: &Server, fleet: Option<&Fleet>, time: Duration) -> f64 {
    // What the first search left behind is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, began) = (cpu(server.pid()), Instant::now());
    tokio::time::sleep(time).await;
    let used = cpu(server.pid()).saturating_sub(before);
    assert!(fleet.is_none_or(|fleet| node(fleet).live.pushed));
    used.as_secs_f64() / began.elapsed().as_secs_f64()
}

/// From the call that takes or releases a lock until it is on the board.
async fn latency(fleet: &Fleet, writer: &mut Writer) {
    let mut took: [Vec<Duration>; 2] = Default::default();
    for i in 0..SAMPLES {
        let key = format!("lock:sample:{i}");
        for (release, times) in took.iter_mut().enumerate() {
            let command = if release == 0 {
                Command::new("SET").arg(key.as_str()).arg(TOKEN).arg("PX").arg(60_000_i64)
            } else {
                Command::new("DEL").arg(key.as_str())
            };
            // Not in step with the looks and the publishing.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..40_000))).await;
            let began = Instant::now();
            writer.call(&command).await.unwrap();
            until(fleet, |node| {
                let id = LockId { node: node.meta.id.clone(), db: 0, key: key.as_str().into() };
                node.locks.position(&id).is_some() == (release == 0)
            })
            .await;
            times.push(began.elapsed());
        }
    }
    print(took, "board");
}

fn print(mut took: [Vec<Duration>; 2], place: &str) {
    for (name, times) in ["taken", "released"].into_iter().zip(&mut took) {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "  {name:9} to {place}: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

/// The same until the program itself shows it in a terminal, among all other locks and with a filter in force.
async fn on_screen(server: &Server, writer: &mut Writer) {
    let mut terminal = Terminal::redwarden(&["--read-only", &server.url()]);
    terminal.wait_until("all is listed", |screen| {
        let text = screen.contents();
        text.contains("push") && !text.contains("first search") && text.contains("lock:")
    });
    terminal.send("2/sample\r");
    terminal.wait_for("No lock matches");
    let mut took: [Vec<Duration>; 2] = Default::default();
    for i in 0..SAMPLES {
        let key = format!("lock:sample:{i}");
        let take = Command::new("SET").arg(key.as_str()).arg(TOKEN).arg("PX").arg(60_000_i64);
        for (release, command) in [take, Command::new("DEL").arg(key.as_str())].into_iter().enumerate() {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..40_000))).await;
            let began = Instant::now();
            writer.call(&command).await.unwrap();
            tokio::task::block_in_place(|| match release {
                0 => terminal.wait_for(&key),
                _ => terminal.wait_gone(&key),
            });
            took[release].push(began.elapsed());
        }
    }
    print(took, "screen");
}

/// Very many locks, of which very many change.
async fn storm(time: Duration) {
    let (many, changes) = (size("MANY", 100_000), size("CHANGES", 5_000));
    let server = Server::start(&[]).unwrap();
    let mut writer = open(&server).await;
    fill(&mut writer, many, "lock:", TOKEN).await;
    let memory = resident();
    let fleet = watch(&server, Config::default(), many as usize).await;
    let held = resident().saturating_sub(memory);
    println!("{many} locks: {} MiB for them, {changes} changes a second from here", held >> 20);
    let (server_before, own_before) = (cpu(server.pid()), cpu(std::process::id()));
    let (began, mut published, mut done, mut most) = (Instant::now(), 0_u64, 0_u64, 0);
    let mut board = fleet.board();
    while began.elapsed() < time {
        let due = (began.elapsed().as_secs_f64() * changes as f64) as u64;
        let batch: Vec<Command> = (done..due.min(done + 1000))
            .map(|i| {
                let key = format!("lock:{}", fastrand::u64(1..=many));
                Command::new("SET").arg(key).arg(format!("{TOKEN}{i}")).arg("PX").arg(600_000_i64)
            })
            .collect();
        done += batch.len() as u64;
        writer.pipeline(&batch).await.unwrap();
        if board.has_changed().unwrap() {
            board.borrow_and_update();
            published += 1;
        }
        most = most.max(resident());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let share = |before: Duration, pid: u32| cpu(pid).saturating_sub(before).as_secs_f64() / seconds * 100.0;
    println!(
        "  {:.0} changes/s, {:.1} boards/s; server {:.1} %, we {:.1} % of a core (the writer is in it); {} MiB more at most",
        done as f64 / seconds,
        published as f64 / seconds,
        share(server_before, server.pid()),
        share(own_before, std::process::id()),
        most.saturating_sub(memory) >> 20
    );
    // The last change is seen too.
    writer.call(&Command::new("SET").arg("lock:0").arg(TOKEN)).await.unwrap();
    let last = Instant::now();
    until(&fleet, |node| node.locks.first().is_some_and(|l| l.id.key.as_slice() == b"lock:0")).await;
    println!("  the last change was on the board {:.0} ms later", last.elapsed().as_secs_f64() * 1e3);
}

/// CPU time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a Linux /proc");
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in ticks of 10 ms.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux /proc");
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

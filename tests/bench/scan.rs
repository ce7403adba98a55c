//! Finds 10,000 locks among a million keys on a real server: the dashboard's search beside `redis-cli --scan` alone.
//!
//! `cargo bench --bench scan`. One run, one server; wall time is ours, server time is what `INFO commandstats` counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its result"
)]

use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::config::{Config, NodeConfig};
use redwarden::domain::{Command, NodeId, NodeMeta};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

const KEYS: i64 = 1_000_000;
const LOCKS: i64 = 10_000;
const STEP: i64 = 50_000;
const FILL: &str = "for i=ARGV[1],ARGV[2] do redis.call('SET',ARGV[3]..i,ARGV[4]..i) end";

/// One contender's figures.
struct Figure {
    name: &'static str,
    wall: Duration,
    server: Duration,
    calls: u64,
    scan: Duration,
    scans: u64,
    found: usize,
}

#[tokio::main]
async fn main() {
    let server = Server::start(&[]).unwrap();
    let permit = WritePermit::for_own_servers();
    let endpoint = server.endpoint();
    let mut writer =
        Writer::open(&endpoint, ClientRole::Demo, Duration::from_secs(60), permit).await.unwrap();
    fill(&mut writer, KEYS - LOCKS, "item:", "some value of some length ").await;
    fill(&mut writer, LOCKS, "lock:", "4f9c0c5e-9b52-4d8e-8c0c-").await;

    let mut figures = Vec::new();
    for (name, args) in [
        ("redis-cli --scan", &["--scan", "--pattern", "lock:*"][..]),
        ("redis-cli --scan --count 1000", &["--scan", "--pattern", "lock:*", "--count", "1000"][..]),
    ] {
        reset(&mut writer).await;
        let start = Instant::now();
        let Ok(output) = Process::new("redis-cli")
            .args(["-p", &server.port().to_string()])
            .args(args)
            .stderr(Stdio::null())
            .output()
        else {
            println!("redis-cli is not on PATH: nothing to compare with");
            break;
        };
        let wall = start.elapsed();
        let found = output.stdout.split(|b| *b == b'\n').filter(|line| line.starts_with(b"lock:")).count();
        // Before 7.2 redis-cli knows no --count.
        if found > 0 {
            figures.push(figure(name, wall, found, &spent(&mut writer).await));
        }
    }
    reset(&mut writer).await;
    let (wall, found) = dashboard(&server).await;
    figures.push(figure("redwarden, keys, tokens and TTLs", wall, found, &spent(&mut writer).await));
    report(&figures);
}

fn figure(name: &'static str, wall: Duration, found: usize, spent: &Spent) -> Figure {
    let ((server, calls), (scan, scans)) = (spent.all, spent.scan);
    Figure { name, wall, server, calls, scan, scans, found }
}

async fn fill(writer: &mut Writer, count: i64, prefix: &str, value: &str) {
    for from in (1..=count).step_by(STEP as usize) {
        let to = (from + STEP - 1).min(count);
        let command = Command::new("EVAL").arg(FILL).arg(0_i64).arg(from).arg(to).arg(prefix).arg(value);
        writer.call(&command).await.unwrap();
    }
}

async fn reset(writer: &mut Writer) {
    writer.call(&Command::new("CONFIG RESETSTAT")).await.unwrap();
}

/// Server time and number of all calls since the reset, ours excepted, and of SCAN alone.
struct Spent {
    all: (Duration, u64),
    scan: (Duration, u64),
}

async fn spent(writer: &mut Writer) -> Spent {
    let reply = writer.call(&Command::new("INFO").arg("commandstats")).await.unwrap();
    let text = reply.as_bytes().unwrap();
    let text = text.as_utf8().unwrap().to_string();
    let mut spent = Spent { all: (Duration::ZERO, 0), scan: (Duration::ZERO, 0) };
    for line in text.lines().filter(|l| l.starts_with("cmdstat_") && !l.contains("config|resetstat")) {
        let field = |name: &str| -> u64 {
            let at = line.find(name).unwrap() + name.len();
            line[at..].split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let (calls, time) = (field("calls="), Duration::from_micros(field("usec=")));
        spent.all = (spent.all.0 + time, spent.all.1 + calls);
        if line.starts_with("cmdstat_scan:") {
            spent.scan = (time, calls);
        }
    }
    spent
}

/// From nothing to a board with every lock, its token and its TTL.
async fn dashboard(server: &Server) -> (Duration, usize) {
    let endpoint = server.endpoint();
    let meta =
        NodeMeta { id: NodeId::new("bench"), address: endpoint.address.to_string(), db: 0, group: None };
    let config = Config { nodes: vec![NodeConfig { meta, endpoint }], ..Config::default() };
    let start = Instant::now();
    let fleet = Fleet::spawn(Arc::new(config));
    let mut board = fleet.board();
    let done = board.wait_for(|board| {
        board.nodes.first().is_some_and(|node| node.scan.passes > 0 && node.locks.len() == LOCKS as usize)
    });
    let found = tokio::time::timeout(Duration::from_secs(120), done).await.expect("no whole pass").unwrap();
    (start.elapsed(), found.nodes[0].locks.len())
}

fn report(figures: &[Figure]) {
    println!("{LOCKS} locks among {KEYS} keys");
    println!(
        "{:34} {:>10} {:>12} {:>8} {:>12} {:>8} {:>12} {:>7}",
        "", "wall", "server time", "calls", "SCAN time", "SCANs", "us a SCAN", "found"
    );
    for f in figures {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{:34} {:>8.0}ms {:>10.0}ms {:>8} {:>10.0}ms {:>8} {:>12.1} {:>7}",
            f.name,
            ms(f.wall),
            ms(f.server),
            f.calls,
            ms(f.scan),
            f.scans,
            ms(f.scan) * 1e3 / f.scans.max(1) as f64,
            f.found
        );
    }
    let Some((ours, others)) = figures.split_last() else { return };
    for other in others {
        println!(
            "redwarden / {}: wall {:.2}, server time {:.2}",
            other.name,
            ours.wall.as_secs_f64() / other.wall.as_secs_f64(),
            ours.server.as_secs_f64() / other.server.as_secs_f64()
        );
    }
}

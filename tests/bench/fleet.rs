//! What watching costs: processor and memory of the dashboard at 1, 50 and 200 nodes, one look a second at each, the
//! server time of one look, and the time of one frame and of one board taken in.
//!
//! `cargo bench --bench fleet`, or with numbers of nodes of your own: `cargo bench --bench fleet -- 1 10`. The program
//! runs in a terminal of its own beside real servers with locks and queues. Linux only: it reads /proc.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its result"
)]

use std::time::{Duration, Instant};

use ratatui::backend::TestBackend;
use redwarden::app::event::Event;
use redwarden::app::update::update;
use redwarden::domain::Command;
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};
use redwarden::ui::{ViewCache, render};

#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/pty.rs"]
mod pty;

/// Locks and queues on each server.
const LOCKS: usize = 20;
const QUEUES: usize = 5;
/// Left alone before it is measured: the first search runs at full speed.
const SETTLE: Duration = Duration::from_secs(10);
/// How long it is measured.
const WINDOW: Duration = Duration::from_secs(30);
/// `sysconf(_SC_CLK_TCK)`, 100 on every Linux that matters.
const TICKS_A_SECOND: f64 = 100.0;

/// Figures of a running dashboard.
struct Figure {
    nodes: usize,
    processor_percent: f64,
    resident_mib: f64,
    look_us: f64,
    calls_a_look: f64,
}

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let counts = if given.is_empty() { vec![1, 50, 200] } else { given };
    println!(
        "| nodes | processor of one core | resident | server time of one look | calls | frame | board taken in |"
    );
    println!("|---|---|---|---|---|---|---|");
    for nodes in counts {
        let figure = measure(nodes);
        let (frame, board) = draw(nodes);
        println!(
            "| {} | {:.1} % | {:.1} MiB | {:.0} us | {:.1} | {:.0} us | {:.0} us |",
            figure.nodes,
            figure.processor_percent,
            figure.resident_mib,
            figure.look_us,
            figure.calls_a_look,
            frame.as_secs_f64() * 1e6,
            board.as_secs_f64() * 1e6,
        );
    }
}

/// Watches so many servers with the real program.
fn measure(nodes: usize) -> Figure {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let servers: Vec<Server> = (0..nodes).map(|_| Server::start(&[]).unwrap()).collect();
    for server in &servers {
        runtime.block_on(fill(server));
    }
    let mut args = vec!["--interval".to_string(), "1s".into(), "--read-only".into()];
    args.extend(servers.iter().map(Server::url));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let terminal = pty::Terminal::redwarden(&args);
    terminal.wait_for(&format!("{nodes}/{nodes} up"));
    std::thread::sleep(SETTLE);
    let before: Vec<Stats> = servers.iter().map(|s| runtime.block_on(stats(s))).collect();
    let (ticks, began) = (ticks(terminal.pid()), Instant::now());
    std::thread::sleep(WINDOW);
    let spent = (self::ticks(terminal.pid()) - ticks) / TICKS_A_SECOND;
    let processor_percent = 100.0 * spent / began.elapsed().as_secs_f64();
    let resident_mib = resident_kib(terminal.pid()) / 1024.0;
    let mut grown = Stats::default();
    for (server, before) in servers.iter().zip(&before) {
        let after = runtime.block_on(stats(server));
        grown.looks += after.looks - before.looks;
        grown.calls += after.calls - before.calls;
        grown.us += after.us - before.us;
    }
    drop(terminal);
    Figure {
        nodes,
        processor_percent,
        resident_mib,
        look_us: grown.us / grown.looks.max(1.0),
        calls_a_look: grown.calls / grown.looks.max(1.0),
    }
}

async fn open(server: &Server) -> Writer {
    let permit = WritePermit::for_own_servers();
    Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(10), permit).await.unwrap()
}

async fn fill(server: &Server) {
    let mut writer = open(server).await;
    let locks =
        (0..LOCKS).map(|n| Command::new(&format!("SET lock:{n} 4f9c0c5e-9b52-4d8e-8c0c-0d7a PX 3600000")));
    let queues = (0..QUEUES).map(|n| Command::new(&format!("LPUSH queue:{n} one two three four five")));
    let commands: Vec<Command> = locks.chain(queues).collect();
    writer.pipeline(&commands).await.unwrap();
}

/// Counters of `INFO commandstats`, without our own connection's INFO.
#[derive(Default)]
struct Stats {
    looks: f64,
    calls: f64,
    us: f64,
}

async fn stats(server: &Server) -> Stats {
    let reply = open(server).await.call(&Command::new("INFO commandstats")).await.unwrap();
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap().as_slice()).into_owned();
    let mut stats = Stats::default();
    for line in text.lines() {
        let Some((name, values)) = line.strip_prefix("cmdstat_").and_then(|l| l.split_once(':')) else {
            continue;
        };
        let value = |wanted: &str| {
            let field = values.split(',').find_map(|f| f.strip_prefix(wanted)?.strip_prefix('='));
            field.and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0)
        };
        if name == "ping" {
            stats.looks = value("calls");
        }
        stats.calls += value("calls");
        stats.us += value("usec");
    }
    stats
}

/// User and system time of a process, in clock ticks.
fn ticks(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th field after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}

fn resident_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One frame drawn whole, and one board taken in: the mean of many.
fn draw(nodes: usize) -> (Duration, Duration) {
    const TIMES: u32 = 200;
    let board = fixtures::board(
        (0..nodes)
            .map(|n| {
                let locks = (0..LOCKS).map(|l| fixtures::lock(format!("lock:{l}"))).collect();
                let queues = (0..QUEUES).map(|q| fixtures::queue(format!("queue:{q}"))).collect();
                fixtures::node(&format!("node-{n:03}")).locks(locks).queues(queues)
            })
            .collect(),
    );
    let mut state = fixtures::state();
    update(&mut state, Event::Resize(120, 36), fixtures::base());
    let start = Instant::now();
    for _ in 0..TIMES {
        update(&mut state, Event::Board(board.clone()), fixtures::base());
    }
    let taken_in = start.elapsed() / TIMES;
    let mut terminal = ratatui::Terminal::new(TestBackend::new(120, 36)).unwrap();
    let mut cache = ViewCache::new();
    let start = Instant::now();
    for _ in 0..TIMES {
        terminal.clear().unwrap();
        terminal.draw(|frame| render(frame, &state, &mut cache)).unwrap();
    }
    (start.elapsed() / TIMES, taken_in)
}

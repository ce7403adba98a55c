//! What watching very many queues costs the server: its processor, while nothing happens but watching, and while one
//! in ten of the queues is worked on.
//!
//! `cargo bench --bench queues`. By the environment: `QUEUES` (1,000), `SECONDS` of each part (15). CPU is read from
//! /proc: Linux only.
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
use redwarden::domain::{Command, NodeId, NodeMeta, NodeSnapshot};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

/// Tasks in each queue.
const TASKS: usize = 20;
/// Of so many queues one is worked on.
const BUSY: usize = 10;
/// Tasks that go in and out of each of those in a second.
const RATE: usize = 5;

/// Fills queue `n` as the library does; ARGV: n, tasks. The last is pushed, the first is taken.
struct Kind {
    name: &'static str,
    /// Lua: makes queue number ARGV[1] with ARGV[2] tasks.
    fill: &'static str,
    /// Lua: puts a task in and takes one out.
    work: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "plain lists",
        fill: "for i=1,ARGV[2] do redis.call('LPUSH','queue:'..ARGV[1],'{\"id\":\"'..ARGV[1]..'-'..i..'\",\"pad\":\"'..string.rep('x',160)..'\"}') end",
        work: "redis.call('LPUSH','queue:'..ARGV[1],'{\"id\":\"'..ARGV[2]..'\"}') redis.call('RPOP','queue:'..ARGV[1])",
    },
    Kind {
        name: "rq",
        fill: "local k='rq:queue:q'..ARGV[1] redis.call('SADD','rq:queues',k) for i=1,ARGV[2] do local id=ARGV[1]..'-'..i redis.call('HSET','rq:job:'..id,'enqueued_at','2026-11-23T12:00:00.000000Z','status','queued') redis.call('RPUSH',k,id) end",
        work: "local k='rq:queue:q'..ARGV[1] redis.call('HSET','rq:job:'..ARGV[2],'enqueued_at','2026-11-23T12:00:00.000000Z') redis.call('RPUSH',k,ARGV[2]) local id=redis.call('LPOP',k) redis.call('DEL','rq:job:'..id)",
    },
    Kind {
        name: "bullmq",
        fill: "local b='bull:q'..ARGV[1] redis.call('HSET',b..':meta','version','bullmq:5.81.5','opts.maxLenEvents',10000) for i=1,ARGV[2] do local id=redis.call('INCR',b..':id') redis.call('HSET',b..':'..id,'timestamp',1795438800000,'name','x') redis.call('LPUSH',b..':wait',id) end",
        work: "local b='bull:q'..ARGV[1] local id=redis.call('INCR',b..':id') redis.call('HSET',b..':'..id,'timestamp',1795438800000) redis.call('LPUSH',b..':wait',id) redis.call('DEL',b..':'..redis.call('RPOP',b..':wait'))",
    },
];

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let queues = size("QUEUES", 1_000);
    let time = Duration::from_secs(size("SECONDS", 15) as u64);
    println!("{queues} queues, one look a second, share of a core that the server uses more:");
    println!("| kind | quiet | commands/s | one in {BUSY} busy | commands/s | read at least each | said |");
    println!("|---|---|---|---|---|---|---|");
    for kind in &KINDS {
        let server = Server::start(&[]).unwrap();
        let mut writer = open(&server).await;
        for n in 0..queues {
            writer.call(&eval(kind.fill, n, &TASKS.to_string())).await.unwrap();
        }
        let idle = quiet(&server, time).await;
        let worked = busy(&server, &mut writer, kind, queues, time).await;
        let fleet = watch(&server, queues).await;
        let (before, began) = (commands(&mut writer).await, Instant::now());
        let watched = quiet(&server, time).await;
        let quiet_rate = (commands(&mut writer).await - before) / began.elapsed().as_secs_f64();
        let (before, began) = (commands(&mut writer).await, Instant::now());
        let both = busy(&server, &mut writer, kind, queues, time).await;
        let busy_rate = (commands(&mut writer).await - before) / began.elapsed().as_secs_f64();
        let told = node(&fleet);
        let oldest = told.queues.iter().map(|q| q.read_at.mono.elapsed()).max().unwrap_or_default();
        println!(
            "| {} | {:.2} % | {quiet_rate:.0} | {:.2} % | {busy_rate:.0} | {:.1} s | {:.2} % |",
            kind.name,
            100.0 * (watched - idle),
            100.0 * (both - worked),
            oldest.as_secs_f64(),
            100.0 * told.cost.busy_share,
        );
    }
}

fn eval(script: &str, n: usize, what: &str) -> Command {
    Command::new("EVAL").arg(script).arg(0_i64).arg(n as u64).arg(what)
}

async fn open(server: &Server) -> Writer {
    let permit = WritePermit::for_own_servers();
    Writer::open(&server.endpoint(), ClientRole::Demo, Duration::from_secs(60), permit).await.unwrap()
}

fn node(fleet: &Fleet) -> Arc<NodeSnapshot> {
    fleet.board().borrow().nodes[0].clone()
}

/// A fleet that has found all queues.
async fn watch(server: &Server, queues: usize) -> Fleet {
    let endpoint = server.endpoint();
    let meta =
        NodeMeta { id: NodeId::new("bench"), address: endpoint.address.to_string(), db: 0, group: None };
    let nodes = vec![NodeConfig { meta, endpoint }];
    let fleet = Fleet::spawn_live(Arc::new(Config { nodes, ..Config::default() }));
    let mut board = fleet.board();
    let found = |node: &Arc<NodeSnapshot>| node.scan.passes > 0 && node.queues.len() >= queues;
    let come = board.wait_for(|board| board.nodes.first().is_some_and(found));
    tokio::time::timeout(Duration::from_secs(120), come).await.expect("not all were found").unwrap();
    fleet
}

/// Share of a core that the server uses while nothing happens.
async fn quiet(server: &Server, time: Duration) -> f64 {
    // What the first search left behind is over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, began) = (cpu(server.pid()), Instant::now());
    tokio::time::sleep(time).await;
    (cpu(server.pid()) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// The same while one queue in so many is worked on.
async fn busy(server: &Server, writer: &mut Writer, kind: &Kind, queues: usize, time: Duration) -> f64 {
    let (before, began) = (cpu(server.pid()), Instant::now());
    let mut done = 0_usize;
    let each: Vec<usize> = (0..queues).step_by(BUSY).collect();
    while began.elapsed() < time {
        let due = (began.elapsed().as_secs_f64() * (each.len() * RATE) as f64) as usize;
        let batch: Vec<Command> = (done..due)
            .map(|i| eval(kind.work, each[i % each.len()], &format!("{}-{i}", began.elapsed().as_nanos())))
            .collect();
        done = due;
        if !batch.is_empty() {
            writer.pipeline(&batch).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (cpu(server.pid()) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Commands that the server has done.
async fn commands(writer: &mut Writer) -> f64 {
    let reply = writer.call(&Command::new("INFO stats")).await.unwrap();
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap().as_slice()).into_owned();
    let line = text.lines().find_map(|l| l.strip_prefix("total_commands_processed:")).unwrap();
    line.trim().parse().unwrap()
}

/// CPU time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a Linux /proc");
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in ticks of 10 ms.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

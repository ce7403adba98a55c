//! `worker`: as clap sees it, and what it asks for.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::error::ErrorKind;

use super::place::End;
use super::value::{base64, bytes, positive, some_key};
use super::{Command, GlobalArgs, Usage, scan};
use crate::domain::Bytes;
use crate::domain::queue::PushEnd;

/// `worker`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Worker {
    /// Exact keys; `--queue`: with their weights, else as configured.
    pub queues: Vec<(Bytes, Option<u32>)>,
    /// `--exec`; `None`: only test tasks.
    pub exec: Option<String>,
    /// `--concurrency`; `None`: as configured.
    pub concurrency: Option<usize>,
    /// `--task-timeout`; `None`: as configured.
    pub task_timeout: Option<Duration>,
    /// `--retries`; `None`: as configured.
    pub retries: Option<u32>,
    /// `--rate`, a number above 0; `None`: as configured.
    pub rate: Option<String>,
    /// `--wait-replicas`; `None`: as configured.
    pub wait_replicas: Option<u32>,
    /// `--node`, each.
    pub nodes: Vec<String>,
    /// `--all-nodes`.
    pub all_nodes: bool,
    /// `--left`, `--right`; `None`: as configured.
    pub push: Option<PushEnd>,
    /// Go on although the list looks like some library's.
    pub force: bool,
}

#[derive(Args, Debug)]
pub(super) struct WorkerArgs {
    /// Keys of the queues.
    #[arg(value_name = "QUEUE", required_unless_present_any = ["key_b64", "weighted"])]
    queues: Vec<OsString>,
    /// Key of a queue in base64, as the JSON output gives it.
    #[arg(long, value_name = "BASE64", value_parser = base64)]
    key_b64: Vec<Bytes>,
    /// A queue with its share of the places while others have tasks, too, such as mail=3.
    #[arg(long = "queue", value_name = "KEY=WEIGHT", value_parser = weighted)]
    weighted: Vec<(Bytes, u32)>,
    /// Run every task by this command (sh -c, payload on stdin) [default: only redwarden test tasks].
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Tasks at once [default: as configured].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: Option<u32>,
    /// End a task that runs longer, and count it as failed [default: as configured, else no limit].
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    task_timeout: Option<Duration>,
    /// How often a failed task is tried again, with growing pauses, before it goes to the dead-letter list
    /// [default: as configured, else 0].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    retries: Option<u32>,
    /// Start no more tasks in a second [default: as configured, else no limit].
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<String>,
    /// Wait until so many replicas have what was taken or removed [default: as configured, else 0].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    wait_replicas: Option<u32>,
    /// On this node; may be repeated.
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,
    /// On each node that has the queue; on each primary, where none has it.
    #[arg(long, conflicts_with = "nodes")]
    all_nodes: bool,
    #[command(flatten)]
    end: End,
    /// Go on although the list looks like some library's.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    global: GlobalArgs,
}

impl WorkerArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let args = self;
        let exact = args.queues.into_iter().map(bytes).chain(args.key_b64).map(|key| (key, None));
        let weighted = args.weighted.into_iter().map(|(key, weight)| (key, Some(weight)));
        let queues: Vec<(Bytes, Option<u32>)> = exact.chain(weighted).collect();
        for (key, _) in &queues {
            some_key(Some(key.clone()))?;
            // The names of queues stand where other commands have URLs: not taken for one in silence.
            if let Some(url) = key.as_utf8().filter(|text| scan::is_url(text)) {
                let url = crate::config::masked_url(url);
                let message = format!("`{url}` is a URL and no queue: give nodes with -u URL");
                return Err((ErrorKind::InvalidValue, message));
            }
        }
        let worker = Worker {
            queues,
            exec: args.exec,
            concurrency: args.concurrency.map(|n| n as usize),
            task_timeout: args.task_timeout,
            retries: args.retries,
            rate: args.rate,
            wait_replicas: args.wait_replicas,
            nodes: args.nodes,
            all_nodes: args.all_nodes,
            push: args.end.chosen(),
            force: args.force,
        };
        Ok((args.global, Command::Worker(worker)))
    }
}

/// `KEY=WEIGHT`; the key may hold further `=`.
fn weighted(text: &str) -> Result<(Bytes, u32), String> {
    let wrong = || "write KEY=WEIGHT with a weight from 1 to 1000, such as mail=3".to_string();
    let (key, weight) = text.rsplit_once('=').ok_or_else(wrong)?;
    let weight = weight.parse().ok().filter(|w| (1..=1000).contains(w)).ok_or_else(wrong)?;
    if key.is_empty() { Err("the key must not be empty".into()) } else { Ok((key.into(), weight)) }
}

/// Checked here and kept as text, so that what was asked for can be compared.
fn rate(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(text.to_string()),
        _ => Err("write tasks a second, above 0 and up to 1000000".into()),
    }
}

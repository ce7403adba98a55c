//! `redwarden worker`: takes tasks until stopped.

use std::sync::Arc;

use super::place::{candidates, one_node};
use super::release::refuse;
use super::{EXIT_NOT_DONE, EXIT_OK, Out};
use crate::cli::{Where, Worker};
use crate::config::{Config, NodeConfig};
use crate::domain::{Bytes, NodeId, QueueId};
use crate::family::Registry;
use crate::poll::Nodes;
use crate::redis_io::WritePermit;
use crate::worker::view::WorkerState;
use crate::worker::{Source, WorkerSpec, run_headless, signals};

/// `redwarden worker QUEUE...`: takes tasks until stopped (SIGTERM or Ctrl-C drains, a second one ends what runs).
/// Its log goes to stdout, one line an event.
pub async fn worker(config: Arc<Config>, nodes: &Nodes, wish: Worker, out: &mut Out<'_>) -> u8 {
    let known = nodes.now();
    let mut sources = Vec::new();
    for (key, weight) in &wish.queues {
        match places(&config, &known, &wish, key, out).await {
            Ok(places) => {
                sources.extend(places.into_iter().map(|(node, db)| {
                    source(&config, &wish, QueueId { node, db, key: key.clone() }, *weight)
                }));
            }
            Err(code) => return code,
        }
    }
    let mut spec = WorkerSpec::configured(&config, sources, nodes.directory(), nodes.endpoints());
    spec.force = wish.force;
    spec.concurrency = wish.concurrency.unwrap_or(spec.concurrency);
    spec.policy.task_timeout = wish.task_timeout.or(spec.policy.task_timeout);
    spec.policy.retries = wish.retries.unwrap_or(spec.policy.retries);
    spec.policy.rate = wish.rate.and_then(|rate| rate.parse().ok()).or(spec.policy.rate);
    spec.policy.wait_replicas = wish.wait_replicas.unwrap_or(spec.policy.wait_replicas);
    run(spec, WritePermit::from_config(&config), out).await
}

async fn run(spec: WorkerSpec, permit: Option<WritePermit>, out: &mut Out<'_>) -> u8 {
    let (commands, inbox) = tokio::sync::mpsc::channel(8);
    if let Err(error) = signals::stop_on_signals(commands.clone()) {
        out.say(format!("worker: signals cannot be received: {error}"));
        return EXIT_NOT_DONE;
    }
    let (lines, mut log) = tokio::sync::mpsc::unbounded_channel::<String>();
    let run = run_headless(spec, permit, inbox, move |line| {
        let _ = lines.send(format!("{} {}", line.at.rfc3339(), line.text));
    });
    tokio::pin!(run);
    let view = loop {
        tokio::select! {
            biased;
            Some(line) = log.recv() => drop(writeln!(out.data, "{line}").and_then(|()| out.data.flush())),
            view = &mut run => break view,
        }
    };
    while let Ok(line) = log.try_recv() {
        let _ = writeln!(out.data, "{line}");
    }
    let _ = out.data.flush();
    drop(commands);
    out.say(format!("worker: {}", view.counts.sentence()));
    match view.state {
        WorkerState::Failed(why) => {
            out.say(format!("worker: {why}"));
            EXIT_NOT_DONE
        }
        _ => EXIT_OK,
    }
}

fn source(config: &Config, wish: &Worker, queue: QueueId, weight: Option<u32>) -> Source {
    let configured = config.queues.iter().find(|q| {
        q.key.as_bytes() == queue.key.as_slice() && q.node.as_deref().is_none_or(|n| n == queue.node.as_str())
    });
    let own = configured.and_then(|q| q.exec.clone());
    Source {
        push: wish.push.unwrap_or_else(|| Registry::new(config).push_end(&queue.node, &queue.key)),
        weight: weight.or(configured.map(|q| q.weight)).unwrap_or(1),
        exec: wish.exec.clone().or(own).or(config.worker.exec.clone()),
        queue,
    }
}

/// The nodes, with databases, on which this queue is meant.
async fn places(
    config: &Config,
    nodes: &[NodeConfig],
    wish: &Worker,
    key: &Bytes,
    out: &mut Out<'_>,
) -> Result<Vec<(NodeId, u32)>, u8> {
    if !wish.all_nodes {
        let mut found = Vec::new();
        let named = wish.nodes.iter().cloned().map(Some);
        for node in if wish.nodes.is_empty() { vec![None] } else { named.collect() } {
            let (node, endpoint) = one_node(config, nodes, node, key, out).await?;
            found.push((node, endpoint.db));
        }
        return Ok(found);
    }
    let mut problems = Vec::new();
    let place = Where { node: None, all_nodes: true, db: None };
    let mut found =
        candidates(config, nodes, &place, key, &mut problems).await.map_err(|error| refuse(&error, out))?;
    for problem in &problems {
        out.say(problem);
    }
    if found.iter().any(|c| c.exists) {
        found.retain(|c| c.exists);
    }
    if found.is_empty() {
        out.say(format!("{key}: no primary answered"));
        return Err(EXIT_NOT_DONE);
    }
    Ok(found.into_iter().map(|c| (c.node, c.endpoint.db)).collect())
}

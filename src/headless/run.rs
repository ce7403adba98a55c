//! `redwarden worker`, `lock run` and `audit`.

use std::sync::Arc;

use super::place::{ambiguous, candidates, uncertain};
use super::release::refuse;
use super::{EXIT_NOT_DONE, EXIT_OK, Out};
use crate::act::audit;
use crate::cli::{Format, LockRun, Where, Worker};
use crate::config::{Config, Endpoint, NodeConfig};
use crate::domain::{Bytes, NodeId, QueueId};
use crate::family::Registry;
use crate::lock_run::{self, LockRunOptions};
use crate::redis_io::WritePermit;
use crate::worker::view::WorkerState;
use crate::worker::{WorkerSpec, run_headless, signals};

/// `redwarden worker QUEUE`: takes tasks until stopped (SIGTERM or Ctrl-C drains, a second one ends what runs).
/// Its log goes to stdout, one line an event.
pub async fn worker(config: Arc<Config>, nodes: &[NodeConfig], wish: Worker, out: &mut Out<'_>) -> u8 {
    let (node, endpoint) = match one_node(&config, nodes, wish.node.clone(), &wish.key, out).await {
        Ok(found) => found,
        Err(code) => return code,
    };
    let queue = QueueId { node, db: endpoint.db, key: wish.key.clone() };
    let configured = config.queues.iter().find(|q| {
        q.key.as_bytes() == wish.key.as_slice() && q.node.as_deref().is_none_or(|n| n == queue.node.as_str())
    });
    let exec =
        wish.exec.clone().or_else(|| configured.and_then(|q| q.exec.clone())).or(config.worker.exec.clone());
    let spec = WorkerSpec {
        endpoint,
        push: wish.push.unwrap_or_else(|| Registry::new(&config).push_end(&queue.node, &queue.key)),
        queue,
        concurrency: wish.concurrency.unwrap_or(config.worker.concurrency),
        exec,
        force: wish.force,
        heartbeat_ttl: config.worker.heartbeat_ttl,
        timeout: config.timeout,
        secret_variables: config.secret_variables.clone(),
        audit: audit::Audit::in_dir(&config.state_dir),
    };
    let (commands, inbox) = tokio::sync::mpsc::channel(8);
    if let Err(error) = signals::stop_on_signals(commands.clone()) {
        out.say(format!("worker: signals cannot be received: {error}"));
        return EXIT_NOT_DONE;
    }
    let (lines, mut log) = tokio::sync::mpsc::unbounded_channel::<String>();
    let run = run_headless(spec, WritePermit::from_config(&config), inbox, move |line| {
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
    out.say(format!(
        "worker: {} done, {} failed, {} recovered, {} run twice",
        view.done, view.failed, view.recovered, view.run_twice
    ));
    match view.state {
        WorkerState::Failed(why) => {
            out.say(format!("worker: {why}"));
            EXIT_NOT_DONE
        }
        _ => EXIT_OK,
    }
}

/// `redwarden lock run KEY -- command`: the command's exit code, or one of [`lock_run::LockRunError::exit_code`].
pub async fn lock_run(config: Arc<Config>, nodes: &[NodeConfig], wish: LockRun, out: &mut Out<'_>) -> u8 {
    let (node, endpoint) = match one_node(&config, nodes, wish.node, &wish.key, out).await {
        Ok(found) => found,
        Err(code) => return code,
    };
    let options = LockRunOptions {
        node,
        audit: audit::Audit::in_dir(&config.state_dir),
        key: wish.key,
        ttl: wish.ttl,
        wait: wish.wait,
        kill_on_loss: wish.kill_on_loss,
        command: wish.command,
        timeout: config.timeout,
        secret_variables: config.secret_variables.clone(),
    };
    let permit = WritePermit::from_config(&config);
    match lock_run::run(&endpoint, options, permit, |line| out.say(format!("redwarden: {line}"))).await {
        Ok(code) => code,
        Err(error) => {
            out.say(format!("redwarden: {error}"));
            error.exit_code()
        }
    }
}

/// `redwarden audit`: what was done from this machine, oldest first.
pub fn audit(config: &Config, format: Format, out: &mut Out<'_>) -> std::io::Result<u8> {
    let path = audit::path_in(&config.state_dir);
    let entries = match audit::read(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            out.say(format!("nothing was done yet: {} does not exist", path.display()));
            return Ok(EXIT_OK);
        }
        Err(error) => {
            out.say(format!("{}: {error}", path.display()));
            return Ok(EXIT_NOT_DONE);
        }
    };
    match format {
        Format::Table => {
            for line in audit::table(entries) {
                writeln!(out.data, "{line}")?;
            }
        }
        Format::Json => {
            for entry in entries {
                match entry {
                    Ok(entry) => writeln!(out.data, "{entry}")?,
                    Err(why) => {
                        out.say(format!("{}: {}", path.display(), crate::domain::bytes::escape_text(&why)));
                    }
                }
            }
        }
    }
    out.data.flush()?;
    Ok(EXIT_OK)
}

/// The one node that is meant: the only one, the named one, or the only one where the key exists.
async fn one_node(
    config: &Config,
    nodes: &[NodeConfig],
    node: Option<String>,
    key: &Bytes,
    out: &mut Out<'_>,
) -> Result<(NodeId, Endpoint), u8> {
    let place = Where { node, all_nodes: false, db: None };
    let mut problems = Vec::new();
    let mut found =
        candidates(config, nodes, &place, key, &mut problems).await.map_err(|error| refuse(&error, out))?;
    for problem in &problems {
        out.say(problem);
    }
    if found.iter().filter(|c| c.exists).count() == 1 {
        found.retain(|c| c.exists);
    }
    if found.len() > 1 {
        return Err(refuse(&ambiguous(key, &found, false), out));
    }
    if !problems.is_empty() && place.node.is_none() && found.iter().any(|c| !c.exists) {
        return Err(refuse(&uncertain(key), out));
    }
    if let Some(candidate) = found.pop() {
        Ok((candidate.node, candidate.endpoint))
    } else {
        out.say(format!("{key}: no primary answered"));
        Err(EXIT_NOT_DONE)
    }
}

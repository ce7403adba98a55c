//! A worker's lines in the audit file: what it is about to take from, and what it has done in all.

use serde_json::{Map, json};

use super::spec::{Source, WorkerSpec};
use super::view::{Counts, WorkerState};
use crate::act::NotDone;
use crate::act::audit::{AuditedRun, OpenRun, RunEnd, digest};
use crate::domain::queue::PushEnd;

/// "About to take". The user's command may hold secrets: only its digest is written.
pub(super) async fn begin(spec: &WorkerSpec, source: &Source) -> Result<OpenRun, NotDone> {
    let push = match source.push {
        PushEnd::Left => "left",
        PushEnd::Right => "right",
    };
    let mut facts = Map::new();
    facts.insert("push".into(), push.into());
    facts.insert("exec".into(), json!(source.exec.as_ref().map(|command| digest(command.as_bytes()))));
    facts.insert("concurrency".into(), spec.concurrency.into());
    facts.insert("force".into(), spec.force.into());
    facts.insert("retries".into(), spec.policy.retries.into());
    let run = AuditedRun {
        intent: "worker",
        node: source.queue.node.clone(),
        db: source.queue.db,
        key: source.queue.key.clone(),
        commands: Vec::new(),
        facts,
    };
    spec.audit.begin(run).await
}

/// What it has done, and why it ended.
pub(super) fn end(counts: &Counts, state: &WorkerState) -> RunEnd {
    let sentence = counts.sentence();
    let (outcome, detail) = match state {
        WorkerState::Failed(why) => ("failed", format!("{sentence}; {why}")),
        _ => ("done", sentence),
    };
    let facts = counts.named().into_iter().map(|(name, count)| (name.to_string(), count.into())).collect();
    RunEnd { outcome, detail: Some(detail), facts }
}

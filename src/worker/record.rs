//! A worker's lines in the audit file: what it is about to take from, and what it has done in all.

use serde_json::{Map, json};

use super::WorkerSpec;
use super::view::{WorkerState, WorkerView};
use crate::act::NotDone;
use crate::act::audit::{AuditedRun, OpenRun, RunEnd, digest};
use crate::domain::queue::PushEnd;

/// "About to take". The user's command may hold secrets: only its digest is written.
pub(super) async fn begin(spec: &WorkerSpec) -> Result<OpenRun, NotDone> {
    let push = match spec.push {
        PushEnd::Left => "left",
        PushEnd::Right => "right",
    };
    let mut facts = Map::new();
    facts.insert("push".into(), push.into());
    facts.insert("exec".into(), json!(spec.exec.as_ref().map(|command| digest(command.as_bytes()))));
    facts.insert("concurrency".into(), spec.concurrency.into());
    facts.insert("force".into(), spec.force.into());
    let run = AuditedRun {
        intent: "worker",
        node: spec.queue.node.clone(),
        db: spec.queue.db,
        key: spec.queue.key.clone(),
        commands: Vec::new(),
        facts,
    };
    spec.audit.begin(run).await
}

/// What it has done, and why it ended.
pub(super) fn end(view: &WorkerView, state: &WorkerState) -> RunEnd {
    let counts = format!(
        "{} done, {} failed, {} recovered, {} run twice",
        view.done, view.failed, view.recovered, view.run_twice
    );
    let (outcome, detail) = match state {
        WorkerState::Failed(why) => ("failed", format!("{counts}; {why}")),
        _ => ("done", counts),
    };
    let mut facts = Map::new();
    for (name, count) in [
        ("done", view.done),
        ("failed", view.failed),
        ("recovered", view.recovered),
        ("run_twice", view.run_twice),
    ] {
        facts.insert(name.into(), count.into());
    }
    RunEnd { outcome, detail: Some(detail), facts }
}

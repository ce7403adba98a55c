//! What runs for a while and writes by itself: `lock run` and a worker. One line when it starts, one when it ends.

use std::io;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Audit, head, refusal};
use crate::act::NotDone;
use crate::domain::bytes::escape_text;
use crate::domain::{Bytes, Command, NodeId};

/// A run, as it is written down.
#[derive(Clone, Debug)]
pub struct AuditedRun {
    /// What it is: `lock-run` or `worker`.
    pub intent: &'static str,
    /// The node.
    pub node: NodeId,
    /// Logical database.
    pub db: u32,
    /// The lock or the queue.
    pub key: Bytes,
    /// What it sends first, if that is known before; see [`super::shown`].
    pub commands: Vec<Command>,
    /// More about it, written to both lines. Never a secret, a payload or the text of a user's command.
    pub facts: Map<String, Value>,
}

/// A run whose first line is on the disk.
#[derive(Debug)]
#[must_use = "its end must be written, too"]
pub struct OpenRun {
    audit: Audit,
    id: Uuid,
    run: AuditedRun,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct RunEnd {
    /// Stable word, as [`Outcome::code`](crate::act::Outcome::code) has them.
    pub outcome: &'static str,
    /// A sentence, escaped.
    pub detail: Option<String>,
    /// Counts and the like.
    pub facts: Map<String, Value>,
}

impl Audit {
    /// "About to". When this fails nothing of the run may be sent or started.
    pub async fn begin(&self, run: AuditedRun) -> Result<OpenRun, NotDone> {
        let open = OpenRun { audit: self.clone(), id: Uuid::new_v4(), run };
        match self.append(open.entry("before")).await {
            Ok(()) => Ok(open),
            Err(error) => Err(refusal(self.path(), &error)),
        }
    }
}

impl OpenRun {
    /// What became of it. The error is a whole sentence with the file's name.
    pub async fn end(self, end: RunEnd) -> Result<(), String> {
        let mut entry = self.entry("after");
        if let Value::Object(map) = &mut entry {
            map.insert("outcome".into(), json!(end.outcome));
            map.insert("detail".into(), json!(end.detail));
            map.extend(end.facts);
        }
        let said = |error: io::Error| {
            let path = escape_text(&self.audit.path().to_string_lossy());
            format!("the outcome could not be written to {path}: {error}")
        };
        self.audit.append(entry).await.map_err(said)
    }

    fn entry(&self, phase: &str) -> Value {
        let run = &self.run;
        let mut map = head(phase, self.id, run.intent, &run.node, run.db, &run.key);
        map.insert("commands".into(), run.commands.iter().map(|c| json!(super::shown(c))).collect());
        map.extend(run.facts.clone());
        Value::Object(map)
    }
}

/// A user's command for the audit file: it may hold secrets, so only length and SHA-1.
pub fn digest(command: &[u8]) -> String {
    let command = Bytes::from(command);
    format!("<{} bytes sha1:{}>", command.len(), command.sha1())
}

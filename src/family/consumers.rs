//! Who waits for tasks, from CLIENT LIST: the last command of each client and its name, but no keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::TaskKind;
use crate::domain::{Bytes, Queue};

/// Clients of one database that may be consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumers {
    /// Blocked in a pop of a list.
    pub list_pops: u64,
    /// Blocked in XREADGROUP or XREAD.
    pub stream_reads: u64,
    /// Blocked in a pop of a sorted set.
    pub sorted_pops: u64,
    /// How many clients have a name that looks like one of Bull's or BullMQ's.
    named: BTreeMap<Vec<u8>, u64>,
}

/// Names kept.
const MOST_NAMES: usize = 2000;

impl Consumers {
    /// Reads the reply of CLIENT LIST for one database.
    pub fn parse(text: &Bytes, db: u32) -> Self {
        let mut found = Self::default();
        for line in text.as_slice().split(|b| *b == b'\n') {
            let field = |name: &[u8]| {
                line.split(|b| *b == b' ').find_map(|f| f.strip_prefix(name)?.strip_prefix(b"=".as_slice()))
            };
            let number = field(b"db").and_then(|d| std::str::from_utf8(d).ok()?.parse::<u32>().ok());
            if number != Some(db) {
                continue;
            }
            if field(b"flags").is_some_and(|flags| flags.contains(&b'b')) {
                match field(b"cmd") {
                    Some(b"brpop" | b"blpop" | b"blmove" | b"brpoplpush" | b"blmpop") => found.list_pops += 1,
                    Some(b"xreadgroup" | b"xread") => found.stream_reads += 1,
                    Some(b"bzpopmin" | b"bzpopmax" | b"bzmpop") => found.sorted_pops += 1,
                    _ => {}
                }
            }
            let name = field(b"name").unwrap_or_default();
            if name.contains(&b':') && !name.starts_with(b"redwarden:") && found.named.len() < MOST_NAMES {
                *found.named.entry(name.to_vec()).or_default() += 1;
            }
        }
        found
    }

    /// Enters what is known of this queue's consumers. `own`: the type of its key, where the user described its family.
    pub fn enter(&self, queue: &mut Queue, own: Option<TaskKind>) {
        queue.blocked = match queue.family {
            "list" | "celery" | "rq" | "sidekiq" | "bull" | "bee-queue" | "machinery" | "kue" | "saq" => {
                Some(self.list_pops)
            }
            "stream" | "streaq" => Some(self.stream_reads),
            "huey" => Some(self.list_pops + self.sorted_pops),
            "taskiq" => Some(self.list_pops + self.stream_reads),
            "bullmq" => Some(self.sorted_pops + self.list_pops),
            _ => own.and_then(|kind| match kind {
                TaskKind::List => Some(self.list_pops),
                TaskKind::Stream => Some(self.stream_reads),
                TaskKind::Sorted => Some(self.sorted_pops),
                TaskKind::Any => None,
            }),
        };
        if matches!(queue.family, "bullmq" | "bull") {
            let workers = self.bull_workers(queue.id.key.as_slice());
            // Where names can't be set nobody is found by name, though somebody may wait.
            queue.workers = (workers > 0 || queue.blocked == Some(0)).then_some(workers);
        }
    }

    /// Clients named `<prefix>:<queue in base64>`, with `:w:<name>` after it or nothing.
    fn bull_workers(&self, key: &[u8]) -> u64 {
        let base = key.strip_suffix(b":wait").unwrap_or(key);
        let colons = base.iter().enumerate().filter(|(_, b)| **b == b':').map(|(at, _)| at);
        let heads: Vec<Vec<u8>> = colons
            .filter_map(|at| {
                let (prefix, queue) = (base.get(..=at)?, base.get(at + 1..)?);
                Some([prefix, STANDARD.encode(queue).as_bytes()].concat())
            })
            .collect();
        let is_worker = |name: &[u8]| {
            let rest = heads.iter().find_map(|head| name.strip_prefix(head.as_slice()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":w:"))
        };
        self.named.iter().filter(|(name, _)| is_worker(name)).map(|(_, n)| *n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_who_waits_in_this_database() {
        let line = |name: &str, db: u32, flags: &str, cmd: &str| {
            format!("id=1 addr=a:1 name={name} flags={flags} db={db} cmd={cmd} user=default\n")
        };
        let text = [
            line("", 0, "b", "brpop"),
            line("", 1, "b", "brpop"),
            line("", 0, "N", "brpop"),
            line("bull:bWFpbHM=:w:wkr-1", 0, "b", "bzpopmin"),
            line("bull:bWFpbHM=:qe", 0, "b", "xread"),
            line("bull:bWFpbHM=", 0, "N", "evalsha"),
            "garbage \u{ff} =\n".into(),
        ]
        .concat();
        let found = Consumers::parse(&text.into(), 0);
        assert_eq!((found.list_pops, found.sorted_pops, found.stream_reads), (1, 1, 1));
        assert_eq!(found.bull_workers(b"bull:mails:wait"), 2);
        assert_eq!(found.bull_workers(b"bull:other:wait"), 0);
    }
}

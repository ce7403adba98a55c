//! The figures of the last looks, bounded: what sparklines are drawn from.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::node::NodeFacts;
use crate::domain::snapshot::History;

/// Looks kept.
pub(super) const LOOKS: usize = 60;

#[derive(Clone, Copy, Default)]
struct Figures {
    ops: Option<u64>,
    memory: Option<u64>,
    clients: Option<u64>,
    input: Option<u64>,
    output: Option<u64>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Ring(VecDeque<Figures>);

impl Ring {
    /// One look; `None`: it missed, or INFO is not permitted.
    pub(super) fn push(&mut self, facts: Option<&NodeFacts>) {
        let bytes = |kib: Option<f64>| kib.map(|k| (k * 1024.0) as u64);
        let figures = facts.map(|f| Figures {
            ops: f.ops_per_sec,
            memory: f.used_memory,
            clients: f.connected_clients,
            input: bytes(f.input_kbps),
            output: bytes(f.output_kbps),
        });
        if self.0.len() == LOOKS {
            self.0.pop_front();
        }
        self.0.push_back(figures.unwrap_or_default());
    }

    pub(super) fn history(&self) -> History {
        let of =
            |get: fn(&Figures) -> Option<u64>| -> Arc<[Option<u64>]> { self.0.iter().map(get).collect() };
        History {
            ops: of(|f| f.ops),
            memory: of(|f| f.memory),
            clients: of(|f| f.clients),
            input: of(|f| f.input),
            output: of(|f| f.output),
        }
    }
}

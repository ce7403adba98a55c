//! What a poller keeps of one database of its server. Liveness and facts are the server's; keys are the database's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::changes::Late;
use super::claims::Claims;
use super::keys::KeyTable;
use super::refusals::Refusals;
use super::sample::Sampler;
use super::search::Search;
use crate::config::NodeConfig;
use crate::domain::health::Tracker;
use crate::domain::node::{NodeFacts, Role};
use crate::domain::snapshot::{Denied, ScanProgress};
use crate::domain::{Bytes, Finding, Stamp};

/// What may not be done there, and for which pane.
pub(super) type DeniedSet = BTreeSet<(&'static str, String)>;

/// See the module.
pub(super) struct Database {
    /// The configured node: this server with this database.
    pub(super) node: NodeConfig,
    pub(super) seq: u64,
    pub(super) health: Tracker,
    /// INFO, with the number of keys of this database.
    pub(super) facts: Option<Arc<NodeFacts>>,
    pub(super) denied: DeniedSet,
    /// What reads of single keys were refused, also before this look.
    pub(super) refusals: Refusals,
    denied_since: BTreeMap<(&'static str, String), Stamp>,
    /// What was refused, and what the rules said, at the last look.
    pub(super) told_denied: Vec<Denied>,
    pub(super) verdicts: Arc<[Finding]>,
    pub(super) table: KeyTable,
    pub(super) search: Search,
    pub(super) sampler: Sampler,
    /// Changed keys that were read only just now.
    pub(super) late: Late,
    /// Known locks from this key on must be read again.
    pub(super) resync: Option<Bytes>,
}

impl Database {
    pub(super) fn new(node: NodeConfig) -> Self {
        Self {
            node,
            seq: 0,
            health: Tracker::default(),
            facts: None,
            denied: DeniedSet::new(),
            refusals: Refusals::default(),
            denied_since: BTreeMap::new(),
            told_denied: Vec::new(),
            verdicts: [].into(),
            table: KeyTable::default(),
            search: Search::new(),
            sampler: Sampler::default(),
            late: Late::default(),
            resync: None,
        }
    }

    /// Keys are watched on primaries only, and once for each server process and database.
    pub(super) fn watches_keys(&self, claims: &Claims) -> bool {
        let Some(facts) = &self.facts else { return true };
        let primary = !matches!(facts.role, Some(Role::Replica | Role::Sentinel));
        let mine =
            facts.run_id.as_deref().is_none_or(|id| claims.claim(id, self.node.meta.db, &self.node.meta.id));
        primary && mine
    }

    /// True while a whole pass over its keys is wanted and nothing stands against it.
    pub(super) fn hurries(&self, claims: &Claims) -> bool {
        self.wants_a_pass(claims) && self.search.hurries(Instant::now())
    }

    /// When such a pass goes on that stands still for now.
    pub(super) fn goes_on_at(&self, claims: &Claims) -> Option<Instant> {
        self.search.held_until(Instant::now()).filter(|_| self.wants_a_pass(claims))
    }

    fn wants_a_pass(&self, claims: &Claims) -> bool {
        self.search.hurry && self.search.progress.error.is_none() && self.watches_keys(claims)
    }

    /// Another server process: nothing that was seen holds.
    pub(super) fn forget(&mut self) {
        self.table.clear();
        self.refusals = Refusals::default();
        self.search.restart();
    }

    /// How complete its lists are.
    pub(super) fn progress(&self, claims: &Claims) -> ScanProgress {
        if self.watches_keys(claims) {
            self.search.progress.clone()
        } else {
            // Nothing to search here: complete as it is.
            ScanProgress { passes: 1, ..ScanProgress::default() }
        }
    }

    /// What is not permitted here or on the whole server, each with the time it was first seen.
    pub(super) fn denials(&mut self, of_server: &DeniedSet, now: Stamp) -> Vec<Denied> {
        let mut all: DeniedSet = self.denied.union(of_server).cloned().collect();
        all.extend(self.refusals.lately(now.mono));
        let since = &mut self.denied_since;
        since.retain(|what, _| all.contains(what));
        all.into_iter()
            .map(|what| {
                let since = *since.entry(what.clone()).or_insert(now);
                Denied { pane: what.0, command: what.1, since }
            })
            .collect()
    }
}

//! Saving fails, or was long ago. 48 h: awesome-prometheus-alerts.

use super::{Rule, Sample};
use crate::domain::Severity;
use crate::domain::stamp::short;
use std::time::{Duration, UNIX_EPOCH};

/// See the module.
pub(super) const RULE: Rule = Rule {
    code: "persistence",
    remedy: "look at the disk and the server's log, then BGSAVE",
    at_once: false,
    judge,
};

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let facts = sample.facts;
    if facts.bgsave_ok == Some(false) {
        return Some((Severity::Critical, "the last BGSAVE failed".into()));
    }
    if facts.aof_write_ok == Some(false) {
        return Some((Severity::Critical, "the last write to the AOF failed".into()));
    }
    if facts.aof_rewrite_ok == Some(false) {
        return Some((Severity::Warning, "the last rewrite of the AOF failed".into()));
    }
    // INFO tells nothing of `save`: where CONFIG is not permitted, a server that never saved since its start is not
    // meant to.
    let meant = match sample.node.diagnostics.parameter("save") {
        Some(save) => !save.is_empty(),
        None => facts.rdb_saves? > 0,
    };
    let saves = meant && facts.aof_enabled == Some(false);
    let unsaved = facts.rdb_changes.filter(|n| *n > 0 && saves)?;
    let wall = sample.node.taken_at.wall.duration_since(UNIX_EPOCH).ok()?;
    let server = wall.as_secs().saturating_add_signed(sample.node.clock_offset_ms.unwrap_or(0) / 1000);
    let ago = Duration::from_secs(server.saturating_sub(facts.rdb_last_save?));
    (ago > sample.rules.backup_within)
        .then(|| (Severity::Warning, format!("last saved {} ago, {unsaved} changes since", short(ago))))
}

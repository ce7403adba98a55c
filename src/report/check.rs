//! The one line of `redwarden check`, in the form monitoring plug-ins use, and its exit code.

use crate::domain::lock::LockState;
use crate::domain::queue::Drain;
use crate::domain::{FleetView, Rules, Severity, Stamp};

/// `OK|WARNING|CRITICAL|UNKNOWN: reasons | figures`, and 0, 1, 2 or 3.
pub fn render(fleet: &FleetView, rules: &Rules, now: Stamp) -> (String, u8) {
    let verdict = fleet.verdict(rules, now.mono);
    let code = match verdict.worst {
        None | Some(Severity::Info) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Critical) => 2,
        Some(Severity::Unknown) => 3,
    };
    let (up, total) = fleet.up_of_total();
    let told: Vec<&str> = verdict
        .reasons
        .iter()
        .filter(|f| f.severity > Severity::Info)
        .take(5)
        .map(|f| f.message.as_str())
        .collect();
    let reasons = if told.is_empty() { format!("{up} of {total} nodes up") } else { told.join("; ") };
    let held: Vec<_> = fleet.locks.iter().filter(|l| !l.has_ended(now.mono)).collect();
    let stuck = held.iter().filter(|l| l.state(rules, now.mono) == LockState::NoTtl).count();
    let growing =
        fleet.queues.iter().filter(|q| matches!(q.drain(rules, now.mono), Drain::Growing(_))).count();
    let line = format!(
        "{}: {reasons} | nodes_up={up}/{total} locks={} locks_no_ttl={stuck} queues={} queues_growing={growing}\n",
        verdict.code().to_uppercase(),
        held.len(),
        fleet.queues.len(),
    );
    (line, code)
}

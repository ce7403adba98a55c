//! How changes become known, and what watching costs the servers: in the bottom line and in a node's details.

use super::format;
use super::scene::Scene;
use super::sheet::Sheet;
use crate::domain::NodeSnapshot;
use crate::domain::node::{NodeState, Role};

/// The fleet in a few words, such as `push · cost 0.1 %`: the dearest node counts. `None` before anything was measured.
pub(super) fn summary(scene: &Scene<'_>, wide: bool) -> Option<String> {
    let up = || {
        let all = scene.state.shown.nodes.iter().map(|n| &*n.snapshot);
        all.filter(|n| n.status.state == NodeState::Up && n.cost.commands_per_sec > 0.0)
    };
    // Replicas and Sentinels are not asked for pushes.
    let asked = || {
        let role = |n: &NodeSnapshot| n.facts.as_ref().and_then(|f| f.role);
        up().filter(move |n| !matches!(role(n), Some(Role::Replica | Role::Sentinel)))
    };
    let (pushed, all) = (asked().filter(|n| n.live.pushed).count(), asked().count());
    let dearest = up()
        .map(|n| n.cost.busy_share)
        .fold(None, |most: Option<f64>, x| Some(most.map_or(x, |m| m.max(x))))?;
    let how = match pushed {
        0 => "poll".to_string(),
        n if n == all => "push".to_string(),
        n if wide => format!("push on {n} of {all}"),
        n => format!("push {n}/{all}"),
    };
    let cost = percent(dearest);
    Some(if wide { format!("{how}{}cost {cost}", scene.look.dot()) } else { format!("{how} {cost}") })
}

/// A small share: never 0.0 % for something.
fn percent(share: f64) -> String {
    if share < 0.0005 { "<0.1 %".into() } else { format!("{:.1} %", share * 100.0) }
}

/// One node in whole sentences.
pub(super) fn describe(scene: &Scene<'_>, node: &NodeSnapshot, sheet: &mut Sheet) {
    let look = scene.look;
    let live = &node.live;
    let how = match &live.why {
        _ if live.pushed => format!(
            "pushed under {} prefixes, {}",
            format::count(live.prefixes as u64),
            format::rate(node.cost.pushes_per_sec)
        ),
        Some(why) => format!("polled: {why}"),
        None => "polled".into(),
    };
    sheet.field("changes are", &how, look.plain());
    for (prefix, why) in &live.polled {
        sheet.field("polled", &format!("{prefix}*: {why}"), look.plain());
    }
    let cost = format!(
        "{:.1} commands/s, at most {:.2} % of its time",
        node.cost.commands_per_sec,
        node.cost.busy_share * 100.0
    );
    sheet.field("our cost", &cost, look.plain());
}

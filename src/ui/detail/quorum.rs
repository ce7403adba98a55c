//! The votes for a lock that several primaries hold.

use super::super::scene::Scene;
use super::super::sheet::Sheet;
use super::super::{format, locks};
use super::findings;
use crate::domain::Quorum;
use crate::domain::quorum::{Answer, Electorate, QuorumState, Vote};

/// Columns of a token that is shown for a vote.
const TOKEN: usize = 24;

pub(super) fn describe(scene: &Scene<'_>, quorum: &Quorum, sheet: &mut Sheet) {
    let look = scene.look;
    let Some(verdict) = quorum.verdict(scene.now.mono) else { return };
    let of = match &quorum.electorate {
        Electorate::Group(group) => format!("Quorum of {group}"),
        Electorate::Watched(_) => "Quorum among the primaries watched".to_owned(),
    };
    sheet.heading(&of);
    let words = match verdict.state {
        QuorumState::Held => "held",
        QuorumState::Split => "nobody holds it, votes are split:",
        QuorumState::Minority => "nobody holds it:",
        QuorumState::Unknown => "not known,",
    };
    let spread = verdict
        .ttl_spread
        .map(|d| format!("{}TTLs end {} apart", look.dot(), format::latency(d)))
        .unwrap_or_default();
    let worst = verdict.findings.first().map_or(look.plain(), |f| look.severity(f.severity));
    sheet.field("votes", &format!("{words} {}/{}{spread}", verdict.votes, verdict.voters), worst);
    findings(scene, &verdict.findings, sheet);
    for vote in &quorum.votes {
        sheet.item("-", look.dim(), &format!("{}: {}", vote.node, answer(scene, vote)), look.plain());
    }
}

fn answer(scene: &Scene<'_>, vote: &Vote) -> String {
    let look = scene.look;
    let said = match &vote.answer {
        Answer::Holds(lock) if !lock.has_ended(scene.now.mono) => {
            let token = locks::token_text(look, &lock.token, TOKEN).unwrap_or_else(|| "?".into());
            format!("{token}{}TTL {}", look.dot(), locks::ttl(scene, lock).0)
        }
        Answer::Holds(_) | Answer::Free => "free".to_owned(),
        Answer::Unknown(why) => format!("? ({why})"),
    };
    match vote.process_age(scene.now.mono) {
        Some(age) if !matches!(vote.answer, Answer::Unknown(_)) => {
            format!("{said}{}up {}", look.dot(), format::duration(age))
        }
        _ => said,
    }
}

//! Quorums in the JSON: one object for each key that several primaries vote on.

use serde::Serialize;

use super::{b64_unless_utf8, text};
use crate::domain::lock::Token;
use crate::domain::quorum::{Answer, Electorate, Vote};
use crate::domain::{Finding, Lock, Quorum, Stamp};

/// See the module.
#[derive(Serialize)]
pub(super) struct QuorumRow<'a> {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    /// `null`: who votes is not configured.
    group: Option<&'a str>,
    state: &'static str,
    /// The token with most votes.
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_b64: Option<String>,
    votes: usize,
    voters: usize,
    ttl_spread_ms: Option<u64>,
    nodes: Vec<VoteRow<'a>>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct VoteRow<'a> {
    node: &'a str,
    /// `held`, `free` or `unknown`.
    vote: &'static str,
    reason: Option<&'a str>,
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_b64: Option<String>,
    ttl_ms: Option<u64>,
    up_ms: Option<u64>,
}

/// `None`: no lock of it is left.
pub(super) fn row(quorum: &Quorum, now: Stamp) -> Option<QuorumRow<'_>> {
    let verdict = quorum.verdict(now.mono)?;
    let (token, token_b64) = value(&verdict.token);
    Some(QuorumRow {
        key: text(&quorum.key),
        key_b64: b64_unless_utf8(&quorum.key),
        group: match &quorum.electorate {
            Electorate::Group(group) => Some(group.as_str()),
            Electorate::Watched(_) => None,
        },
        state: verdict.state.code(),
        token,
        token_b64,
        votes: verdict.votes,
        voters: verdict.voters,
        ttl_spread_ms: verdict.ttl_spread.map(|d| d.as_millis() as u64),
        nodes: quorum.votes.iter().map(|v| vote(v, now)).collect(),
        findings: verdict.findings,
    })
}

fn vote(vote: &Vote, now: Stamp) -> VoteRow<'_> {
    let held: Option<&Lock> = match &vote.answer {
        Answer::Holds(lock) if !lock.has_ended(now.mono) => Some(lock),
        _ => None,
    };
    let (token, token_b64) = held.map(|l| value(&l.token)).unwrap_or_default();
    let (word, reason) = match (&vote.answer, held) {
        (Answer::Unknown(why), _) => ("unknown", Some(why.as_str())),
        (_, Some(_)) => ("held", None),
        (_, None) => ("free", None),
    };
    VoteRow {
        node: vote.node.as_str(),
        vote: word,
        reason,
        token,
        token_b64,
        ttl_ms: held.and_then(|l| l.ttl_left(now.mono)).map(|d| d.as_millis() as u64),
        up_ms: vote.process_age(now.mono).map(|d| d.as_millis() as u64),
    }
}

fn value(token: &Token) -> (Option<String>, Option<String>) {
    match token {
        Token::Known(bytes) | Token::Long { head: bytes, .. } => (Some(text(bytes)), b64_unless_utf8(bytes)),
        Token::Unknown(_) => (None, None),
    }
}

//! Several holders of one lock: which of them is shown, and how.

use super::hold::Opening;
use super::{Context, KeyFact};
use crate::domain::Lock;
use crate::domain::bytes::escape;
use crate::domain::lock::{Holder, Token};

/// A lock of no family yet, of which the token is that of the holder shown. `None`: nobody holds it.
pub(super) fn held_by(
    opening: Opening,
    fact: &KeyFact,
    previous: Option<&Lock>,
    ctx: &Context,
    holders: Vec<Holder>,
    total: Option<u64>,
) -> Option<Lock> {
    let shown = Token::Known(pick(previous, &holders)?.token.clone());
    with_holders(opening.lock(fact, previous, ctx, shown), previous, holders, total)
}

/// The lock with its holders: the one shown before while it is there, else the first. `total`: how many there are,
/// of which `holders` may be the first few. `None`: nobody holds it.
pub(super) fn with_holders(
    lock: Lock,
    previous: Option<&Lock>,
    holders: Vec<Holder>,
    total: Option<u64>,
) -> Option<Lock> {
    let shown = pick(previous, &holders)?;
    let others = total.unwrap_or(holders.len() as u64).saturating_sub(1);
    let words =
        if others == 0 { shown.words.clone() } else { format!("{} (and {others} more)", shown.words) };
    Some(Lock {
        holder: Some(words),
        holders_total: total,
        holders: if others == 0 { [].into() } else { holders.into() },
        ..lock
    })
}

/// The holder that is shown.
pub(super) fn pick<'h>(previous: Option<&Lock>, holders: &'h [Holder]) -> Option<&'h Holder> {
    let kept = previous.and_then(|p| match &p.token {
        Token::Known(token) => holders.iter().find(|holder| holder.token == *token),
        _ => None,
    });
    kept.or(holders.first())
}

/// A holder whose token says nothing more.
pub(super) fn plain_words(token: &[u8]) -> String {
    escape(token)
}

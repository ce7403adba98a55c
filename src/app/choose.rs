//! In the release dialog: which of several holders is meant, and which of several possible families.

use super::confirm::reopen;
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::selection;
use super::state::{AppState, Confirm, Dialog};
use crate::act::{Request, Seen};
use crate::domain::{Bytes, Lock, LockId};

/// What a release dialog lets one choose from.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// Where the holder that is meant stands among the listed ones, counted from 1, and how many hold the lock.
    pub holder: Option<(usize, u64)>,
    /// Its holder in words, escaped.
    pub words: Option<String>,
    /// Families it may belong to, surest first, where there are several.
    pub families: Vec<(&'static str, u8)>,
}

/// What there is to choose in this dialog, as the lock is listed now.
pub fn of(state: &AppState, confirm: &Confirm) -> Option<Choice> {
    let Request::Release { lock: id, seen } = &confirm.request else { return None };
    let lock = selection::lock(state, id)?;
    let at = lock.holders.iter().position(|h| seen.token.known() == Some(&h.token));
    let total = lock.holders_total.unwrap_or(lock.holders.len() as u64);
    let several = lock.holders.len() > 1;
    let families = if is_ambiguous(lock) { lock.candidates.to_vec() } else { Vec::new() };
    Some(Choice {
        holder: at.filter(|_| several).map(|at| (at + 1, total)),
        words: at.and_then(|at| lock.holders.get(at)).map(|h| h.words.clone()),
        families,
    })
}

fn is_ambiguous(lock: &Lock) -> bool {
    matches!(&*lock.candidates, [(_, sure), _, ..] if *sure < 90)
}

/// Up, Down: another holder; Ctrl-f: another family. True when the key was one of these.
pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) -> bool {
    let Some(Dialog::Confirm(confirm)) = state.dialogs.last() else { return false };
    let Request::Release { lock: id, seen } = confirm.request.clone() else { return false };
    let chosen = match (key.code, key.ctrl, key.alt) {
        (KeyCode::Up, false, false) => other_holder(state, &id, &seen, -1),
        (KeyCode::Down, false, false) => other_holder(state, &id, &seen, 1),
        (KeyCode::Char('f'), true, false) => other_family(state, &id, &seen),
        _ => return false,
    };
    if let Some(seen) = chosen {
        reopen(state, Request::Release { lock: id, seen }, out);
    }
    true
}

fn other_holder(state: &AppState, id: &LockId, seen: &Seen, by: isize) -> Option<Seen> {
    let lock = selection::lock(state, id)?;
    let tokens: Vec<&Bytes> = lock.holders.iter().map(|h| &h.token).collect();
    let len = isize::try_from(tokens.len()).ok().filter(|len| *len > 1)?;
    let at = tokens.iter().position(|token| seen.token.known() == Some(*token));
    // The holder that was meant is gone: the first, or the last, of those that are left.
    let at = at.and_then(|at| isize::try_from(at).ok()).unwrap_or(if by > 0 { -1 } else { 0 });
    let next = usize::try_from((at + by).rem_euclid(len)).ok()?;
    let lock = lock.of_holder(tokens.get(next)?)?;
    Some(Seen { family: seen.family, ..super::actions::seen(&lock) })
}

/// The same value, released as a lock of the next family that it may belong to.
fn other_family(state: &AppState, id: &LockId, seen: &Seen) -> Option<Seen> {
    let lock = selection::lock(state, id).filter(|lock| is_ambiguous(lock))?;
    let at = lock.candidates.iter().position(|(family, _)| *family == seen.family)?;
    let (family, _) = lock.candidates.get((at + 1) % lock.candidates.len())?;
    Some(Seen { family, ..seen.clone() })
}

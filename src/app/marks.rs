//! Marks: one row, all listed rows, all locks of one holder.

use std::collections::HashSet;

use super::command::Panel;
use super::effect::Effect;
use super::messages::{fail, say};
use super::selection::{self, move_by};
use super::state::{AppState, RowId};
use super::{actions, batch, confirm};
use crate::act::Request;
use crate::act::batch::Item;
use crate::domain::lock::Token;
use crate::domain::{Lock, LockId};

/// `Space`: marks the selected row, or takes its mark away.
pub(super) fn toggle(state: &mut AppState, panel: Panel) {
    if let Some(list) = state.list_mut(panel)
        && let Some(id) = list.selected.clone()
    {
        if !list.marks.remove(&id) {
            list.marks.insert(id);
        }
        move_by(state, panel, 1);
    }
}

/// `a`: marks all rows that are listed; where all are marked already, none.
pub(super) fn all(state: &mut AppState, panel: Panel) {
    let Some(len) = state.list(panel).map(|list| list.rows.len()) else { return };
    let listed: HashSet<RowId> = (0..len).filter_map(|at| selection::id_at(state, panel, at)).collect();
    let filtered = state.list(panel).is_some_and(|list| !list.filter.is_empty());
    let Some(list) = state.list_mut(panel) else { return };
    let all = !listed.is_empty() && listed.iter().all(|id| list.marks.contains(id));
    if all {
        list.marks.retain(|id| !listed.contains(id));
    } else {
        list.marks.extend(listed);
    }
    let marks = list.marks.len();
    let which = if filtered { " (all that the filter lets through)" } else { "" };
    let text = if all { "marks taken away".to_owned() } else { format!("{marks} marked{which}") };
    say(state, text);
}

/// Locks of the same holder as the selected one, as items that act on that holder alone. `Err`: a sentence.
fn of_same_holder(state: &AppState) -> Result<(String, Vec<Item>), &'static str> {
    let id = super::run::lock_subject(state).ok_or("no lock is selected")?;
    let lock = selection::lock(state, &id).ok_or("that lock is gone already")?;
    let Some(holder) = holder(lock) else {
        return Err("its holder is not known: the value could not be read");
    };
    let now = state.now.mono;
    let items: Vec<Item> = state
        .shown
        .locks
        .iter()
        .filter(|lock| !lock.has_ended(now))
        .flat_map(|lock| held_by(lock, &holder))
        .collect();
    Ok((holder, items))
}

/// The holder as shown: its words, else its token.
fn holder(lock: &Lock) -> Option<String> {
    let several = lock.holders.iter().find(|h| lock.token.known() == Some(&h.token));
    match (several, &lock.holder, &lock.token) {
        (Some(one), ..) => Some(one.words.clone()),
        (None, Some(words), _) => Some(words.clone()),
        (None, None, Token::Known(token)) => Some(token.escaped()),
        _ => None,
    }
}

/// The holds of this holder in that lock: none, one, or several permits.
fn held_by(lock: &Lock, words: &str) -> Vec<Item> {
    let item = |lock: &Lock| Item { lock: lock.id.clone(), seen: actions::seen(lock) };
    if lock.holders.is_empty() {
        return if holder(lock).as_deref() == Some(words) { vec![item(lock)] } else { Vec::new() };
    }
    let own = lock.holders.iter().filter(|h| h.words == words);
    own.filter_map(|h| lock.of_holder(&h.token)).map(|lock| item(&lock)).collect()
}

/// `A`: marks all locks of the selected one's holder.
pub(super) fn same_holder(state: &mut AppState) {
    match of_same_holder(state) {
        Ok((holder, items)) => {
            let ids: Vec<LockId> = items.into_iter().map(|item| item.lock).collect();
            state.locks.marks.extend(ids.into_iter().map(RowId::Lock));
            let marks = state.locks.marks.len();
            say(state, format!("{marks} marked: all locks of {holder}"));
        }
        Err(why) => fail(state, why),
    }
}

/// `X`, `:release-holder`: one batch of all locks of the selected one's holder.
pub(super) fn release_holder(state: &mut AppState, out: &mut Vec<Effect>) {
    match of_same_holder(state) {
        Ok((_, items)) if items.is_empty() => fail(state, "its locks are gone already"),
        Ok((holder, items)) => match <[Item; 1]>::try_from(items) {
            Ok([Item { lock, seen }]) => {
                say(state, format!("{holder} holds no other lock"));
                confirm::open(state, Request::Release { lock, seen }, out);
            }
            Err(items) => {
                say(state, format!("{} locks of {holder}", items.len()));
                batch::open(state, items, out);
            }
        },
        Err(why) => fail(state, why),
    }
}

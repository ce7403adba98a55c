//! Tasks in flight that each worker keeps in a key of its own: those who hold some, and what they hold.

use super::{Len, Look, PART, Scripts, Subject, items};
use crate::domain::Bytes;
use crate::family::{Read, Since, TaskKind};

/// Workers looked at.
const MOST_HOLDERS: u32 = 32;
/// A longer name is no worker's.
const NAME: u32 = 512;

/// What each of them holds.
pub(super) fn looks(subject: Subject<'_>, holders: &[Bytes], count: u32) -> Vec<Look> {
    let Subject { family, key, application, .. } = subject;
    let places = holders
        .iter()
        .flat_map(|holder| family.held_by(key, holder).into_iter().map(move |place| (holder, place)));
    places
        .map(|(holder, place)| {
            let reads =
                [false, true].map(|backwards| heads(&place.key_in(application), backwards, count, PART));
            Look { reads, shared: place.shared, len: Len::Told, timed: None, holder: Some(holder.clone()) }
        })
        .collect()
}

fn heads(key: &Bytes, backwards: bool, count: u32, max: u32) -> Read {
    Read::TaskHeads { key: key.clone(), kind: TaskKind::Any, since: Since::All, backwards, count, max }
}

impl Scripts<'_> {
    /// Those who hold tasks of the queue, the last seen first where their set has an order.
    pub(super) async fn holders(&mut self, subject: Subject<'_>) -> Result<Vec<Bytes>, String> {
        let Some(set) = subject.family.holders(subject.key) else { return Ok(Vec::new()) };
        let ends = [true, false].map(|backwards| heads(&set, backwards, MOST_HOLDERS, NAME));
        let replies = self.read(&ends).await?;
        // A set is given from one end only.
        let mut found = items(replies.first())?.items;
        if found.is_empty() {
            found = items(replies.get(1))?.items;
        }
        let names = found.into_iter().filter_map(|item| item.whole());
        Ok(names.collect())
    }
}

//! Locks in order, in pieces that a list shares with the next one: a new list costs what changed, and so does finding
//! out what changed between two of them.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Index, Range};
use std::sync::Arc;

use super::{Bytes, Lock, LockId};

/// Locks in a piece, about; at most twice as many.
const PIECE: usize = 64;

type Piece = Arc<[Arc<Lock>]>;

/// Locks sorted by key, then node, then database. Immutable and cheap to clone.
#[derive(Clone, Default)]
pub struct LockList(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// None is empty.
    pieces: Vec<Piece>,
    /// Where each piece begins.
    starts: Vec<usize>,
    len: usize,
}

/// One change to a list.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Put in, or in the place of the one with this identity.
    Put(Arc<Lock>),
    /// Taken out, if it is there.
    Take(LockId),
}

impl Edit {
    fn id(&self) -> &LockId {
        match self {
            Self::Put(lock) => &lock.id,
            Self::Take(id) => id,
        }
    }
}

/// The order of lists.
fn order(a: &LockId, b: &LockId) -> Ordering {
    (&a.key, &a.node, a.db).cmp(&(&b.key, &b.node, b.db))
}

impl LockList {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// In order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Lock>> + Clone {
        self.0.pieces.iter().flat_map(|piece| piece.iter())
    }

    /// The first.
    pub fn first(&self) -> Option<&Arc<Lock>> {
        self.get(0)
    }

    /// The one at this place.
    pub fn get(&self, index: usize) -> Option<&Arc<Lock>> {
        let at = self.0.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        self.0.pieces.get(at)?.get(index - self.0.starts.get(at)?)
    }

    /// Where the lock of this identity is.
    pub fn position(&self, id: &LockId) -> Option<usize> {
        let ends_before = |piece: &Piece| piece.last().is_some_and(|l| order(&l.id, id) == Ordering::Less);
        let at = self.0.pieces.partition_point(ends_before);
        let within = self.0.pieces.get(at)?.binary_search_by(|l| order(&l.id, id)).ok()?;
        Some(self.0.starts.get(at)? + within)
    }

    /// The locks of this key, on whatever nodes.
    pub fn of_key<'a>(&'a self, key: &'a Bytes) -> impl Iterator<Item = &'a Arc<Lock>> {
        self.starting_at(key).1.take_while(move |lock| lock.id.key == *key)
    }

    /// Where the locks of this key are.
    pub fn places_of_key(&self, key: &Bytes) -> Range<usize> {
        let from = self.starting_at(key).0;
        from..from + self.of_key(key).count()
    }

    /// Where the locks of this and later keys begin, and these.
    fn starting_at(&self, key: &Bytes) -> (usize, impl Iterator<Item = &Arc<Lock>>) {
        let ends_before = |piece: &Piece| piece.last().is_some_and(|l| l.id.key < *key);
        let at = self.0.pieces.partition_point(ends_before);
        let pieces = self.0.pieces.get(at..).unwrap_or_default();
        let within = pieces.first().map_or(0, |piece| piece.partition_point(|l| l.id.key < *key));
        let from = self.0.starts.get(at).map_or(self.0.len, |start| start + within);
        (from, pieces.iter().flat_map(|piece| piece.iter()).skip(within))
    }

    /// The list with these changes, which are in order and each about another lock. Pieces that none of them is about
    /// are shared.
    #[must_use]
    pub fn edited(&self, edits: impl IntoIterator<Item = Edit>) -> Self {
        let mut edits = edits.into_iter().peekable();
        let mut out = Builder::default();
        let mut pieces = self.0.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let (last, rest) = (piece.last(), pieces.peek().is_none());
            let is_here = |e: &Edit| rest || last.is_some_and(|l| order(e.id(), &l.id) != Ordering::Greater);
            if !edits.peek().is_some_and(is_here) {
                out.0.push(piece.clone());
                continue;
            }
            let mut merged = Vec::with_capacity(piece.len() + 1);
            let mut old = piece.iter().peekable();
            while let Some(edit) = edits.next_if(is_here) {
                while let Some(lock) = old.next_if(|l| order(&l.id, edit.id()) == Ordering::Less) {
                    merged.push(lock.clone());
                }
                old.next_if(|l| l.id == *edit.id());
                if let Edit::Put(lock) = edit {
                    merged.push(lock);
                }
            }
            merged.extend(old.cloned());
            out.add(merged);
        }
        let put = |edit| if let Edit::Put(lock) = edit { Some(lock) } else { None };
        out.add(edits.filter_map(put).collect());
        out.finish()
    }

    /// What is different in a newer list.
    pub fn changes_to(&self, newer: &Self) -> Changes {
        let mut changes = Changes::default();
        if Arc::ptr_eq(&self.0, &newer.0) {
            return changes;
        }
        let (mut a, mut b) = (Cursor::new(self), Cursor::new(newer));
        loop {
            while a.is_at_same_piece(&b) {
                a.skip();
                b.skip();
            }
            let order = match (a.lock(), b.lock()) {
                (None, None) => return changes,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(x), Some(y)) if Arc::ptr_eq(x, y) => {
                    a.step();
                    b.step();
                    continue;
                }
                (Some(x), Some(y)) => order(&x.id, &y.id),
            };
            if order != Ordering::Greater {
                changes.gone.push(a.index);
                a.step();
            }
            if order != Ordering::Less {
                changes.come.push(b.index);
                b.step();
            }
        }
    }
}

#[derive(Default)]
struct Builder(Vec<Piece>);

impl Builder {
    /// A new piece, or several. What has become small joins the one before.
    fn add(&mut self, mut locks: Vec<Arc<Lock>>) {
        if locks.is_empty() {
            return;
        }
        if locks.len() < PIECE / 2
            && let Some(last) = self.0.pop_if(|last| last.len() + locks.len() <= 2 * PIECE)
        {
            locks.splice(0..0, last.iter().cloned());
        }
        let parts = if locks.len() <= 2 * PIECE { 1 } else { locks.len().div_ceil(PIECE) };
        self.0.extend(locks.chunks(locks.len().div_ceil(parts)).map(Piece::from));
    }

    fn finish(self) -> LockList {
        let mut len = 0;
        let start = |piece: &Piece| {
            let start = len;
            len += piece.len();
            start
        };
        let starts = self.0.iter().map(start).collect();
        LockList(Arc::new(Inner { pieces: self.0, starts, len }))
    }
}

/// A place in a list.
struct Cursor<'a> {
    pieces: &'a [Piece],
    within: usize,
    index: u32,
}

impl<'a> Cursor<'a> {
    fn new(list: &'a LockList) -> Self {
        Self { pieces: &list.0.pieces, within: 0, index: 0 }
    }

    fn lock(&self) -> Option<&'a Arc<Lock>> {
        self.pieces.first()?.get(self.within)
    }

    /// Both are at the beginning of a piece that they share.
    fn is_at_same_piece(&self, other: &Self) -> bool {
        let both = self.pieces.first().zip(other.pieces.first());
        self.within == 0 && other.within == 0 && both.is_some_and(|(a, b)| Arc::ptr_eq(a, b))
    }

    fn skip(&mut self) {
        if let Some((piece, rest)) = self.pieces.split_first() {
            self.index += (piece.len() - self.within) as u32;
            (self.pieces, self.within) = (rest, 0);
        }
    }

    fn step(&mut self) {
        self.within += 1;
        self.index += 1;
        if self.lock().is_none() {
            (self.pieces, self.within) = (self.pieces.get(1..).unwrap_or_default(), 0);
        }
    }
}

/// What is different between a list and a newer one. A lock that was read again is in both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Places in the older list of what is not in the newer one, rising.
    pub gone: Vec<u32>,
    /// Places in the newer list of what was not in the older one, rising.
    pub come: Vec<u32>,
}

impl Changes {
    /// Nothing is different.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.come.is_empty()
    }

    /// Where each of so many locks of the older list is in the newer one; `None`: it is not, or has changed.
    pub fn moved(&self, old: usize) -> Vec<Option<u32>> {
        let mut come = self.come.iter().copied().peekable();
        let mut gone = self.gone.iter().copied().peekable();
        let mut next = 0;
        let place = |at: u32| {
            if gone.next_if_eq(&at).is_some() {
                return None;
            }
            while come.next_if_eq(&next).is_some() {
                next += 1;
            }
            next += 1;
            Some(next - 1)
        };
        (0..old as u32).map(place).collect()
    }

    /// What is known of each lock of the older list, carried over to the newer one; what is new there is asked for.
    pub fn carry<T: Copy>(&self, old: &[T], mut fresh: impl FnMut(u32) -> T) -> Vec<T> {
        let mut out = Vec::with_capacity(old.len() + self.come.len() - self.gone.len().min(old.len()));
        let mut come = self.come.iter().copied().peekable();
        let mut gone = self.gone.iter().copied().peekable();
        for (at, known) in (0..).zip(old) {
            if gone.next_if_eq(&at).is_some() {
                continue;
            }
            while let Some(new) = come.next_if_eq(&(out.len() as u32)) {
                out.push(fresh(new));
            }
            out.push(*known);
        }
        out.extend(come.map(fresh));
        out
    }
}

impl FromIterator<Arc<Lock>> for LockList {
    fn from_iter<I: IntoIterator<Item = Arc<Lock>>>(locks: I) -> Self {
        let mut locks: Vec<Arc<Lock>> = locks.into_iter().collect();
        // Runs that are sorted already cost next to nothing.
        locks.sort_by(|a, b| order(&a.id, &b.id));
        let mut out = Builder::default();
        out.add(locks);
        out.finish()
    }
}

/// For the order of edits.
pub(super) fn in_order(a: &Edit, b: &Edit) -> Ordering {
    order(a.id(), b.id())
}

impl Index<usize> for LockList {
    type Output = Arc<Lock>;

    /// Panics beyond the end, as slices do.
    fn index(&self, index: usize) -> &Arc<Lock> {
        let at = self.0.starts.partition_point(|start| *start <= index).saturating_sub(1);
        &self.0.pieces[at][index - self.0.starts[at]]
    }
}

impl PartialEq for LockList {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl fmt::Debug for LockList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! How long locks are usually held and since when they stand, kept over restarts: one file in the state directory,
//! written now and then and when the dashboard ends. Only who goes on watching writes it. It is ours alone, so that
//! read-only mode keeps it too.

mod file;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use self::file::{read, write, written};
use crate::domain::holds::HoldBook;
use crate::domain::snapshot::Board;
use crate::domain::standing::{Standing, StandingLocks, standing};
use crate::domain::{Bytes, NodeMeta};

/// The file.
const NAME: &str = "holds.json";
/// A poller hands its book in so often at most.
const EVERY: Duration = Duration::from_secs(10);
/// Locks of a place that nobody watches any more are forgotten after this.
const FORGET: Duration = Duration::from_secs(30 * 24 * 3600);
/// A first look waits no longer for a slow disk: what is read later is taken over later.
const WAIT: Duration = Duration::from_millis(250);

/// Address and database: a node keeps its habits when it gets another name.
type Place = (String, u32);

/// See the module.
pub(super) struct Memory {
    books: Mutex<Books>,
    file: Option<PathBuf>,
    /// Who looks once reads it and writes nothing.
    writes: bool,
    loaded: watch::Sender<bool>,
}

#[derive(Default)]
struct Books {
    /// What was read from the file and nobody asked for yet.
    read: HashMap<Place, HoldBook>,
    /// Locks that stood when the file was written.
    standing: HashMap<Place, Arc<StandingLocks>>,
    /// The newest books of the pollers, and when they came.
    known: HashMap<Place, (HoldBook, Instant)>,
    /// Changed since it was written.
    changed: bool,
    /// The file is another program's: hands off.
    foreign: bool,
}

impl Books {
    /// What stood on nodes that were not searched whole since.
    fn standing_elsewhere(&self, board: &Board) -> impl Iterator<Item = (&Place, &Bytes, &Standing)> {
        let searched: HashSet<Place> =
            board.iter().filter(|node| node.scan.passes > 0).map(|node| place_of(&node.meta)).collect();
        let now = SystemTime::now();
        let recent = move |lock: &Standing| now.duration_since(lock.read_at).is_ok_and(|ago| ago < FORGET);
        self.standing
            .iter()
            .filter(move |(place, _)| !searched.contains(*place))
            .flat_map(|(place, locks)| locks.iter().map(move |(key, lock)| (place, key, lock)))
            .filter(move |(_, _, lock)| recent(lock))
    }
}

impl Memory {
    /// Remembers in this directory; `None`: only as long as the process lives. `writes`: what is learnt is written
    /// down.
    pub(super) fn new(dir: Option<&Path>, writes: bool) -> Self {
        let file = dir.filter(|dir| !dir.as_os_str().is_empty()).map(|dir| dir.join(NAME));
        let (loaded, _) = watch::channel(file.is_none());
        Self { books: Mutex::default(), file, writes, loaded }
    }

    /// Waits until the file was read, or for a moment.
    pub(super) async fn ready(&self) {
        let mut loaded = self.loaded.subscribe();
        let _ = tokio::time::timeout(WAIT, loaded.wait_for(|loaded| *loaded)).await;
    }

    /// A poller's book: gets what was remembered of it, and is remembered when it changed.
    pub(super) fn visit(&self, node: &NodeMeta, book: &mut HoldBook) {
        if self.file.is_none() {
            return;
        }
        let place = place_of(node);
        let now = Instant::now();
        let mut books = self.books();
        if let Some(read) = books.read.remove(&place) {
            book.take_over(read);
        }
        let news = match books.known.get(&place) {
            Some((known, at)) => known.changes != book.changes && now.saturating_duration_since(*at) >= EVERY,
            None => book.changes > 0,
        };
        if news {
            books.known.insert(place, (book.clone(), now));
            books.changed = true;
        }
    }

    /// The locks that stood at this place when the file was written; the same `Arc` each time.
    pub(super) fn standing(&self, node: &NodeMeta) -> Option<Arc<StandingLocks>> {
        self.file.as_ref()?;
        self.books().standing.get(&place_of(node)).cloned()
    }

    /// Reads the file. Blocks.
    pub(super) fn load(&self) {
        let Some(path) = &self.file else { return };
        match read(path) {
            Ok(content) => {
                let mut books = self.books();
                books.read = content.books;
                books.standing =
                    content.standing.into_iter().map(|(place, locks)| (place, Arc::new(locks))).collect();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, "what is usual for locks could not be read");
                // What can't be read is written anew; what another version wrote is left alone.
                self.books().foreign = error.kind() == io::ErrorKind::Unsupported;
            }
        }
        self.loaded.send_replace(true);
    }

    /// Writes the file if there is something new: what was learnt, and the locks that stand on this board. Blocks.
    pub(super) fn save(&self, board: &Board) {
        let Some(path) = self.file.as_ref().filter(|_| self.writes) else { return };
        let now = standing_now(board);
        let text = {
            let mut books = self.books();
            let stood = !books.standing.is_empty() || !now.is_empty();
            if !(books.changed || stood) || books.foreign {
                return;
            }
            books.changed = false;
            let is_known: HashSet<(&Place, &Bytes)> =
                now.iter().map(|(place, key, _)| (place, *key)).collect();
            let earlier = books.standing_elsewhere(board);
            let earlier = earlier.filter(|(place, key, _)| !is_known.contains(&(*place, *key)));
            let known = now.iter().map(|(place, key, lock)| (place, *key, lock));
            let habits = books.known.iter().map(|(place, (book, _))| (place, book));
            written(habits.chain(&books.read), known.chain(earlier))
        };
        if let Err(error) = write(path, &text) {
            tracing::warn!(%error, "what is usual for locks could not be written down");
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place_of(node: &NodeMeta) -> Place {
    (node.address.clone(), node.db)
}

/// The locks that stand on all nodes of the board.
fn standing_now(board: &Board) -> Vec<(Place, &Bytes, Standing)> {
    board
        .iter()
        .flat_map(|node| {
            let place = place_of(&node.meta);
            let locks = standing(node.locks.iter().map(AsRef::as_ref));
            locks.into_iter().map(move |(key, lock)| (place.clone(), key, lock))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::domain::NodeId;

    fn node(address: &str) -> NodeMeta {
        NodeMeta { id: NodeId::new("a"), address: address.into(), db: 0, group: None }
    }

    fn book(key: &[u8]) -> HoldBook {
        let mut book = HoldBook::default();
        for n in 1..=3 {
            book.ended(&key.into(), Some(Duration::from_secs(n)), n == 3, n);
        }
        book
    }

    #[test]
    fn habits_survive_a_restart_with_any_key() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state/redwarden");
        let hostile: &[u8] = b"lock:\x1b[2J\"\\\0\xff";
        let memory = Memory::new(Some(&state), true);
        memory.load();
        memory.visit(&node("h:1"), &mut book(hostile));
        memory.save(&Board::default());
        let path = state.join(NAME);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = Memory::new(Some(&state), true);
        again.load();
        let mut fresh = HoldBook::default();
        again.visit(&node("h:2"), &mut fresh);
        assert_eq!(fresh.usual(&hostile.into()), None);
        again.visit(&node("h:1"), &mut fresh);
        let usual = fresh.usual(&hostile.into()).unwrap();
        assert_eq!((usual.p50, usual.handovers), (Some(Duration::from_secs(2)), 1));
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_broken_file_is_written_anew_and_a_later_one_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let later = "{\"version\":2,\"locks\":{}}";
        for (text, kept) in [("{\"version\":1,\"locks\":[{", false), ("\u{0}", false), (later, true)] {
            std::fs::write(&path, text).unwrap();
            let memory = Memory::new(Some(dir.path()), true);
            memory.load();
            memory.visit(&node("h:1"), &mut book(b"lock:a"));
            memory.save(&Board::default());
            assert_eq!(std::fs::read_to_string(&path).unwrap() == text, kept, "{text}");
        }
        // Without a directory nothing is kept, and one that can't be made hurts nobody.
        Memory::new(None, true).save(&Board::default());
        let nowhere = Memory::new(Some(&path.join("x")), true);
        nowhere.visit(&node("h:1"), &mut book(b"lock:a"));
        nowhere.save(&Board::default());
    }
}

//! How long locks are usually held, kept over restarts: one file in the state directory, written now and then and
//! when the dashboard ends. Only who goes on watching writes it. It is ours alone, so that read-only mode keeps it too.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::holds::{HoldBook, Holds};
use crate::domain::{Bytes, NodeMeta};

/// The file.
const NAME: &str = "holds.json";
/// Format of the file. One of a later program is neither read nor written over.
const VERSION: u32 = 1;
/// A larger file is not ours.
const LARGEST: u64 = 32 << 20;
/// Locks of all nodes that are written down.
const MOST_WRITTEN: usize = 20_000;
/// A poller hands its book in so often at most.
const EVERY: Duration = Duration::from_secs(10);

/// Address and database: a node keeps its habits when it gets another name.
type Place = (String, u32);

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    books: Mutex<Books>,
    file: Option<PathBuf>,
}

#[derive(Default)]
struct Books {
    /// What was read from the file and nobody asked for yet.
    read: HashMap<Place, HoldBook>,
    /// The newest books of the pollers, and when they came.
    known: HashMap<Place, (HoldBook, Instant)>,
    /// Changed since it was written.
    changed: bool,
    /// The file is another program's: hands off.
    foreign: bool,
}

impl Memory {
    /// Remembers in this directory; `None`: only as long as the process lives.
    pub(super) fn new(dir: Option<&Path>) -> Self {
        let dir = dir.filter(|dir| !dir.as_os_str().is_empty());
        Self { books: Mutex::default(), file: dir.map(|dir| dir.join(NAME)) }
    }

    /// A poller's book: gets what was remembered of it, and is remembered when it changed.
    pub(super) fn visit(&self, node: &NodeMeta, book: &mut HoldBook) {
        if self.file.is_none() {
            return;
        }
        let place = (node.address.clone(), node.db);
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

    /// Reads the file. Blocks.
    pub(super) fn load(&self) {
        let Some(path) = &self.file else { return };
        let loaded = match read(path) {
            Ok(loaded) => loaded,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(%error, "what is usual for locks could not be read");
                // What can't be read is written anew; what another version wrote is left alone.
                self.books().foreign = error.kind() == io::ErrorKind::Unsupported;
                return;
            }
        };
        self.books().read = loaded;
    }

    /// Writes the file if something changed. Blocks.
    pub(super) fn save(&self) {
        let Some(path) = &self.file else { return };
        let text = {
            let mut books = self.books();
            if !books.changed || books.foreign {
                return;
            }
            books.changed = false;
            let known = books.known.iter().map(|(place, (book, _))| (place, book));
            written(known.chain(&books.read))
        };
        if let Err(error) = write(path, &text) {
            tracing::warn!(%error, "what is usual for locks could not be written down");
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    locks: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    address: String,
    db: u32,
    key_b64: String,
    holds_ms: Vec<u64>,
    handovers: u64,
    ended: u64,
}

fn written<'a>(books: impl Iterator<Item = (&'a Place, &'a HoldBook)>) -> String {
    let rows = books.flat_map(|((address, db), book)| {
        book.best().into_iter().map(move |(key, holds)| Row {
            address: address.clone(),
            db: *db,
            key_b64: STANDARD.encode(key.as_slice()),
            holds_ms: holds.lengths_ms.iter().copied().collect(),
            handovers: holds.handovers,
            ended: holds.ended,
        })
    });
    let file = File { version: VERSION, locks: rows.take(MOST_WRITTEN).collect() };
    // Plain structs: serialising them cannot fail.
    serde_json::to_string(&file).unwrap_or_default()
}

fn read(path: &Path) -> io::Result<HashMap<Place, HoldBook>> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    let head: Head = serde_json::from_str(&text).map_err(io::Error::other)?;
    if head.version != VERSION {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the file has another format"));
    }
    let file: File = serde_json::from_str(&text).map_err(io::Error::other)?;
    let mut books: HashMap<Place, HoldBook> = HashMap::new();
    for row in file.locks.into_iter().take(MOST_WRITTEN) {
        let Ok(key) = STANDARD.decode(&row.key_b64) else { continue };
        let holds = Holds { lengths_ms: row.holds_ms.into(), handovers: row.handovers, ended: row.ended };
        books.entry((row.address, row.db)).or_default().insert(Bytes::from(key), holds);
    }
    Ok(books)
}

/// Whole or not at all: a new file takes the old one's place.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    private_dir(dir)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let done = create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

#[cfg(unix)]
fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn private_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::create(path)
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
        let memory = Memory::new(Some(&state));
        memory.load();
        memory.visit(&node("h:1"), &mut book(hostile));
        memory.save();
        let path = state.join(NAME);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = Memory::new(Some(&state));
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
            let memory = Memory::new(Some(dir.path()));
            memory.load();
            memory.visit(&node("h:1"), &mut book(b"lock:a"));
            memory.save();
            assert_eq!(std::fs::read_to_string(&path).unwrap() == text, kept, "{text}");
        }
        // Without a directory nothing is kept, and one that can't be made hurts nobody.
        Memory::new(None).save();
        let nowhere = Memory::new(Some(&path.join("x")));
        nowhere.visit(&node("h:1"), &mut book(b"lock:a"));
        nowhere.save();
    }
}

//! The file in which habits and standing locks are kept: read and written whole.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::domain::Bytes;
use crate::domain::holds::{HoldBook, Holds};
use crate::domain::standing::{Standing, StandingLocks};
use crate::private_file;

/// Format of the file. One of a later program is neither read nor written over.
const VERSION: u32 = 1;
/// A larger file is not ours.
const LARGEST: u64 = 32 << 20;
/// Locks of all nodes that are written down, and again as many that stood at the end.
const MOST_WRITTEN: usize = 20_000;

/// What the file holds.
#[derive(Default)]
pub(super) struct Content {
    pub(super) books: HashMap<Place, HoldBook>,
    pub(super) standing: HashMap<Place, StandingLocks>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    locks: Vec<Row>,
    #[serde(default)]
    standing: Vec<StandingRow>,
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

/// Times are milliseconds since the epoch.
#[derive(Serialize, Deserialize)]
struct StandingRow {
    address: String,
    db: u32,
    key_b64: String,
    token: String,
    first_seen_ms: u64,
    held_before_ms: Option<u64>,
    read_ms: u64,
    ends_ms: Option<u64>,
}

/// The text of the file; what comes first is kept first.
pub(super) fn written<'a>(
    books: impl Iterator<Item = (&'a Place, &'a HoldBook)>,
    standing: impl Iterator<Item = (&'a Place, &'a Bytes, &'a Standing)>,
) -> String {
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
    let standing = standing.map(|((address, db), key, lock)| StandingRow {
        address: address.clone(),
        db: *db,
        key_b64: STANDARD.encode(key.as_slice()),
        token: lock.token.clone(),
        first_seen_ms: since_epoch(lock.first_seen),
        held_before_ms: lock.held_before.map(millis),
        read_ms: since_epoch(lock.read_at),
        ends_ms: lock.ends.map(since_epoch),
    });
    let file = File {
        version: VERSION,
        locks: rows.take(MOST_WRITTEN).collect(),
        standing: standing.take(MOST_WRITTEN).collect(),
    };
    // Plain structs: serialising them cannot fail.
    serde_json::to_string(&file).unwrap_or_default()
}

/// Reads the file. Blocks.
pub(super) fn read(path: &Path) -> io::Result<Content> {
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
    let mut content = Content::default();
    for row in file.locks.into_iter().take(MOST_WRITTEN) {
        let Ok(key) = STANDARD.decode(&row.key_b64) else { continue };
        let holds = Holds { lengths_ms: row.holds_ms.into(), handovers: row.handovers, ended: row.ended };
        content.books.entry((row.address, row.db)).or_default().insert(Bytes::from(key), holds);
    }
    for row in file.standing.into_iter().take(MOST_WRITTEN) {
        let Ok(key) = STANDARD.decode(&row.key_b64) else { continue };
        let (Some(first_seen), Some(read_at)) = (moment(row.first_seen_ms), moment(row.read_ms)) else {
            continue;
        };
        let lock = Standing {
            token: row.token,
            first_seen,
            held_before: row.held_before_ms.map(Duration::from_millis),
            read_at,
            ends: row.ends_ms.and_then(moment),
        };
        content.standing.entry((row.address, row.db)).or_default().insert(Bytes::from(key), lock);
    }
    Ok(content)
}

/// Whole or not at all: a new file takes the old one's place. Blocks.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    private_file::make_dir(dir)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let done = private_file::options().write(true).create(true).truncate(true).open(&temporary).and_then(
        |mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)
        },
    );
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

fn since_epoch(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

fn moment(ms: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms))
}

//! Lock families against what their libraries were seen to write, and their releases on a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod connections;
mod nobodys;
mod plans;
mod recorded;
mod releases;
mod rights;
mod robust;
#[path = "../support/act.rs"]
mod support;
mod table;
mod undo;

use redwarden::act::Seen;
use redwarden::config::Config;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Lock, NodeId, Reply, Stamp};
use redwarden::family::registry::Kind;
use redwarden::family::{Context, Dialect, KeyFact, Read, Registry};
use redwarden::redis_io::{ClientRole, Reader, connect};

use support::{Bench, TIMEOUT};

pub(crate) fn context() -> Context {
    Context {
        node: NodeId::new("n1"),
        db: 0,
        at: Stamp::now(),
        server_ms: 0,
        push: PushEnd::Left,
        is_new: true,
        rate_window: std::time::Duration::from_secs(10),
    }
}

pub(crate) async fn reader(bench: &Bench) -> Reader {
    connect(&bench.server.endpoint(), ClientRole::Act, TIMEOUT).await.unwrap()
}

/// Looks at a key twice as the dashboard does, with these lock patterns.
pub(crate) async fn look(reader: &mut Reader, patterns: &[&str], key: &Bytes) -> Option<Lock> {
    let lock_patterns = patterns.iter().map(ToString::to_string).collect();
    let registry = Registry::new(&Config { lock_patterns, ..Config::default() });
    let (candidate, _) = registry.candidate(key.as_slice());
    if !candidate {
        return None;
    }
    let kind = reader.read(&[Read::Type(key.clone())], Dialect::default()).await.unwrap();
    let [Reply::Status(kind)] = kind.as_slice() else { panic!("{kind:?}") };
    let fact = KeyFact {
        key: key.clone(),
        key_type: kind.as_str().into(),
        lock_pattern: registry.matches_lock_pattern(key.as_slice()),
        queue_pattern: false,
    };
    let Some(Kind::Lock(family)) = registry.recognise(&fact) else { return None };
    let mut previous = None;
    for _ in 0..2 {
        let reads = family.reads(key, previous.as_ref());
        let replies = reader.read(&reads, Dialect::default()).await.unwrap();
        let lock = family.interpret(&fact, previous.as_ref(), &replies, &context())?;
        assert!(
            lock.candidates.iter().all(|(_, sure)| *sure < 100),
            "nothing is certain: {:?}",
            lock.candidates
        );
        previous = Some(lock);
    }
    previous
}

/// What was on the screen of a lock.
pub(crate) fn seen(lock: &Lock) -> Seen {
    Seen {
        family: lock.family,
        key_type: lock.key_type.clone(),
        token: lock.token.clone(),
        ttl: lock.ttl.clone(),
        read_at: lock.read_at,
    }
}

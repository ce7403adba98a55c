//! Recognisers meet hostile bytes: they never panic and always give a family and a plan or a reason.

use proptest::prelude::*;
use redwarden::config::Config;
use redwarden::domain::lock::Token;
use redwarden::domain::{Bytes, NodeId, Reply};
use redwarden::family::registry::{Kind, lock_family};
use redwarden::family::{KeyFact, Registry};

use crate::context;

pub(crate) fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[0-9a-f]{32}".prop_map(String::into_bytes),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(:[0-9]{0,20}|-.{0,9})?"
            .prop_map(String::into_bytes),
        "ADDED:[0-9TZ:.-]{0,30}@.{0,20}".prop_map(String::into_bytes),
        ".{0,20}[_|][0-9]{0,22}(_[0-9a-f]{32})?".prop_map(String::into_bytes),
        "[0-9]{0,25}(\\.[0-9]{0,25})?".prop_map(String::into_bytes),
        "[A-Za-z0-9+/_é-]{22}(==|.{0,8})".prop_map(String::into_bytes),
    ]
}

/// What the keys of some family begin with, or may begin with.
fn prefixes() -> Vec<Bytes> {
    let registry = Registry::new(&Config::default());
    let own = registry.prefixes(&NodeId::new("n1")).into_iter().map(|(prefix, _)| prefix);
    let more = ["", "mutex:", "huey.r.", "redlock:", "job-lock:", "{"].map(Bytes::from);
    own.chain(more).collect()
}

pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    let prefix = prop::sample::select(prefixes());
    let suffix =
        prop::sample::select(vec!["", ":LOCKED", ".readers", ".writer", "}:timeout", ":timeout", ":readers"]);
    (prefix, prop::collection::vec(any::<u8>(), 0..40), suffix)
        .prop_map(|(prefix, rest, suffix)| [prefix.as_slice(), &rest, suffix.as_bytes()].concat())
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        value().prop_map(|v| Reply::Bulk(v.into())),
        any::<i64>().prop_map(Reply::Int),
        Just(Reply::Nil),
        Just(Reply::Double(f64::NAN)),
        "[a-z]{0,6}".prop_map(Reply::Status),
    ];
    leaf.prop_recursive(2, 12, 6, |inner| prop::collection::vec(inner, 0..7).prop_map(Reply::Array))
}

proptest! {
    #[test]
    fn any_key_and_any_replies(
        key in key(),
        kind in prop::sample::select(vec!["string", "hash", "zset", "set", "list", "stream", "connection"]),
        first in prop::collection::vec(reply(), 0..6),
        second in prop::collection::vec(reply(), 0..6),
        pattern in any::<bool>(),
    ) {
        let lock_patterns = if pattern { vec!["*".to_string()] } else { Vec::new() };
        let registry = Registry::new(&Config { lock_patterns, ..Config::default() });
        registry.candidate(&key);
        let key = Bytes::from(key);
        let fact = KeyFact { key: key.clone(), key_type: kind.into(), lock_pattern: pattern, queue_pattern: false };
        if let Some(Kind::Lock(family)) = registry.recognise(&fact) {
            let lock = family.interpret(&fact, None, &first, &context());
            let _ = family.interpret(&fact, lock.as_ref(), &second, &context());
        }
    }

    #[test]
    fn any_value_is_some_family_with_a_release(key in key(), value in value()) {
        let registry = Registry::new(&Config { lock_patterns: vec!["*".into()], ..Config::default() });
        let key = Bytes::from(key);
        let fact =
            KeyFact { key: key.clone(), key_type: "string".into(), lock_pattern: true, queue_pattern: false };
        let Some(Kind::Lock(family)) = registry.recognise(&fact) else { panic!("no family") };
        let len = value.len() as i64;
        let replies = [Reply::Int(3), Reply::Int(60_000), Reply::Bulk(value.into()), Reply::Int(len)];
        let lock = family.interpret(&fact, None, &replies, &context()).expect("a lock");
        prop_assert_eq!(lock.family, lock.candidates[0].0);
        prop_assert!(lock.candidates.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{:?}", lock.candidates);
        prop_assert!(lock.holder.iter().all(|h| !h.contains(|c: char| c.is_control())));
        let family = lock_family(lock.family, "string").expect("a family that releases it");
        if let Ok(recipe) = family.release(lock.family, &key, &lock.token, &[]) {
            let last = recipe.steps.last().expect("a step").name();
            prop_assert!(matches!(last.as_str(), "DEL" | "INCRBY" | "DECRBY"), "{}", last);
        }
    }

    #[test]
    fn any_family_releases_any_key_or_says_why_not(
        id in prop::sample::select(redwarden::family::registry::lock_family_ids()),
        kind in prop::sample::select(vec!["string", "hash", "zset", "set", "connection"]),
        key in key(),
        token in value(),
        replies in prop::collection::vec(reply(), 0..10),
        server_ms in any::<i64>(),
    ) {
        let Some(family) = lock_family(id, kind) else { return Ok(()) };
        let (key, token) = (Bytes::from(key), Bytes::from(token));
        let fact = KeyFact { key: key.clone(), key_type: kind.into(), lock_pattern: true, queue_pattern: false };
        let ctx = redwarden::family::Context { server_ms, ..context() };
        if let Some(lock) = family.interpret(&fact, None, &replies, &ctx) {
            let total = lock.holders_total.unwrap_or(lock.holders.len() as u64);
            prop_assert!(lock.holders.len() <= redwarden::domain::lock::MAX_HOLDERS, "{}", total);
            let harmless = |text: &str| !text.contains(|c: char| c.is_control());
            prop_assert!(lock.holder.iter().all(|h| harmless(h)) && lock.holders.iter().all(|h| harmless(&h.words)));
            // What is read later must fit what was found first.
            let reads = family.reads(&key, Some(&lock));
            let _ = family.interpret(&fact, Some(&lock), &replies[..replies.len().min(reads.len())], &ctx);
        }
        family.release_reads(&key, &Token::Known(token.clone()));
        match family.release(id, &key, &Token::Known(token), &replies) {
            Ok(recipe) => {
                prop_assert!(!recipe.steps.is_empty() && !recipe.effects.is_empty());
                let texts = recipe.effects.iter().chain(&recipe.warnings);
                prop_assert!(texts.into_iter().all(|t| !t.contains(|c: char| c.is_control())));
            }
            Err(why) => prop_assert!(!why.is_empty() && !why.contains(|c: char| c.is_control())),
        }
    }

    #[test]
    fn any_list_of_clients(
        lines in prop::collection::vec(("[a-z]{0,5}", value(), 0_u8..3), 0..9),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut list = noise;
        for (name, value, subs) in &lines {
            list.extend_from_slice(format!("\nid=5 addr=a:1 sub={subs} name={name}-lock-").as_bytes());
            list.extend_from_slice(value);
        }
        for holder in redwarden::family::portalocker::holders(&list.into()) {
            prop_assert!(!holder.channel.is_empty() && !holder.address.contains(|c: char| c.is_control()));
        }
    }
    /// A family never says that it is quite sure, and bytes that say nothing under a name that says nothing are called
    /// by no library's name.
    #[test]
    fn nothing_is_certain(
        key in key(),
        name in "[a-z]{5,20}",
        value in prop::collection::vec(any::<u8>(), 25..80),
        kind in prop::sample::select(vec!["string", "hash", "zset", "set"]),
        replies in prop::collection::vec(reply(), 0..6),
    ) {
        let registry = Registry::new(&Config { lock_patterns: vec!["*".into()], ..Config::default() });
        let look = |key: Bytes, kind: &str, replies: &[Reply]| {
            let fact = KeyFact { key, key_type: kind.into(), lock_pattern: true, queue_pattern: false };
            let Some(Kind::Lock(family)) = registry.recognise(&fact) else { return None };
            family.interpret(&fact, None, replies, &context())
        };
        let len = value.len() as i64;
        let random = [Reply::Int(3), Reply::Int(60_000), Reply::Bulk(value.into()), Reply::Int(len)];
        for (kind, replies) in [(kind, &replies[..]), ("string", &random)] {
            if let Some(lock) = look(key.clone().into(), kind, replies) {
                prop_assert!(lock.candidates.iter().all(|(_, sure)| *sure < 100), "{:?}", lock.candidates);
            }
        }
        let lock = look(name.into(), "string", &random).expect("a lock");
        prop_assert!(["setnx", "unknown"].contains(&lock.family), "{:?}", lock.candidates);
        prop_assert!(lock.candidates[0].1 < 50, "{:?}", lock.candidates);
    }
}

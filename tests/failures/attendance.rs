//! Who is connected and who was: what CLIENT LISTs tell of holders.

use std::time::Duration;

use redwarden::domain::presence::HolderState;
use redwarden::domain::{Bytes, Lock, Stamp};
use redwarden::family::attendance::Attendance;

use super::fixtures::{base, lock, s};

/// A lock whose beginning was seen.
fn held(token: &str, first_seen: Stamp) -> Lock {
    let held = lock("lock:a").token(token).never().0;
    Lock { first_seen, read_at: first_seen, held_before: Some(Duration::ZERO), ..held }
}

fn client(name: &str, host: &str, age: u64) -> String {
    format!("id=1 addr={host}:50000 name={name} age={age} flags=N\n")
}

/// The states told of a token, list after list, ten seconds apart.
fn states(token: &str, lists: &[String]) -> Vec<Option<HolderState>> {
    let start = base();
    let mut known = Attendance::default();
    let lock = held(token, start);
    let told = lists.iter().enumerate().map(|(i, list)| {
        known.take(&list.as_str().into(), start.plus(s(10 * i as u64)));
        known.presence(&lock, None).map(|p| p.state)
    });
    told.collect()
}

#[test]
fn gone_needs_somebody_who_was_there() {
    use HolderState::{Alive, Gone, Unknown};
    let there = client("web-3", "10.0.0.9", 500);
    let nobody = client("other", "10.0.0.7", 500);
    let list = |names: [&String; 4]| names.map(String::clone);
    assert_eq!(
        states("web-3:4711", &list([&there, &there, &nobody, &nobody])),
        [Some(Alive), Some(Alive), None, Some(Gone)]
    );
    assert_eq!(
        states("web-3:4711", &list([&there, &nobody, &there, &nobody])),
        [Some(Alive), None, Some(Alive), None]
    );
    assert_eq!(states("web-3:4711", &list([&nobody, &nobody, &nobody, &nobody])), [None; 4]);
    assert_eq!(states("web-33:4711", &list([&there, &there, &nobody, &nobody])), [None; 4]);
    // Only its host is known by the value.
    assert_eq!(
        states("10.0.0.9|4711", &list([&there, &there, &nobody, &nobody])),
        [Some(Unknown), Some(Unknown), None, Some(Gone)]
    );
    // A second life: its connection is younger than the lock.
    let young = client("web-3", "10.0.0.9", 1);
    assert_eq!(states("web-3:4711", &[young.clone(), young]), [Some(Alive), Some(Unknown)]);
}

#[test]
fn a_shared_name_tells_nothing_and_who_came_later_was_not_the_holder() {
    let many: String = (0..9).map(|n| client("web", &format!("10.0.0.{n}"), 500)).collect();
    assert_eq!(states("web:4711", &[many]), [Some(HolderState::Unknown)]);
    let start = base();
    let mut known = Attendance::default();
    known.take(&client("web-3", "10.0.0.9", 500).as_str().into(), start);
    let later = held("web-3:4711", start.plus(Duration::from_secs(5)));
    for n in 1..4 {
        known
            .take(&client("other", "10.0.0.7", 500).as_str().into(), start.plus(Duration::from_secs(10 * n)));
    }
    assert_eq!(known.presence(&later, None), None);
    known.clear();
    assert!(known.is_empty());
}

#[test]
fn hostile_lists_are_bounded_and_shown_harmless() {
    let start = base();
    let mut known = Attendance::default();
    for round in 0..4 {
        let text: String = (0..9_000).map(|n| client(&format!("w{round}z{n}"), "10.0.0.9", 1)).collect();
        known.take(&text.into(), start.plus(Duration::from_secs(round)));
        assert!((1..=10_000).contains(&known.len()));
    }
    let list = [&b"id=1 addr=\x1b[2J:1 name=w\x1b[31m\xff age=x\n"[..], b"garbage\n=\naddr=\nname="].concat();
    known.take(&Bytes::from(list), start);
    let lock = held("x", start);
    let told = known.presence(&lock, Some(&b"w\x1b[31m\xff"[..].into())).unwrap();
    assert!(told.evidence.chars().all(|c| !c.is_control()), "{}", told.evidence);
}

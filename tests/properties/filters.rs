//! A filter of several terms lets through what each of its terms lets through, in the order of the stale score.

use std::time::Instant;

use proptest::prelude::*;
use redwarden::app::columns;
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::rows;
use redwarden::app::selection::id_at;
use redwarden::app::state::{AppState, RowId, Sort};
use redwarden::app::update::update;
use redwarden::domain::{Lock, Rules, stale};

use crate::fixtures::{self, LockBuilder, base, board, lock, node, s};

/// What a lock is made of; the terms are judged by it, not by the lock.
#[derive(Clone, Copy, Debug)]
struct Made {
    never: bool,
    holder: u8,
    minutes: u64,
    rq: bool,
    gone: bool,
}

const HOLDERS: [&str; 3] = ["web-3", "web-30", "db-1"];

fn made() -> impl Strategy<Value = Made> {
    (any::<bool>(), 0..3_u8, 0..40_u64, any::<bool>(), any::<bool>())
        .prop_map(|(never, holder, minutes, rq, gone)| Made { never, holder, minutes, rq, gone })
}

impl Made {
    fn lock(self, at: usize) -> LockBuilder {
        let lock = lock(format!("lock:{at:02}")).token(format!("token-{at}")).age(s(self.minutes * 60 + 5));
        let lock = lock.holder(Some(HOLDERS[usize::from(self.holder)]));
        let lock = if self.never { lock.never() } else { lock.ttl(s(7000)) };
        let mut lock = if self.gone { lock.gone() } else { lock };
        lock.0.family = if self.rq { "rq" } else { "laravel" };
        lock
    }
}

type Judge = fn(Made) -> bool;

/// A term and what it means.
const TERMS: [(&str, Judge); 8] = [
    ("state:no_ttl", |m| m.never),
    ("holder:web-3", |m| HOLDERS[usize::from(m.holder)].starts_with("web-3")),
    ("age>10m", |m| m.minutes >= 10),
    ("family:rq", |m| m.rq),
    ("holder_state:gone", |m| m.gone),
    ("db-1", |m| m.holder == 2),
    ("ttl<2h", |m| !m.never),
    ("age<=20m", |m| m.minutes < 20),
];

fn listed(state: &AppState) -> Vec<Lock> {
    let find = |id: Option<RowId>| match id {
        Some(RowId::Lock(id)) => state.fleet.locks.iter().find(|l| l.id == id).map(|l| Lock::clone(l)),
        other => panic!("{other:?}"),
    };
    (0..state.locks.rows.len()).map(|at| find(id_at(state, Panel::Locks, at)).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_terms_hold_and_the_stalest_stands_first(
        all in prop::collection::vec(made(), 0..40),
        chosen in prop::collection::vec((0..TERMS.len(), any::<bool>()), 0..5),
    ) {
        let locks = all.iter().enumerate().map(|(at, made)| made.lock(at)).collect();
        let mut state = fixtures::state();
        update(&mut state, Event::Board(board(vec![node("a").locks(locks)])), base());
        let term = |(at, inverted): &(usize, bool)| format!("{}{}", if *inverted { "!" } else { "" }, TERMS[*at].0);
        state.locks.filter = chosen.iter().map(term).collect::<Vec<_>>().join(" ").as_str().into();
        let column = columns::LOCKS.iter().position(|c| c.name == "stale").unwrap();
        state.locks.sort = Sort { column, descending: true };
        rows::rebuild(&mut state, Panel::Locks);
        let shown = listed(&state);
        let mut keys: Vec<String> = shown.iter().map(|l| l.id.key.to_string()).collect();
        keys.sort();
        let holds = |made: Made| chosen.iter().all(|(at, inverted)| TERMS[*at].1(made) != *inverted);
        let expected: Vec<String> =
            all.iter().enumerate().filter(|(_, m)| holds(**m)).map(|(at, _)| format!("lock:{at:02}")).collect();
        prop_assert_eq!(keys, expected, "{:?}", chosen);
        let now: Instant = base().mono;
        let scores: Vec<_> = shown.iter().map(|l| stale::score(l, &Rules::default(), now)).collect();
        prop_assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
}

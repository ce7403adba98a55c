//! A list that follows changes is the list made whole, whatever changed in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use redwarden::app::columns;
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::rows;
use redwarden::app::selection::id_at;
use redwarden::app::state::{AppState, RowId, Sort};
use redwarden::app::update::update;
use redwarden::domain::fleet::standing::Standing;
use redwarden::domain::group::{GroupKind, GroupSnapshot};
use redwarden::domain::lock_list::Edit;
use redwarden::domain::node::Reason;
use redwarden::domain::snapshot::Board;
use redwarden::domain::{FleetView, GroupId, Lock, LockId, LockList, NodeId, Quorum, Stamp};

use crate::fixtures::{self, base, board, lock, node, s};

const NODES: [&str; 3] = ["a", "b", "c"];
const FILTERS: [&str; 8] =
    ["", "key:lock:1", "state:no_ttl", "age>10m", "ttl<20s", "!holder:b", "stale>10", "votes>1"];

#[derive(Clone, Debug)]
enum Step {
    /// Locks of a node: key, and what becomes of it.
    Edit(usize, Vec<(u8, u8)>),
    /// It goes or comes back.
    Turn(usize),
    /// All its keys were searched, or not all.
    Searched(usize, bool),
    Sort(usize, bool),
    Filter(usize),
    Select(usize),
    Later(u64),
    Freeze,
}

fn step() -> impl Strategy<Value = Step> {
    let of_node = 0..NODES.len();
    let few = prop::collection::vec(any::<(u8, u8)>(), 0..12);
    let many = prop::collection::vec(any::<(u8, u8)>(), 100..400);
    prop_oneof![
        8 => (of_node.clone(), few).prop_map(|(n, edits)| Step::Edit(n, edits)),
        2 => (of_node.clone(), many).prop_map(|(n, edits)| Step::Edit(n, edits)),
        1 => of_node.clone().prop_map(Step::Turn),
        1 => (of_node, any::<bool>()).prop_map(|(n, whole)| Step::Searched(n, whole)),
        2 => (0..columns::LOCKS.len(), any::<bool>()).prop_map(|(c, d)| Step::Sort(c, d)),
        1 => (0..FILTERS.len()).prop_map(Step::Filter),
        1 => any::<usize>().prop_map(Step::Select),
        1 => prop_oneof![Just(1), 2..40_u64].prop_map(Step::Later),
        1 => Just(Step::Freeze),
    ]
}

/// What becomes of a key; `None`: nobody holds it.
fn fate(key: u8, fate: u8, node: &str, now: Stamp) -> Option<Lock> {
    let token = |of: &str| format!("token-of-{of}-{key}");
    let lock = lock(format!("lock:{key:03}"));
    let lock = match fate % 8 {
        0 | 1 => return None,
        2 => lock.ttl(s(1 + u64::from(key) % 50)).token(token("all")),
        3 => lock.never().token(token("all")),
        4 => lock.ttl(s(300)).token(token(node)).age(s(u64::from(fate) * 9)),
        5 => lock.ttl(s(90)).gone(),
        6 => lock.ttl_denied(),
        _ => lock.ttl(s(60)).token(token("two")).holder(None),
    };
    let mut lock = lock.0;
    lock.id.node = NodeId::new(node);
    (lock.read_at, lock.first_seen) = (now, fixtures::before(now, s(u64::from(fate))));
    Some(lock)
}

/// The servers behind the boards.
struct World {
    kind: Option<GroupKind>,
    nodes: usize,
    lists: Vec<LockList>,
    down: Vec<bool>,
    searched: Vec<bool>,
    now: Stamp,
}

impl World {
    fn new(layout: u8) -> Self {
        let (nodes, kind) = match layout {
            0 => (1, None),
            1 => (NODES.len(), None),
            2 => (NODES.len(), Some(GroupKind::Independent)),
            3 => (NODES.len(), Some(GroupKind::Sentinel)),
            _ => (NODES.len(), Some(GroupKind::Cluster)),
        };
        let lists = vec![LockList::default(); NODES.len()];
        Self { kind, nodes, lists, down: vec![false; 3], searched: vec![true; 3], now: base() }
    }

    fn edit(&mut self, at: usize, edits: &[(u8, u8)]) {
        let name = NODES[at];
        let edits: BTreeMap<u8, u8> = edits.iter().copied().collect();
        let edits = edits.into_iter().map(|(key, what)| match fate(key, what, name, self.now) {
            Some(lock) => Edit::Put(Arc::new(lock)),
            None => Edit::Take(LockId {
                node: NodeId::new(name),
                db: 0,
                key: format!("lock:{key:03}").as_str().into(),
            }),
        });
        self.lists[at] = self.lists[at].edited(edits.collect::<Vec<_>>());
    }

    fn board(&self) -> Board {
        let nodes = (0..self.nodes).map(|at| {
            let mut node = node(NODES[at]);
            node.0.locks = self.lists[at].clone();
            node.0.taken_at = self.now;
            node.0.facts_at = Some(self.now);
            node.0.scan.passes = u64::from(self.searched[at]);
            node.0.meta.group = self.kind.map(|_| GroupId::new("g"));
            if self.down[at] { node.down(Reason::Refused) } else { node }
        });
        let mut board = board(nodes.collect());
        if let Some(kind) = self.kind {
            board.groups = Arc::new(vec![Arc::new(GroupSnapshot::unheard(GroupId::new("g"), kind))]);
        }
        board
    }
}

fn listed(state: &AppState) -> Vec<Option<RowId>> {
    (0..state.locks.rows.len()).map(|at| id_at(state, Panel::Locks, at)).collect()
}

/// The same fleet, shown by a dashboard that never saw another one.
fn whole(state: &AppState, world: &World) -> AppState {
    let mut whole = fixtures::state();
    (whole.locks.sort, whole.locks.filter) = (state.locks.sort, state.locks.filter.clone());
    update(&mut whole, Event::Board(world.board()), world.now);
    whole
}

fn check(state: &AppState, world: &World) {
    let whole = whole(state, world);
    assert_eq!(state.fleet.locks, whole.fleet.locks);
    assert_eq!(state.fleet.quorums.len(), whole.fleet.quorums.len());
    for (followed, made) in state.fleet.quorums.iter().zip(&whole.fleet.quorums) {
        assert_eq!((&followed.key, &followed.electorate), (&made.key, &made.electorate));
        let answers =
            |q: &Quorum| q.votes.iter().map(|v| (v.node.clone(), v.answer.clone())).collect::<Vec<_>>();
        assert_eq!(answers(followed), answers(made));
    }
    for quorum in &whole.fleet.quorums {
        // What a list asks for is the first of what the details tell.
        let told = quorum.verdict(world.now.mono).and_then(|v| v.findings.into_iter().next());
        let worst = quorum.worst(world.now.mono);
        assert_eq!(
            worst.map(|w| (w.severity, w.code, w.remedy)),
            told.map(|f| (f.severity, f.code, f.remedy))
        );
    }
    check_rows(state, &whole);
    assert!(state.frozen.is_some() || state.verdict == whole.verdict);
}

fn check_rows(state: &AppState, whole: &AppState) {
    if state.frozen.is_some() {
        return;
    }
    let each = |state: &AppState| state.standings.iter().collect::<Vec<Standing>>();
    assert_eq!(each(state), each(whole));
    let worst = |state: &AppState| {
        let quorums = state.standings.quorums();
        quorums.map(|(q, worst)| (q.key.clone(), q.electorate.clone(), worst)).collect::<Vec<_>>()
    };
    assert_eq!(worst(state), worst(whole));
    assert_eq!(listed(state), listed(whole));
    assert_eq!(state.counts, whole.counts);
    assert_eq!(state.locks.selected.is_some(), !state.locks.rows.is_empty());
    if state.locks.selected.is_some() {
        assert_eq!(id_at(state, Panel::Locks, state.locks.cursor), state.locks.selected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_follows_changes_is_what_is_made_whole(
        layout in 0..5_u8,
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let mut world = World::new(layout);
        let mut state = fixtures::state();
        for at in 0..world.nodes {
            world.edit(at, &(0..=255_u8).map(|key| (key, key.wrapping_mul(7))).collect::<Vec<_>>());
        }
        update(&mut state, Event::Board(world.board()), world.now);
        for step in steps {
            match step {
                Step::Edit(at, edits) => world.edit(at, &edits),
                Step::Turn(at) => world.down[at] ^= true,
                Step::Searched(at, whole) => world.searched[at] = whole,
                Step::Sort(column, descending) => {
                    state.locks.sort = Sort { column, descending };
                    rows::rebuild(&mut state, Panel::Locks);
                }
                Step::Filter(which) => {
                    state.locks.filter = FILTERS[which].into();
                    rows::rebuild(&mut state, Panel::Locks);
                }
                Step::Select(at) => redwarden::app::selection::select(&mut state, Panel::Locks, at),
                Step::Later(seconds) => {
                    world.now = world.now.plus(s(seconds));
                    if seconds > 1 {
                        update(&mut state, Event::Tick, world.now);
                        check_rows(&state, &whole(&state, &world));
                    }
                }
                Step::Freeze => {
                    update(&mut state, Event::Key(redwarden::app::key::Key::char('p')), world.now);
                }
            }
            update(&mut state, Event::Board(world.board()), world.now);
            check(&state, &world);
        }
    }

    #[test]
    fn an_edited_list_is_the_list_of_what_is_left(
        first in prop::collection::vec(any::<(u8, u8)>(), 0..600),
        then in prop::collection::vec(prop::collection::vec(any::<(u8, u8)>(), 0..300), 1..6),
    ) {
        let mut world = World::new(0);
        world.edit(0, &first);
        let mut model: BTreeMap<u8, u8> = first.into_iter().collect();
        for edits in then {
            let before = world.lists[0].clone();
            world.edit(0, &edits);
            model.extend(edits);
            let list = &world.lists[0];
            let left = model.iter().filter_map(|(k, what)| fate(*k, *what, "a", world.now));
            prop_assert!(list.iter().map(|l| &**l).eq(&left.collect::<Vec<_>>()));
            prop_assert_eq!(list.len(), list.iter().count());
            for (at, lock) in list.iter().enumerate() {
                prop_assert!(Arc::ptr_eq(list.get(at).unwrap(), lock) && list.position(&lock.id) == Some(at));
                prop_assert_eq!(list.places_of_key(&lock.id.key), at..at + 1);
            }
            prop_assert!(list.get(list.len()).is_none());
            // What changed is told from both lists alone.
            let changes = before.changes_to(list);
            let come: Vec<u32> = changes.come.clone();
            let known: Vec<Arc<Lock>> = before.iter().cloned().collect();
            let numbers: Vec<usize> = (0..known.len()).collect();
            let carried = changes.carry(&numbers, |new| known.len() + new as usize);
            prop_assert_eq!(carried.len(), list.len());
            for (at, from) in carried.iter().enumerate() {
                match known.get(*from) {
                    Some(lock) => {
                        prop_assert!(Arc::ptr_eq(lock, &list[at]));
                        prop_assert_eq!(changes.moved(known.len())[*from], Some(at as u32));
                    }
                    None => prop_assert!(come.contains(&(at as u32))),
                }
            }
        }
    }
}

#[test]
fn a_change_costs_what_changed() {
    let mut world = World::new(0);
    world.edit(0, &(0..=255).map(|key| (key, 3)).collect::<Vec<_>>());
    let before = FleetView::build(&world.board());
    world.edit(0, &[(7, 2)]);
    let after = before.next(&world.board());
    let changes = before.changes_to(&after);
    assert_eq!((changes.gone, changes.come), (vec![7], vec![7]));
}

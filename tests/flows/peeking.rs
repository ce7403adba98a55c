//! `v` on a queue: asked for, shown, dropped.

use std::sync::Arc;

use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::state::{Dialog, Settings};
use redwarden::family::TaskSet;
use redwarden::peek::Peek;

use crate::fixtures::{rich_board, settings};
use crate::harness::{flow_with, queue_id};

fn first_queue(f: &crate::harness::Flow) -> String {
    f.queue_keys()[0].clone()
}

#[test]
fn a_peek_works_read_only_and_leaves_nothing_behind() {
    let mut f = flow_with(Settings { read_only: true, ..settings() }, &rich_board());
    let key = first_queue(&f);
    f.select_queue(&key);
    let effects = f.press("v");
    let [Effect::Peek(wish)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((wish.family, wish.set), ("list", TaskSet::Waiting));
    let queue = wish.queue.clone();
    assert_eq!(queue, queue_id("a", &key));
    assert!(matches!(f.state.dialogs.last(), Some(Dialog::Peek(id, TaskSet::Waiting, 0)) if *id == queue));
    // An answer for another queue is not this one's.
    f.send(Event::Peeked(queue_id("a", "other"), TaskSet::Waiting, Err("no".into())));
    assert!(f.state.peek.is_none());
    let seen = seen(&f, TaskSet::Waiting);
    f.send(Event::Peeked(queue.clone(), TaskSet::Waiting, Ok(Arc::new(seen))));
    assert!(matches!(&f.state.peek, Some(Ok(p)) if p.count == Some(3)));
    // Again, and it could not be handed on.
    let effects = f.press("r");
    assert!(f.state.peek.is_none());
    f.send(Event::Undelivered(effects[0].clone(), "try again".into()));
    assert!(matches!(&f.state.peek, Some(Err(why)) if why == "try again"));
    f.send(Event::Key(Key::plain(KeyCode::Esc)));
    assert!(f.state.peek.is_none() && f.state.dialogs.is_empty());
    // Too late: nobody looks any more.
    f.send(Event::Peeked(queue, TaskSet::Waiting, Err("late".into())));
    assert!(f.state.peek.is_none());
}

fn seen(f: &crate::harness::Flow, set: TaskSet) -> Peek {
    let sets = vec![TaskSet::Waiting, TaskSet::Scheduled, TaskSet::Failed];
    Peek { set, sets, count: Some(3), shared: false, first: Vec::new(), last: Vec::new(), at: f.now }
}

#[test]
fn tab_goes_round_the_sets_that_the_queue_has() {
    let mut f = flow_with(settings(), &rich_board());
    let key = first_queue(&f);
    f.select_queue(&key);
    f.press("v");
    let queue = queue_id("a", &key);
    // Nothing is known before the first answer.
    assert!(f.send(Event::Key(Key::plain(KeyCode::Tab))).is_empty());
    let answer = |f: &mut crate::harness::Flow, set| {
        let seen = seen(f, set);
        f.send(Event::Peeked(queue_id("a", &first_queue(f)), set, Ok(Arc::new(seen))));
    };
    answer(&mut f, TaskSet::Waiting);
    f.press("j");
    let mut went = Vec::new();
    for key in [KeyCode::Tab, KeyCode::Right, KeyCode::Tab, KeyCode::Left] {
        let effects = f.send(Event::Key(Key::plain(key)));
        let [Effect::Peek(wish)] = effects.as_slice() else { panic!("{effects:?}") };
        went.push(wish.set);
        assert!(matches!(f.state.dialogs.last(), Some(Dialog::Peek(_, set, 0)) if *set == wish.set));
        // An answer about the tasks that were looked at before comes too late.
        f.send(Event::Peeked(queue.clone(), TaskSet::Retry, Err("late".into())));
        assert!(f.state.peek.is_none());
        answer(&mut f, wish.set);
    }
    assert_eq!(went, [TaskSet::Scheduled, TaskSet::Failed, TaskSet::Waiting, TaskSet::Failed]);
    // What was refused is left for those that wait.
    f.send(Event::Peeked(queue, TaskSet::Failed, Err("not permitted".into())));
    let effects = f.send(Event::Key(Key::plain(KeyCode::Tab)));
    assert!(
        matches!(effects.as_slice(), [Effect::Peek(wish)] if wish.set == TaskSet::Waiting),
        "{effects:?}"
    );
}

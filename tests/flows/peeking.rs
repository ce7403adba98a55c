//! `v` on a queue: asked for, shown, dropped.

use std::sync::Arc;

use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::state::{Dialog, Settings};
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
    let [Effect::Peek { queue, family: "list", .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let queue = queue.clone();
    assert_eq!(queue, queue_id("a", &key));
    assert!(matches!(f.state.dialogs.last(), Some(Dialog::Peek(id, 0)) if *id == queue));
    // An answer for another queue is not this one's.
    f.send(Event::Peeked(queue_id("a", "other"), Err("no".into())));
    assert!(f.state.peek.is_none());
    let seen = Peek { waiting: 3, next: Vec::new(), newest: Vec::new(), at: f.now };
    f.send(Event::Peeked(queue.clone(), Ok(Arc::new(seen))));
    assert!(matches!(&f.state.peek, Some(Ok(p)) if p.waiting == 3));
    // Again, and it could not be handed on.
    let effects = f.press("r");
    assert!(f.state.peek.is_none());
    f.send(Event::Undelivered(effects[0].clone(), "try again".into()));
    assert!(matches!(&f.state.peek, Some(Err(why)) if why == "try again"));
    f.send(Event::Key(Key::plain(KeyCode::Esc)));
    assert!(f.state.peek.is_none() && f.state.dialogs.is_empty());
    // Too late: nobody looks any more.
    f.send(Event::Peeked(queue, Err("late".into())));
    assert!(f.state.peek.is_none());
}

//! A plain list tells no counts of what came and went: the element that was the newest is looked for again.

use std::time::Duration;

use redwarden::domain::queue::{PushEnd, RateSource, Rates};
use redwarden::domain::{NodeId, Reply, Stamp};
use redwarden::family::list::ListFamily;
use redwarden::family::{Context, KeyFact, QueueFamily, QueueMemory};

/// The rates after looks a second apart: newest, next, and where the newest of the look before was found.
fn rates(looks: &[(&str, &str, i64)]) -> Rates {
    let (start, mut memory, mut queue) = (Stamp::now(), QueueMemory::default(), None);
    let fact = KeyFact { key: "q".into(), key_type: "list".into(), lock_pattern: false, queue_pattern: true };
    for (second, (newest, next, found)) in (0..).zip(looks) {
        let ctx = Context {
            node: NodeId::new("a"),
            db: 0,
            at: start.plus(Duration::from_secs(second)),
            server_ms: 0,
            push: PushEnd::Left,
            is_new: false,
            rate_window: Duration::from_secs(10),
        };
        let text = |text: &str| [Reply::Int(text.len() as i64), Reply::Bulk(text.into())];
        let look = [Reply::Int(2)].into_iter().chain(text(newest)).chain(text(next));
        let look = Reply::Array(look.chain([Reply::Array(vec![Reply::Int(*found)])]).collect());
        queue = ListFamily.interpret(&fact, queue.as_ref(), &mut memory, &[look, Reply::Int(0)], &ctx);
    }
    queue.map_or(Rates { incoming: None, outgoing: None, net: None, source: RateSource::None }, |q| q.rates)
}

#[test]
fn found_again_is_believed_only_where_nothing_speaks_against_it() {
    let known = |looks: &[_]| rates(looks).incoming.zip(rates(looks).outgoing);
    assert_eq!(known(&[("b", "a", 9), ("b", "a", 0)]), Some((0.0, 0.0)));
    assert_eq!(known(&[("b", "a", 9), ("d", "c", 2)]), Some((2.0, 2.0)));
    // Emptied and refilled: the same payload is the newest, but another task is next.
    assert_eq!(known(&[("b", "x", 9), ("b", "y", 0)]), None);
    // A payload comes back that had been replaced.
    assert_eq!(known(&[("a", "x", 9), ("b", "y", 1), ("a", "z", 1), ("b", "x", 1)]), None);
}

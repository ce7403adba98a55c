//! A Redisson lock that is gone while clients still wait for it: somebody deleted the key by hand, or it was evicted,
//! and no message was published (redisson issue 3829: fair-lock clients stalled for minutes).

use super::{WAITERS, braced, fair, waiting};
use crate::act::plan::Undo;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Recipe;

/// Who listens to the channels of the lock, and who stands in its line.
pub(super) fn reads(key: &Bytes) -> Vec<Command> {
    let lines = braced("redisson_lock_timeout", key);
    vec![
        Command::new("PUBSUB NUMSUB")
            .arg(braced("redisson_lock__channel", key))
            .arg(braced("redisson_rwlock", key)),
        Command::new("LRANGE").arg(braced("redisson_lock_queue", key)).arg(0_i64).arg(WAITERS - 1),
        Command::new("ZRANGE").arg(lines).arg(0_i64).arg(WAITERS - 1).arg("WITHSCORES"),
        Command::new("TIME"),
        // A server that does not know it has no such channels.
        Command::new("PUBSUB SHARDNUMSUB")
            .arg(braced("redisson_lock__channel", key))
            .arg(braced("redisson_rwlock", key)),
    ]
}

/// The message that the release would have sent. `None`: nobody is known to wait.
pub(super) fn recipe(key: &Bytes, replies: &[Reply]) -> Option<Recipe> {
    let [listeners, queue, timeouts, time, of_shard] = replies else { return None };
    let mut recipe = Recipe {
        sharded: true,
        tells: true,
        effects: vec![
            "nothing is released: the lock is gone already, only who still waits for it is told".into(),
        ],
        undo: Undo::No("a message cannot be taken back: clients that are told in vain wait on"),
        ..Recipe::default()
    };
    if let Some(waiters) = waiting(queue).filter(|waiters| !waiters.is_empty()) {
        let given_up = fair(&mut recipe, key, &waiters, timeouts, time);
        recipe.steps.extend(given_up);
        return Some(recipe);
    }
    let counts = listeners.as_array()?;
    // Without the lock its mode is not known: the message that wakes all is right for readers and writers.
    for (name, message) in [("redisson_lock__channel", "0"), ("redisson_rwlock", "1")] {
        let channel = braced(name, key);
        let listening = |counts: &[Reply]| {
            let at = counts.iter().position(|item| item.as_bytes().is_some_and(|b| b == channel));
            at.and_then(|at| counts.get(at + 1)).and_then(Reply::as_int).unwrap_or_default()
        };
        let many = listening(counts) + of_shard.as_array().map_or(0, listening);
        if many > 0 {
            let clients = if many == 1 {
                "1 client that listens".into()
            } else {
                format!("{many} clients that listen")
            };
            recipe.effects.push(format!("wakes {clients} on {channel}"));
            recipe.steps.push(Command::new("PUBLISH").arg(channel).arg(message));
        }
    }
    (!recipe.steps.is_empty()).then_some(recipe)
}

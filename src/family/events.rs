//! Keyspace events of a queue's key: how often something was pushed and taken, by a server that tells it anyway.
//!
//! One event stands for one command, however many elements it pushed or took. So their numbers are lower bounds, and
//! together with the change of depth they are exact as soon as one side goes one by one.

use super::TaskKind;

/// What was told of one key within some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Commands that pushed.
    pub pushed: u64,
    /// Commands that took.
    pub popped: u64,
    /// Something else changed its length: nothing follows from the numbers.
    pub unclear: bool,
    /// The last one took something: the key's end comes of that.
    emptied: bool,
}

impl Events {
    /// Takes in one event by its name.
    pub fn take(&mut self, event: &[u8]) {
        let emptied = std::mem::take(&mut self.emptied);
        match event {
            b"lpush" | b"rpush" => self.pushed += 1,
            b"lpop" | b"rpop" | b"zpopmin" | b"zpopmax" | b"zrem" => {
                self.popped += 1;
                self.emptied = true;
            }
            // Also where only a score changed: what was added follows from the depth.
            b"zadd" => {}
            // Its length stays.
            b"new" | b"lset" | b"expire" | b"persist" => self.emptied = emptied,
            b"del" if emptied => {}
            _ => self.unclear = true,
        }
    }

    /// Both together.
    #[must_use]
    pub(super) fn and(self, more: Self) -> Self {
        Self {
            pushed: self.pushed + more.pushed,
            popped: self.popped + more.popped,
            unclear: self.unclear || more.unclear,
            emptied: more.emptied,
        }
    }

    /// How many were pushed and taken at least, where the depth changed by so many meanwhile.
    pub(super) fn reconciled(self, net: i64) -> (u64, u64) {
        let popped = (self.popped as i64).max(self.pushed as i64 - net).max(0);
        (u64::try_from(popped + net).unwrap_or(0), popped as u64)
    }
}

/// A key's events as a queue remembers them between looks.
#[derive(Clone, Debug, Default)]
pub struct EventMemory {
    /// Type of the key, where its events tell what goes in and out of its queue.
    pub follows: Option<TaskKind>,
    /// What was told since the last look; `None`: not followed all that time.
    pub told: Option<Events>,
    /// Why they are not followed although the server sends them.
    pub left_out: Option<&'static str>,
}

impl EventMemory {
    /// Takes what was told of a key of this type.
    pub(super) fn step(&mut self, kind: TaskKind) -> Option<Events> {
        self.follows = Some(kind);
        self.told.take().filter(|events| !events.unclear)
    }
}

/// True when a server with these `notify-keyspace-events` tells all that changes the length of a key of this type:
/// `K`, and the type's own class with the generic one, or `A` for all. As in redis.conf of 7.0.
pub fn are_told(flags: &str, kind: TaskKind) -> bool {
    let own = match kind {
        TaskKind::List => 'l',
        TaskKind::Sorted => 'z',
        TaskKind::Stream | TaskKind::Any => return false,
    };
    flags.contains('K') && (flags.contains('A') || (flags.contains(own) && flags.contains('g')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &str) -> Events {
        let mut told = Events::default();
        events.split_whitespace().for_each(|event| told.take(event.as_bytes()));
        told
    }

    #[test]
    fn in_and_out_are_exact_where_one_side_goes_one_by_one() {
        let of = |events: &str, net: i64| told(events).reconciled(net);
        assert_eq!(of("rpush lpop rpush lpop", 0), (2, 2));
        assert_eq!(of("rpush lpop lpop lpop", 0), (3, 3), "three in one push");
        assert_eq!(of("rpush rpush rpush lpop", 0), (3, 3), "three in one pop");
        assert_eq!(of("lpop", -5), (0, 5));
        assert_eq!(of("zpopmin zadd zadd", 7), (8, 1), "a score changed, or seven came in one");
        assert_eq!(of("", 4), (4, 0));
    }

    #[test]
    fn what_else_changes_a_key_is_unclear_but_its_end_after_a_pop() {
        assert!(!told("new rpush lpop del").unclear);
        assert!(!told("zadd zrem expire del").unclear);
        for events in ["rpush del", "ltrim", "lpop rpush del", "rename_to", "lrem", "set"] {
            assert!(told(events).unclear, "{events}");
        }
    }

    #[test]
    fn only_what_is_told_whole_counts() {
        for (flags, lists, sorted) in [
            ("AKE", true, true),
            ("Klg", true, false),
            ("Kzg", false, true),
            ("Kl", false, false),
            ("EA", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (are_told(flags, TaskKind::List), are_told(flags, TaskKind::Sorted)),
                (lists, sorted),
                "{flags}"
            );
        }
    }
}

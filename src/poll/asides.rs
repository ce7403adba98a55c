//! Reads that only add something to a lock or queue: who waits, what is in flight. Their keys and channels may lie
//! outside what this user may read, and each refusal fills the server's ACL log: what was refused once is left out for a
//! while, and its fact stays unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::look::{Look, about_keys};
use crate::domain::Reply;
use crate::domain::reply::ReplyError;
use crate::family::Read;
use crate::redis_io::CallError;

/// What was refused is asked for again after this time: rights may change.
const ASK_AGAIN: Duration = Duration::from_secs(330);
/// Refusals and beginnings that are remembered.
const MOST: usize = 1_000;

/// A command, and the beginning of the keys where it is about keys.
type What = (&'static str, Vec<u8>);

/// What was refused, and what was not.
#[derive(Default)]
pub(super) struct Asides {
    refused: BTreeMap<What, (ReplyError, Instant)>,
    /// Rights differ among the keys that begin so: one refusal says nothing of the others.
    answered: BTreeSet<What>,
}

impl Asides {
    /// The refusal to expect; `None`: it is to be asked.
    fn known(&self, read: &Read, now: Instant) -> Option<&ReplyError> {
        if self.refused.is_empty() {
            return None;
        }
        let (command, of_keys) = aside(read)?;
        let lately = |what: &What| {
            let (error, at) = self.refused.get(what)?;
            (now.saturating_duration_since(*at) < ASK_AGAIN).then_some(error)
        };
        lately(&(command, Vec::new())).or_else(|| lately(&(command, of_keys)))
    }

    fn heard(&mut self, read: &Read, reply: &Reply, now: Instant) {
        let Some((command, of_keys)) = aside(read) else { return };
        if self.refused.len() + self.answered.len() >= MOST {
            *self = Self::default();
        }
        match reply {
            Reply::Error(error) if error.is_denied() && about_keys(error) => {
                let what = (command, of_keys);
                if !self.answered.contains(&what) {
                    self.refused.insert(what, (error.clone(), now));
                }
            }
            Reply::Error(error) if error.is_denied() || error.is_unknown_command() => {
                self.refused.insert((command, Vec::new()), (error.clone(), now));
            }
            _ => {
                self.refused.remove(&(command, Vec::new()));
                let what = (command, of_keys);
                self.refused.remove(&what);
                self.answered.insert(what);
            }
        }
    }
}

/// The command of a read that may be left out, and how its first key begins: `redisson_lock_queue:`.
fn aside(read: &Read) -> Option<What> {
    let key = match read {
        Read::ListLen(key) => key,
        Read::NumSub(channels) | Read::ShardNumSub(channels) => channels.first()?,
        _ => return None,
    };
    let key = key.as_slice();
    let end = key.iter().position(|byte| *byte == b':').map_or(key.len(), |at| at + 1);
    Some((read.needs(), key.get(..end).unwrap_or_default().to_vec()))
}

impl Look<'_> {
    /// Sends reads but those that were refused lately, which get the same answer again. In a cluster who listens to a
    /// channel may listen to its shard's, too.
    pub(super) async fn ask(
        &mut self,
        pane: Option<&'static str>,
        reads: &[Read],
    ) -> Result<Vec<Reply>, CallError> {
        let mut replies = self.ask_as_permitted(reads).await?;
        if !self.in_cluster {
            return Ok(replies);
        }
        let shards = |read: &Read| match read {
            Read::NumSub(channels) => Some(Read::ShardNumSub(channels.clone())),
            _ => None,
        };
        let (places, again): (Vec<usize>, Vec<Read>) =
            (0..).zip(reads).filter_map(|(at, read)| Some((at, shards(read)?))).unzip();
        if again.is_empty() {
            return Ok(replies);
        }
        let of_shards = self.ask_as_permitted(&again).await?;
        for ((at, read), of_shard) in places.into_iter().zip(&again).zip(of_shards) {
            match (of_shard.as_error(), pane) {
                (Some(error), Some(pane)) if error.is_denied() => {
                    self.note_denied(pane, read.needs(), error);
                    self.refusals.refused((pane, read.needs()), read.needs(), Instant::now());
                }
                (None, _) => self.refusals.allowed(read),
                _ => {}
            }
            if let Some(reply) = replies.get_mut(at) {
                add_listeners(reply, of_shard);
            }
        }
        Ok(replies)
    }

    async fn ask_as_permitted(&mut self, reads: &[Read]) -> Result<Vec<Reply>, CallError> {
        let started = Instant::now();
        let asides = &self.refusals.asides;
        let known: Vec<Option<ReplyError>> =
            reads.iter().map(|read| asides.known(read, started).cloned()).collect();
        let left_out = known.iter().filter(|known| known.is_some()).count();
        let answers = if left_out == 0 {
            self.reader.read(reads, *self.dialect).await?
        } else {
            let asked = reads.iter().zip(&known).filter(|(_, known)| known.is_none());
            let asked: Vec<Read> = asked.map(|(read, _)| read.clone()).collect();
            self.reader.read(&asked, *self.dialect).await?
        };
        self.cost.add(reads.len() - left_out, started.elapsed(), self.rtt);
        let mut answers = answers.into_iter();
        let mut replies = Vec::with_capacity(reads.len());
        for (read, known) in reads.iter().zip(known) {
            replies.push(if let Some(error) = known {
                Reply::Error(error)
            } else {
                let reply = answers.next().unwrap_or(Reply::Nil);
                self.refusals.asides.heard(read, &reply, started);
                reply
            });
        }
        Ok(replies)
    }
}

/// Adds the listeners of the shard's channels to those of the plain ones. Where they may not be counted all are
/// unknown; a server that knows no such channels has none.
fn add_listeners(reply: &mut Reply, of_shard: Reply) {
    let (Reply::Array(all), of_shard) = (&mut *reply, of_shard) else { return };
    match of_shard {
        Reply::Array(more) => {
            for (count, more) in all.iter_mut().zip(more).skip(1).step_by(2) {
                if let (Reply::Int(count), Reply::Int(more)) = (count, more) {
                    *count = count.saturating_add(more);
                }
            }
        }
        Reply::Error(error) if error.is_unknown_command() => {}
        _ => *reply = Reply::Nil,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(words: &str) -> Reply {
        Reply::Error(ReplyError { code: "NOPERM".into(), message: words.into() })
    }

    #[test]
    fn one_refusal_stands_for_all_that_begin_so_until_one_is_answered() {
        let mut asides = Asides::default();
        let now = Instant::now();
        let line = |name: &str| Read::ListLen(format!("redisson_lock_queue:{{{name}}}").into());
        let key = denied("No permissions to access a key");
        asides.heard(&line("a"), &key, now);
        assert!(asides.known(&line("b"), now).is_some());
        assert!(asides.known(&line("b"), now + ASK_AGAIN).is_none(), "rights may change");
        assert!(asides.known(&Read::ListLen("other:a".into()), now).is_none());
        asides.heard(&line("b"), &Reply::Int(3), now);
        assert!(asides.known(&line("a"), now).is_none());
        asides.heard(&line("a"), &key, now);
        assert!(asides.known(&line("b"), now).is_none(), "rights differ there");
        // The command itself.
        asides.heard(&Read::NumSub(vec!["x:1".into()]), &denied("no permissions to run the command"), now);
        assert!(asides.known(&Read::NumSub(vec!["y:1".into()]), now).is_some());
        // What a lock consists of is always asked for.
        asides.heard(&Read::Pttl("lock:a".into()), &key, now);
        assert!(asides.known(&Read::Pttl("lock:a".into()), now).is_none());
    }

    #[test]
    fn listeners_are_added_up_and_unknown_where_some_may_not_be_counted() {
        let counts = |n: i64| Reply::Array(vec![Reply::Bulk("channel".into()), Reply::Int(n)]);
        let mut reply = counts(2);
        add_listeners(&mut reply, counts(3));
        assert_eq!(reply, counts(5));
        let unknown = ReplyError { code: "ERR".into(), message: "Unknown subcommand or wrong number".into() };
        add_listeners(&mut reply, Reply::Error(unknown));
        assert_eq!(reply, counts(5));
        add_listeners(&mut reply, denied("no permissions to run the command"));
        assert_eq!(reply, Reply::Nil);
    }
}

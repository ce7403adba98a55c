//! portalocker's RedisLock: no key at all. Who holds it is subscribed to the lock's channel on a connection named
//! `CHANNEL-lock-HEX32`; the lock ends with the connection.

use super::hold::Opening;
use super::recipe::{CONNECTION, Recipe};
use super::{Context, KeyFact, LockFamily, Read};
use crate::act::plan::{Guard, Undo};
use crate::domain::bytes::escape;
use crate::domain::glob::Glob;
use crate::domain::lock::{Token, Ttl};
use crate::domain::{Bytes, Command, Lock, Reply};

/// See the module.
pub struct Portalocker;

/// Its family id.
pub const ID: &str = "portalocker";
/// Connections of locks that are looked at.
const MOST: usize = 1000;

/// A connection that holds a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// The lock's name.
    pub channel: Bytes,
    /// CLIENT ID.
    pub id: u64,
    /// Its whole name.
    pub name: Bytes,
    /// Where it comes from, escaped.
    pub address: String,
    /// Seconds since it connected, where the server says so.
    pub age: Option<u64>,
}

/// The connections of locks in a reply of CLIENT LIST, oldest first.
pub fn holders(list: &Bytes) -> Vec<Connection> {
    let mut found: Vec<Connection> =
        list.as_slice().split(|b| *b == b'\n').filter_map(connection).take(MOST).collect();
    found.sort_by_key(|connection| connection.id);
    found
}

fn connection(line: &[u8]) -> Option<Connection> {
    let field = |name: &[u8]| {
        line.split(|b| *b == b' ').find_map(|f| f.strip_prefix(name)?.strip_prefix(b"=".as_slice()))
    };
    let number = |name: &[u8]| std::str::from_utf8(field(name)?).ok()?.parse::<u64>().ok();
    let name = field(b"name")?;
    let (channel, random) = name.split_at_checked(name.len().checked_sub(32)?)?;
    let channel = channel.strip_suffix(b"-lock-").filter(|c| !c.is_empty())?;
    let hex = random.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
    // A client that does not listen yet, or no more, holds nothing.
    if !hex || number(b"sub")? == 0 {
        return None;
    }
    Some(Connection {
        channel: channel.into(),
        id: number(b"id")?,
        name: name.into(),
        address: escape(field(b"addr").unwrap_or_default()),
        age: number(b"age"),
    })
}

impl Portalocker {
    /// The locks that a reply of CLIENT LIST tells of: one for each channel, held by its oldest connection.
    pub fn locks(
        list: &Bytes,
        known: &dyn Fn(&Bytes) -> Option<Lock>,
        ctx: &Context,
    ) -> Vec<(KeyFact, Lock)> {
        let mut locks: Vec<(KeyFact, Lock)> = Vec::new();
        for holder in holders(list) {
            if locks.iter().any(|(fact, _)| fact.key == holder.channel) {
                continue;
            }
            let fact = KeyFact {
                key: holder.channel.clone(),
                key_type: CONNECTION.into(),
                lock_pattern: false,
                queue_pattern: false,
            };
            let previous = known(&holder.channel);
            let age = holder.age.and_then(|s| i64::try_from(s).ok());
            let token = Token::Known(holder.name.clone());
            let opening = Opening { ttl: Ttl::Never, idle: age };
            let lock = opening.lock(&fact, previous.as_ref(), ctx, token);
            let lock = Lock {
                family: ID,
                candidates: [(ID, 97)].into(),
                no_ttl_is_normal: true,
                holder: Some(format!("client {} at {}", holder.id, holder.address)),
                ..lock
            };
            locks.push((fact, lock));
        }
        locks
    }
}

impl LockFamily for Portalocker {
    fn owns(&self, id: &str, key_type: &str) -> bool {
        id == ID && key_type == CONNECTION
    }

    fn patterns(&self) -> Vec<Glob> {
        Vec::new()
    }

    fn recognise(&self, fact: &KeyFact) -> u8 {
        if &*fact.key_type == CONNECTION { 97 } else { 0 }
    }

    fn reads(&self, _: &Bytes, _: Option<&Lock>) -> Vec<Read> {
        Vec::new()
    }

    /// It has no key to read: [`Portalocker::locks`] makes it.
    fn interpret(&self, _: &KeyFact, previous: Option<&Lock>, _: &[Reply], _: &Context) -> Option<Lock> {
        previous.cloned()
    }

    fn is_constant(&self, _: &str, _: &Bytes, _: &Token) -> bool {
        false
    }

    fn release_reads(&self, _: &Bytes, _: &Token) -> Vec<Command> {
        vec![Command::new("CLIENT LIST")]
    }

    fn release(&self, _: &str, key: &Bytes, token: &Token, replies: &[Reply]) -> Result<Recipe, String> {
        let (Token::Known(name), [Reply::Bulk(list)]) = (token, replies) else {
            return Err("the answers were not understood".into());
        };
        let holder = holders(list).into_iter().find(|h| h.name == *name && h.channel == *key);
        let holder = holder.ok_or("its connection is gone: nothing was done")?;
        Ok(Recipe {
            guards: vec![Guard::ClientNamed { channel: key.clone(), id: holder.id, name: name.clone() }],
            steps: vec![Command::new("CLIENT KILL ID").arg(holder.id)],
            tells: true,
            effects: vec![
                format!("closes the connection of {}: the lock ends with it", holder.address),
                "its holder is told at once: portalocker notices that the connection broke".into(),
                "waiters probe by ping: the next one takes it".into(),
            ],
            warnings: vec!["what its holder does in the meantime goes on without the lock".into()],
            undo: Undo::No("a closed connection cannot be put back: this release cannot be undone"),
            ..Recipe::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_connections_that_hold_a_lock() {
        let hex = "0123456789abcdef0123456789abcdef";
        let list = [
            format!("id=9 addr=10.0.0.2:5 name=nightly-lock-{hex} age=7 sub=1 psub=0"),
            format!("id=3 addr=10.0.0.1:5 name=nightly-lock-{hex} age=9 sub=1 psub=0"),
            format!("id=4 addr=a:1 name=nightly-lock-{hex} sub=0"),
            format!("id=5 addr=a:1 name=-lock-{hex} sub=1"),
            "id=6 addr=a:1 name=nightly-lock-short sub=1".into(),
            "garbage".into(),
        ]
        .join("\n");
        let found = holders(&list.into());
        let ids: Vec<u64> = found.iter().map(|h| h.id).collect();
        assert_eq!(ids, [3, 9]);
        assert_eq!((found[0].channel.clone(), found[0].age), ("nightly".into(), Some(9)));
    }
}

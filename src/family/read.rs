//! The closed list of reads a family may ask for: all bounded, all read-only.
//!
//! Observing can't become disturbing because nothing else can be expressed. The ACL lines in the README
//! follow from this list.

use crate::domain::{Bytes, Command};

/// One bounded, read-only command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// `TYPE`.
    Type(Bytes),
    /// `PTTL`.
    Pttl(Bytes),
    /// `OBJECT IDLETIME`: ask before anything that touches the key.
    IdleTime(Bytes),
    /// `STRLEN`.
    StrLen(Bytes),
    /// `GETRANGE key 0 n-1`: the first n bytes of a string.
    Head(Bytes, u32),
    /// `LLEN`.
    ListLen(Bytes),
    /// Head of a list element through `EVAL_RO`: at most n bytes, and its whole length.
    ElementHead {
        /// The list.
        key: Bytes,
        /// 0 or -1.
        index: i64,
        /// Bytes at most.
        max: u32,
    },
    /// `LPOS key element RANK r MAXLEN m`: where an element stands, looking at no more than m.
    ListPos {
        /// The list.
        key: Bytes,
        /// The element, under 4 KiB.
        element: Bytes,
        /// 1 from the head, -1 from the tail.
        rank: i64,
        /// How many to look at.
        maxlen: u32,
    },
}

/// Returns `{whole length, first bytes}` of one list element, or nothing. Kept in one line: it is sent each time.
pub const ELEMENT_HEAD_SCRIPT: &str = "local e=redis.call('LINDEX',KEYS[1],ARGV[1]) if not e then return {} end return {#e,string.sub(e,1,tonumber(ARGV[2]))}";

impl Read {
    /// The command on the wire.
    pub fn command(&self) -> Command {
        match self {
            Self::Type(key) => Command::new("TYPE").arg(key.clone()),
            Self::Pttl(key) => Command::new("PTTL").arg(key.clone()),
            Self::IdleTime(key) => Command::new("OBJECT IDLETIME").arg(key.clone()),
            Self::StrLen(key) => Command::new("STRLEN").arg(key.clone()),
            Self::Head(key, n) => Command::new("GETRANGE").arg(key.clone()).arg(0_i64).arg(i64::from(*n) - 1),
            Self::ListLen(key) => Command::new("LLEN").arg(key.clone()),
            Self::ElementHead { key, index, max } => Command::new("EVAL_RO")
                .arg(ELEMENT_HEAD_SCRIPT)
                .arg(1_i64)
                .arg(key.clone())
                .arg(*index)
                .arg(i64::from(*max)),
            Self::ListPos { key, element, rank, maxlen } => Command::new("LPOS")
                .arg(key.clone())
                .arg(element.clone())
                .arg("RANK")
                .arg(*rank)
                .arg("MAXLEN")
                .arg(i64::from(*maxlen)),
        }
    }
}

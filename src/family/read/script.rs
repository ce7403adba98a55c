//! Reads that one command can't express: small scripts that only read (`assets/scripts/read_*.lua`, where each says
//! what it returns).

use std::sync::LazyLock;

use super::{Named, Read};
use crate::domain::queue::PushEnd;
use crate::domain::script::code;
use crate::domain::{Bytes, Command};
use crate::family::{Since, TaskKind};

/// A script of one key.
pub(super) struct Script {
    code: Bytes,
    key: Bytes,
    args: Vec<Bytes>,
    /// The commands in it.
    pub(super) runs: &'static str,
    /// True where the plain read tells nearly the same, so that what is missed are the commands and not scripts.
    pub(super) plain_too: bool,
}

impl Script {
    fn new(code: &Bytes, key: &Bytes, runs: &'static str) -> Self {
        Self { code: code.clone(), key: key.clone(), args: Vec::new(), runs, plain_too: false }
    }

    fn arg(mut self, arg: impl Into<Bytes>) -> Self {
        self.args.push(arg.into());
        self
    }

    fn plain_too(self) -> Self {
        Self { plain_too: true, ..self }
    }

    /// By `EVAL_RO` or `EVAL`.
    pub(super) fn command(self, eval: &str) -> Command {
        let mut command = Command::new(eval).arg(self.code).arg(1_i64).arg(self.key);
        command.args.extend(self.args);
        command
    }
}

/// The code of a script by its file's name.
macro_rules! lua {
    ($name:literal) => {{
        static CODE: LazyLock<Bytes> =
            LazyLock::new(|| code(include_str!(concat!("../../../assets/scripts/", $name, ".lua"))));
        &*CODE
    }};
}

impl Read {
    /// The script of this read, if it is one.
    pub(super) fn script(&self) -> Option<Script> {
        Some(match self {
            Self::SetLook { key, count } => {
                let look = Script::new(lua!("read_set_look"), key, "SCARD, SSCAN").plain_too();
                look.arg(u64::from(*count))
            }
            Self::ZsetLook { key, count } => {
                let look = Script::new(lua!("read_zset_look"), key, "ZCARD, ZRANGE").plain_too();
                look.arg(u64::from(*count))
            }
            Self::HashLook { key, pattern, count } => hash_look(key, pattern, *count, HASH_VALUE).plain_too(),
            Self::HashValues { key, count, max } => hash_look(key, "*", *count, *max),
            Self::HashHead { key, field, max } => {
                Script::new(lua!("read_hash_head"), key, "HGET").arg(field.clone()).arg(u64::from(*max))
            }
            Self::ElementHead { key, index, max } => {
                Script::new(lua!("read_element_head"), key, "LINDEX").arg(*index).arg(u64::from(*max))
            }
            Self::ListHeads { key, count, max } => {
                let heads = Script::new(lua!("read_list_heads"), key, "LLEN, LRANGE");
                heads.arg(u64::from(*count)).arg(u64::from(*max))
            }
            Self::ListLook { key, push, newest, maxlen } => {
                let (newest_at, next_at, rank) = match push {
                    PushEnd::Left => (0_i64, -1_i64, 1_i64),
                    PushEnd::Right => (-1, 0, -1),
                };
                let look = Script::new(lua!("read_list_look"), key, "LLEN").arg(newest_at).arg(next_at);
                let look = look.arg(i64::from(newest.is_some())).arg(newest.clone().unwrap_or_default());
                look.arg(rank).arg(u64::from(*maxlen))
            }
            Self::AnyLen(key) => {
                Script::new(lua!("read_any_len"), key, "TYPE, LLEN, ZCARD, SCARD, HLEN, XLEN")
            }
            Self::Due { key, per_second } => {
                Script::new(lua!("read_due"), key, "TIME, ZCARD, ZCOUNT").arg(u64::from(*per_second))
            }
            Self::QueuesNamed { key, kind, field } => {
                let runs = match kind {
                    Named::Sorted => "ZCARD, ZRANGE",
                    Named::Hash => "HLEN, HVALS",
                    Named::List => "LLEN, LRANGE",
                };
                Script::new(lua!("read_queues_named"), key, runs).arg(kind.length()).arg(*field)
            }
            Self::TaskHeads { key, kind, since, backwards, count, max } => {
                let (kind, runs) = match kind {
                    TaskKind::List => ("L", "LLEN, LINDEX"),
                    TaskKind::Sorted => ("Z", "ZCARD, ZRANGE"),
                    TaskKind::Stream => ("X", "XLEN, XRANGE, XREVRANGE"),
                    TaskKind::Any => (
                        "?",
                        "TYPE, TIME, LLEN, LINDEX, ZCARD, ZRANGE, ZCOUNT, ZRANGEBYSCORE, SCARD, SSCAN, HLEN, HSCAN",
                    ),
                };
                let since = match since {
                    Since::All => Bytes::default(),
                    Since::Entry(id) => [b"(", id.as_slice()].concat().into(),
                    Since::AboveZero => Bytes::from(0_u64),
                    Since::NotDue(per_second) => Bytes::from(u64::from(*per_second)),
                };
                let heads = Script::new(lua!("read_task_heads"), key, runs).arg(kind);
                let heads = heads.arg(i64::from(*backwards)).arg(u64::from(*count));
                heads.arg(u64::from(*max)).arg(since)
            }
            Self::StreamLook(key) => Script::new(lua!("read_stream_look"), key, "XINFO|STREAM"),
            Self::StreamAhead { key, after, most } => {
                let ahead = Script::new(lua!("read_stream_ahead"), key, "XRANGE");
                ahead.arg(after.clone()).arg(u64::from(*most))
            }
            Self::StreamEntry { key, after } => {
                Script::new(lua!("read_stream_entry"), key, "XRANGE").arg(after.clone())
            }
            Self::StreamConsumers { key, group } => {
                Script::new(lua!("read_stream_consumers"), key, "XINFO|CONSUMERS").arg(group.clone())
            }
            Self::StreamHeld { key, group, count, max } => {
                let held = Script::new(lua!("read_stream_held"), key, "XPENDING, XRANGE").arg(group.clone());
                held.arg(u64::from(*count)).arg(u64::from(*max))
            }
            Self::LastEntry { key, field, max } => {
                Script::new(lua!("read_last_entry"), key, "XREVRANGE").arg(*field).arg(u64::from(*max))
            }
            Self::Type(_)
            | Self::Pttl(_)
            | Self::IdleTime(_)
            | Self::StrLen(_)
            | Self::Head(..)
            | Self::ListLen(_)
            | Self::NumSub(_)
            | Self::ShardNumSub(_)
            | Self::HashField(..)
            | Self::ZScore(..)
            | Self::SetMember(..)
            | Self::SortedLen(_)
            | Self::SetLen(_)
            | Self::HashLen(_)
            | Self::Members { .. }
            | Self::StreamGroups(_)
            | Self::StreamPending { .. } => return None,
        })
    }
}

/// Bytes of a value in [`Read::HashLook`], which asks for fields.
const HASH_VALUE: u32 = 64;

fn hash_look(key: &Bytes, pattern: &'static str, count: u32, max: u32) -> Script {
    let look = Script::new(lua!("read_hash_look"), key, "HLEN, HSCAN");
    look.arg(pattern).arg(u64::from(count)).arg(u64::from(max))
}

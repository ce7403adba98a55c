//! Reads as single commands: those that are no more than that, and what is read where scripts are not to be had.

use super::{Named, Read};
use crate::domain::{Bytes, Command};
use crate::family::TaskKind;

/// One command.
pub(super) struct Plain {
    /// Its name as ACLs write it: `OBJECT|IDLETIME`.
    pub(super) name: &'static str,
    args: Vec<Bytes>,
}

impl Plain {
    fn of(name: &'static str, key: &Bytes) -> Self {
        Self { name, args: vec![key.clone()] }
    }

    fn arg(mut self, arg: impl Into<Bytes>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(super) fn command(self) -> Command {
        let mut command = Command { args: self.name.split('|').map(Bytes::from).collect() };
        command.args.extend(self.args);
        command
    }
}

impl Named {
    /// The command that tells how many entries there are.
    pub(super) fn length(self) -> &'static str {
        match self {
            Self::Sorted => "ZCARD",
            Self::Hash => "HLEN",
            Self::List => "LLEN",
        }
    }
}

impl Read {
    /// The command of this read; of a script what is read in its place, mostly a length.
    pub(super) fn plain(&self) -> Plain {
        match self {
            Self::Type(key) | Self::AnyLen(key) => Plain::of("TYPE", key),
            Self::Pttl(key) => Plain::of("PTTL", key),
            Self::IdleTime(key) => Plain::of("OBJECT|IDLETIME", key),
            Self::StrLen(key) => Plain::of("STRLEN", key),
            Self::Head(key, n) => Plain::of("GETRANGE", key).arg(0_i64).arg(i64::from(*n) - 1),
            Self::ListLen(key)
            | Self::ListHeads { key, .. }
            | Self::ElementHead { key, .. }
            | Self::ListLook { key, .. } => Plain::of("LLEN", key),
            Self::NumSub(channels) => Plain { name: "PUBSUB|NUMSUB", args: channels.clone() },
            Self::ShardNumSub(channels) => Plain { name: "PUBSUB|SHARDNUMSUB", args: channels.clone() },
            Self::HashField(key, field) => Plain::of("HEXISTS", key).arg(field.clone()),
            Self::ZScore(key, member) => Plain::of("ZSCORE", key).arg(member.clone()),
            Self::SetMember(key, member) => Plain::of("SISMEMBER", key).arg(member.clone()),
            Self::SetLook { key, count } => {
                Plain::of("SSCAN", key).arg(0_i64).arg("COUNT").arg(u64::from(*count))
            }
            Self::ZsetLook { key, count } => {
                Plain::of("ZRANGE", key).arg(0_i64).arg(i64::from(*count) - 1).arg("WITHSCORES")
            }
            Self::HashLook { key, pattern, count } => {
                let scan = Plain::of("HSCAN", key).arg(0_i64);
                scan.arg("MATCH").arg(*pattern).arg("COUNT").arg(u64::from(*count))
            }
            Self::HashLen(key) | Self::HashValues { key, .. } => Plain::of("HLEN", key),
            Self::HashHead { key, field, .. } => Plain::of("HSTRLEN", key).arg(field.clone()),
            Self::TaskHeads { key, kind, .. } => {
                let name = match kind {
                    TaskKind::List => "LLEN",
                    TaskKind::Sorted => "ZCARD",
                    TaskKind::Stream => "XLEN",
                    TaskKind::Any => "TYPE",
                };
                Plain::of(name, key)
            }
            Self::SortedLen(key) | Self::Due { key, .. } => Plain::of("ZCARD", key),
            Self::SetLen(key) => Plain::of("SCARD", key),
            Self::Members { key, cursor } => {
                Plain::of("SSCAN", key).arg(cursor.clone()).arg("COUNT").arg(1000_i64)
            }
            Self::QueuesNamed { key, kind, .. } => Plain::of(kind.length(), key),
            Self::StreamGroups(key) => Plain::of("XINFO|GROUPS", key),
            Self::StreamPending { key, group, entry } => {
                let pending = Plain::of("XPENDING", key).arg(group.clone());
                pending.arg(entry.clone()).arg(entry.clone()).arg(1_i64)
            }
            Self::StreamLook(key)
            | Self::StreamAhead { key, .. }
            | Self::StreamEntry { key, .. }
            | Self::StreamConsumers { key, .. }
            | Self::StreamHeld { key, .. }
            | Self::LastEntry { key, .. } => Plain::of("XLEN", key),
        }
    }
}

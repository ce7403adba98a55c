//! The closed list of reads a family may ask for: all bounded, all read-only.
//!
//! Observing can't become disturbing because nothing else can be expressed. The ACL lines in the README
//! follow from this list.

use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, Reply};

/// What holds the entries of [`Read::QueuesNamed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// A sorted set.
    Sorted,
    /// The values of a hash.
    Hash,
    /// A list.
    List,
}

impl Named {
    fn length(self) -> &'static str {
        match self {
            Self::Sorted => "ZCARD",
            Self::Hash => "HLEN",
            Self::List => "LLEN",
        }
    }
}

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
    /// `PUBSUB NUMSUB`: how many clients listen to these channels.
    NumSub(Vec<Bytes>),
    /// `PUBSUB SHARDNUMSUB` (7.0): the same of a cluster's sharded channels, on the node that has their slot.
    ShardNumSub(Vec<Bytes>),
    /// `HEXISTS`.
    HashField(Bytes, Bytes),
    /// `ZSCORE`.
    ZScore(Bytes, Bytes),
    /// `SISMEMBER`.
    SetMember(Bytes, Bytes),
    /// Some members of a set, cut short, with `SCARD`, in one read-only script.
    SetLook {
        /// The set.
        key: Bytes,
        /// How many members, about.
        count: u32,
    },
    /// The first members of a sorted set with their scores, cut short, with `ZCARD`, in one read-only script.
    ZsetLook {
        /// The sorted set.
        key: Bytes,
        /// How many members.
        count: u32,
    },
    /// Some fields and values of a hash, cut short, with `HLEN`, in one read-only script.
    HashLook {
        /// The hash.
        key: Bytes,
        /// Fields wanted.
        pattern: &'static str,
        /// How many fields the server looks at, about.
        count: u32,
    },
    /// Head of one list element: its whole length and at most n bytes.
    ElementHead {
        /// The list.
        key: Bytes,
        /// 0 or -1.
        index: i64,
        /// Bytes at most.
        max: u32,
    },
    /// Depth, both ends and the last newest element's place, in one atomic read-only script.
    ListLook {
        /// The list.
        key: Bytes,
        /// Which end producers push to.
        push: PushEnd,
        /// Newest element at the last look, whole, under 4 KiB.
        newest: Option<Bytes>,
        /// How many elements to search at most.
        maxlen: u32,
    },
    /// `ZCARD`.
    SortedLen(Bytes),
    /// `SCARD`.
    SetLen(Bytes),
    /// Length of whatever stands there, by its type, in one read-only script; nothing for a string.
    AnyLen(Bytes),
    /// How many members a sorted set of times has, how many of them at zero or below, and how many that are due
    /// by the server's clock: `[all, zero, due]`, in one read-only script.
    Due {
        /// The sorted set.
        key: Bytes,
        /// Steps of the score in a second: 1, 1000, ...
        per_second: u32,
    },
    /// The first elements of a list, cut short, with `LLEN`, in one read-only script: `[length, element, ...]`.
    ListHeads {
        /// The list.
        key: Bytes,
        /// How many elements.
        count: u32,
        /// Bytes of each at most.
        max: u32,
    },
    /// `HLEN`.
    HashLen(Bytes),
    /// First bytes of one field of a hash.
    HashHead {
        /// The hash.
        key: Bytes,
        /// The field.
        field: Bytes,
        /// Bytes at most.
        max: u32,
    },
    /// One page of a set (`SSCAN`), about a thousand members.
    Members {
        /// The set.
        key: Bytes,
        /// `0` for the first page.
        cursor: Bytes,
    },
    /// How many entries a key has and, if they are at most a hundred, which queue their JSON names:
    /// `[length, [queue, ...]]`.
    QueuesNamed {
        /// The sorted set, hash or list.
        key: Bytes,
        /// Which of them it is.
        kind: Named,
        /// The field of the JSON that names the queue.
        field: &'static str,
    },
    /// Some tasks at one end of a key, cut short, in one read-only script: how many there are, then for each
    /// `[length, first bytes]`, of a stream `[id, field, length, first bytes, ...]`.
    TaskHeads {
        /// The key.
        key: Bytes,
        /// Its type.
        kind: super::TaskKind,
        /// Which part of it.
        since: super::Since,
        /// From the end on instead of from the beginning.
        backwards: bool,
        /// How many at most.
        count: u32,
        /// Bytes of each at most.
        max: u32,
    },
    /// Some fields and values of a small hash, values cut to `max` bytes, with `HLEN`.
    HashValues {
        /// The hash.
        key: Bytes,
        /// How many fields the server looks at, about; at most 64 are sent.
        count: u32,
        /// Bytes of a value at most.
        max: u32,
    },
    /// Length and entries ever added of a stream: `[length, added]`.
    StreamLook(Bytes),
    /// `XINFO GROUPS`.
    StreamGroups(Bytes),
    /// Id of the first entry after an id and how many there are, counted up to `most`: `[id, count]`.
    StreamAhead {
        /// The stream.
        key: Bytes,
        /// The last entry that was delivered.
        after: Bytes,
        /// Entries counted at most.
        most: u32,
    },
    /// Id and the first fields of the first entry after an id, cut to 256 bytes each: `[id, field, value, ...]`.
    StreamEntry {
        /// The stream.
        key: Bytes,
        /// The last entry that was delivered; `0` for the first of all.
        after: Bytes,
    },
    /// Who was given an entry and did not acknowledge it: `XPENDING` of that id alone, `[[id, consumer, ...]]`.
    StreamPending {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
        /// Id of the entry.
        entry: Bytes,
    },
    /// Entries that a group's consumers were given and did not acknowledge, the first of them, as `TaskHeads` tells
    /// those of a stream; the first field of each is [`HELD_BY`].
    StreamHeld {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
        /// How many at most.
        count: u32,
        /// Bytes of each field at most.
        max: u32,
    },
    /// First bytes of a field of the last entry of a stream.
    LastEntry {
        /// The stream.
        key: Bytes,
        /// The field.
        field: &'static str,
        /// Bytes at most.
        max: u32,
    },
    /// Consumers of a group: `[how many, name, pending, idle ms, ...]`, at most 64 of them.
    StreamConsumers {
        /// The stream.
        key: Bytes,
        /// The group.
        group: Bytes,
    },
}

/// The field that [`Read::StreamHeld`] puts before those of an entry.
pub const HELD_BY: &str = "held by";

/// Bytes read of a task, and of each part of one, for a peek.
pub const PART: u32 = 16 * 1024;

/// What a server lets us use; found out by trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// `EVAL_RO` (Redis 7.0, Valkey).
    #[default]
    EvalRo,
    /// Only `EVAL`: older servers. The scripts are the same and only read.
    Eval,
    /// No scripts at all: ends of lists stay unknown.
    NoScripts,
}

impl Dialect {
    fn script(self, script: &str) -> Command {
        Command::new(if self == Self::Eval { "EVAL" } else { "EVAL_RO" }).arg(script)
    }
}

/// `{depth, newest length, newest head, next length, next head, {positions}}`. Positions count from the pushing
/// end, at most two are searched for. Elements are cut to 4096 bytes. LPOS came with 6.0.6; without it there are
/// no positions. Where LINDEX is not permitted the depth alone.
const LIST_LOOK: &str = "\
local k=KEYS[1] local n=redis.call('LLEN',k) if n==0 then return {0} end \
local a=redis.pcall('LINDEX',k,ARGV[1]) if type(a)=='table' then return n end local b=redis.call('LINDEX',k,ARGV[2]) \
local r={n,#a,string.sub(a,1,4096),#b,string.sub(b,1,4096)} \
if ARGV[3]=='1' then local p=redis.pcall('LPOS',k,ARGV[4],'RANK',ARGV[5],'COUNT',2,'MAXLEN',ARGV[6]) \
if type(p)=='table' and p.err then r[6]=p.err elseif type(p)=='table' then if ARGV[5]=='-1' then for i=1,#p do p[i]=n-1-p[i] end end r[6]=p end end \
return r";

/// `{whole length, first bytes}` of one list element, or nothing.
const ELEMENT_HEAD: &str = "\
local e=redis.call('LINDEX',KEYS[1],ARGV[1]) if not e then return {} end \
return {#e,string.sub(e,1,tonumber(ARGV[2]))}";

/// `{number of fields, field, value, ...}`: at most 64 pairs, fields cut to 256 bytes and values to ARGV[3].
const HASH_LOOK: &str = "\
local k=KEYS[1] local r={redis.call('HLEN',k)} if r[1]==0 then return r end \
local s=redis.call('HSCAN',k,'0','MATCH',ARGV[1],'COUNT',ARGV[2])[2] \
for i=1,math.min(#s,128),2 do r[#r+1]=string.sub(s[i],1,256) r[#r+1]=string.sub(s[i+1],1,tonumber(ARGV[3])) end \
return r";

/// `{number of members, member, score, ...}`, members cut to 256 bytes.
const ZSET_LOOK: &str = "\
local k=KEYS[1] local r={redis.call('ZCARD',k)} local s=redis.call('ZRANGE',k,0,ARGV[1]-1,'WITHSCORES') \
for i=1,#s,2 do r[#r+1]=string.sub(s[i],1,256) r[#r+1]=s[i+1] end return r";

/// `{number of members, member, ...}`: at most 64, cut to 256 bytes.
const SET_LOOK: &str = "\
local k=KEYS[1] local r={redis.call('SCARD',k)} if r[1]==0 then return r end \
local s=redis.call('SSCAN',k,'0','COUNT',ARGV[1])[2] \
for i=1,math.min(#s,64) do r[#r+1]=string.sub(s[i],1,256) end return r";

/// One field of a hash, cut.
const HASH_HEAD: &str = "\
local v=redis.call('HGET',KEYS[1],ARGV[1]) if not v then return v end return string.sub(v,1,tonumber(ARGV[2]))";

/// Which queues the JSON entries of a small sorted set or hash name. More than a hundred are only counted.
const QUEUES_NAMED: &str = "\
local n=redis.call(ARGV[1],KEYS[1]) if n>100 then return {n} end local r={} \
local e=ARGV[1]=='HLEN' and redis.call('HVALS',KEYS[1]) or redis.call(ARGV[1]=='LLEN' and 'LRANGE' or 'ZRANGE',KEYS[1],0,-1) \
for i=1,#e do local ok,j=pcall(cjson.decode,e[i]) \
local q=ok and type(j)=='table' and j[ARGV[2]] r[i]=type(q)=='string' and string.sub(q,1,512) or '' end return {n,r}";

/// `{length, entries ever added}`; XINFO STREAM itself would send two whole entries.
const STREAM_LOOK: &str = "\
local s=redis.call('XINFO','STREAM',KEYS[1]) local r={0,-1} \
for i=1,#s-1,2 do if s[i]=='length' then r[1]=s[i+1] elseif s[i]=='entries-added' then r[2]=s[i+1] end end return r";

/// `{id of the first entry after ARGV[1], how many}`, without the entries.
const STREAM_AHEAD: &str = "\
local e=redis.call('XRANGE',KEYS[1],'('..ARGV[1],'+','COUNT',ARGV[2]) return {e[1] and e[1][1] or '',#e}";

/// `{id, field, value, ...}` of the first entry after ARGV[1], cut.
const STREAM_ENTRY: &str = "\
local e=redis.call('XRANGE',KEYS[1],'('..ARGV[1],'+','COUNT',1)[1] if not e then return {} end local r={e[1]} \
for i=1,math.min(#e[2],16) do r[#r+1]=string.sub(e[2][i],1,256) end return r";

/// `{how many, name, pending, idle, ...}`: the first 64 consumers, names cut.
const STREAM_CONSUMERS: &str = "\
local c=redis.call('XINFO','CONSUMERS',KEYS[1],ARGV[1]) local r={#c} for i=1,math.min(#c,64) do local f={} \
for j=1,#c[i]-1,2 do f[c[i][j]]=c[i][j+1] end \
r[#r+1]=string.sub(f.name or '',1,256) r[#r+1]=f.pending or -1 r[#r+1]=f.idle or -1 end return r";

/// `{length, at or below zero, due}`; the server's clock decides what is due.
const DUE: &str = "\
local k=KEYS[1] local t=redis.call('TIME') local now=(t[1]+t[2]/1000000)*ARGV[1] \
return {redis.call('ZCARD',k),redis.call('ZCOUNT',k,'-inf',0),redis.call('ZCOUNT',k,'(0',string.format('%.0f',now))}";

/// `{length, element, ...}`, elements cut.
const LIST_HEADS: &str = "\
local k=KEYS[1] local r={redis.call('LLEN',k)} local e=redis.call('LRANGE',k,0,ARGV[1]-1) \
for i=1,#e do r[#r+1]=string.sub(e[i],1,tonumber(ARGV[2])) end return r";

/// The length of a container, 0 where nothing stands.
const ANY_LEN: &str = "\
local t=redis.call('TYPE',KEYS[1]).ok if t=='none' then return 0 end \
local c=({list='LLEN',zset='ZCARD',set='SCARD',hash='HLEN',stream='XLEN'})[t] return c and redis.call(c,KEYS[1])";
/// Some tasks of one end. Long ones are copied within the server: after 4 MiB of them it stops. Of sets and hashes any
/// are as good as others: they are given from one end only.
const TASK_HEADS: &str = "\
local k,t,back,n,m,since=KEYS[1],ARGV[1],ARGV[2]=='1',tonumber(ARGV[3]),tonumber(ARGV[4]),ARGV[5] \
if t=='?' then t=({list='L',zset='Z',stream='X',set='S',hash='H'})[redis.call('TYPE',k).ok] if not t then return {0} end end \
if t=='X' then local r={redis.call('XLEN',k)} local from=since=='' and '-' or since \
local e=back and redis.call('XREVRANGE',k,'+',from,'COUNT',n) or redis.call('XRANGE',k,from,'+','COUNT',n) \
for i=1,#e do local f={e[i][1]} local p=e[i][2] for j=1,math.min(#p,32)-1,2 do \
f[#f+1]=string.sub(p[j],1,256) f[#f+1]=#p[j+1] f[#f+1]=string.sub(p[j+1],1,m) end r[#r+1]=f end return r end \
if t=='S' or t=='H' then local r={redis.call(t=='S' and 'SCARD' or 'HLEN',k)} if back or r[1]==0 then return r end \
local s=redis.call(t=='S' and 'SSCAN' or 'HSCAN',k,'0','COUNT',n)[2] local w=t=='S' and 1 or 2 \
for i=w,math.min(#s,n*w),w do r[#r+1]={#s[i],string.sub(s[i],1,m)} end return r end \
if t=='Z' and since~='' then local now=redis.call('TIME') now=now[1]+now[2]/1000000 \
since='('..string.format('%.0f',now*tonumber(since)) local r={redis.call('ZCOUNT',k,since,'+inf')} local e=back and \
redis.call('ZREVRANGEBYSCORE',k,'+inf',since,'LIMIT',0,n) or redis.call('ZRANGEBYSCORE',k,since,'+inf','LIMIT',0,n) \
for i=1,#e do r[#r+1]={#e[i],string.sub(e[i],1,m)} end return r end \
local r={redis.call(t=='Z' and 'ZCARD' or 'LLEN',k)} local spent=0 \
for i=0,math.min(n,r[1])-1 do local p=back and -1-i or i local e \
if t=='Z' then e=redis.call('ZRANGE',k,p,p)[1] else e=redis.call('LINDEX',k,p) end if not e then break end \
r[#r+1]={#e,string.sub(e,1,m)} spent=spent+#e if spent>4194304 then break end end return r";

/// Entries that were given to somebody, oldest first, with who has them. One that was deleted has no fields.
const STREAM_HELD: &str = "\
local k,g,n,m=KEYS[1],ARGV[1],tonumber(ARGV[2]),tonumber(ARGV[3]) local r={redis.call('XPENDING',k,g)[1]} \
local held=redis.call('XPENDING',k,g,'-','+',n) \
for i=1,#held do local h=held[i] local who=string.sub(h[2],1,256)..' of group '..string.sub(g,1,256)..\
string.format(', for %ds, given %d times',h[3]/1000,h[4]) local f={h[1],'held by',#who,who} \
local e=redis.call('XRANGE',k,h[1],h[1])[1] local p=e and e[2] or {'(deleted or trimmed)',''} for j=1,math.min(#p,32)-1,2 do \
f[#f+1]=string.sub(p[j],1,256) f[#f+1]=#p[j+1] f[#f+1]=string.sub(p[j+1],1,m) end r[#r+1]=f end return r";

/// One field of the last entry, cut.
const LAST_ENTRY: &str = "\
local e=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)[1] if not e then return false end \
for i=1,#e[2]-1,2 do if e[2][i]==ARGV[1] then return string.sub(e[2][i+1],1,tonumber(ARGV[2])) end end return false";

impl Read {
    /// True for what the server runs as a script; without scripts only a length is read.
    pub fn is_script(&self) -> bool {
        matches!(
            self,
            Self::ElementHead { .. }
                | Self::ListLook { .. }
                | Self::HashHead { .. }
                | Self::HashLook { .. }
                | Self::ZsetLook { .. }
                | Self::SetLook { .. }
                | Self::HashValues { .. }
                | Self::TaskHeads { .. }
                | Self::QueuesNamed { .. }
                | Self::StreamLook(_)
                | Self::StreamAhead { .. }
                | Self::StreamEntry { .. }
                | Self::StreamConsumers { .. }
                | Self::StreamHeld { .. }
                | Self::LastEntry { .. }
                | Self::AnyLen(_)
                | Self::Due { .. }
                | Self::ListHeads { .. }
        )
    }

    /// A part of a task: a field of a hash, up to [`PART`] bytes.
    pub(super) fn part(key: &Bytes, field: impl Into<Bytes>) -> Self {
        Self::HashHead { key: key.clone(), field: field.into(), max: PART }
    }

    /// The command on the wire, in what the server understands.
    pub fn command(&self, dialect: Dialect) -> Command {
        match self {
            Self::Type(key) => Command::new("TYPE").arg(key.clone()),
            Self::Pttl(key) => Command::new("PTTL").arg(key.clone()),
            Self::IdleTime(key) => Command::new("OBJECT IDLETIME").arg(key.clone()),
            Self::StrLen(key) => Command::new("STRLEN").arg(key.clone()),
            Self::Head(key, n) => Command::new("GETRANGE").arg(key.clone()).arg(0_i64).arg(i64::from(*n) - 1),
            Self::ListLen(key) => Command::new("LLEN").arg(key.clone()),
            Self::NumSub(channels) => {
                channels.iter().cloned().fold(Command::new("PUBSUB NUMSUB"), Command::arg)
            }
            Self::ShardNumSub(channels) => {
                channels.iter().cloned().fold(Command::new("PUBSUB SHARDNUMSUB"), Command::arg)
            }
            Self::HashField(key, field) => Command::new("HEXISTS").arg(key.clone()).arg(field.clone()),
            Self::ZScore(key, member) => Command::new("ZSCORE").arg(key.clone()).arg(member.clone()),
            Self::SetMember(key, member) => Command::new("SISMEMBER").arg(key.clone()).arg(member.clone()),
            Self::SetLook { key, count } if dialect == Dialect::NoScripts => {
                Command::new("SSCAN").arg(key.clone()).arg(0_i64).arg("COUNT").arg(u64::from(*count))
            }
            Self::SetLook { key, count } => {
                dialect.script(SET_LOOK).arg(1_i64).arg(key.clone()).arg(u64::from(*count))
            }
            Self::ZsetLook { key, count } if dialect == Dialect::NoScripts => {
                let range = Command::new("ZRANGE").arg(key.clone()).arg(0_i64);
                range.arg(i64::from(*count) - 1).arg("WITHSCORES")
            }
            Self::ZsetLook { key, count } => {
                dialect.script(ZSET_LOOK).arg(1_i64).arg(key.clone()).arg(u64::from(*count))
            }
            Self::HashLook { key, pattern, count } if dialect == Dialect::NoScripts => {
                let scan = Command::new("HSCAN").arg(key.clone()).arg(0_i64);
                scan.arg("MATCH").arg(*pattern).arg("COUNT").arg(u64::from(*count))
            }
            Self::HashLook { key, pattern, count } => {
                let eval = dialect.script(HASH_LOOK).arg(1_i64).arg(key.clone());
                eval.arg(*pattern).arg(u64::from(*count)).arg(64_u64)
            }
            Self::HashValues { key, .. } if dialect == Dialect::NoScripts => {
                Command::new("HLEN").arg(key.clone())
            }
            Self::HashValues { key, count, max } => {
                let eval = dialect.script(HASH_LOOK).arg(1_i64).arg(key.clone());
                eval.arg("*").arg(u64::from(*count)).arg(u64::from(*max))
            }
            Self::TaskHeads { key, kind, .. } if dialect == Dialect::NoScripts => {
                use super::TaskKind::{Any, List, Sorted, Stream};
                let name = match kind {
                    List => "LLEN",
                    Sorted => "ZCARD",
                    Stream => "XLEN",
                    Any => "TYPE",
                };
                Command::new(name).arg(key.clone())
            }
            Self::TaskHeads { key, kind, since, backwards, count, max } => {
                use super::Since::{AboveZero, All, Entry, NotDue};
                use super::TaskKind::{Any, List, Sorted, Stream};
                let kind = match kind {
                    List => "L",
                    Sorted => "Z",
                    Stream => "X",
                    Any => "?",
                };
                let since: Bytes = match since {
                    All => Bytes::default(),
                    Entry(id) => [b"(", id.as_slice()].concat().into(),
                    AboveZero => Bytes::from(0_u64),
                    NotDue(per_second) => Bytes::from(u64::from(*per_second)),
                };
                let eval = dialect.script(TASK_HEADS).arg(1_i64).arg(key.clone()).arg(kind);
                eval.arg(i64::from(*backwards)).arg(u64::from(*count)).arg(u64::from(*max)).arg(since)
            }
            Self::SortedLen(key) => Command::new("ZCARD").arg(key.clone()),
            Self::SetLen(key) => Command::new("SCARD").arg(key.clone()),
            Self::AnyLen(key) if dialect == Dialect::NoScripts => Command::new("TYPE").arg(key.clone()),
            Self::AnyLen(key) => dialect.script(ANY_LEN).arg(1_i64).arg(key.clone()),
            Self::Due { key, .. } if dialect == Dialect::NoScripts => Command::new("ZCARD").arg(key.clone()),
            Self::Due { key, per_second } => {
                dialect.script(DUE).arg(1_i64).arg(key.clone()).arg(u64::from(*per_second))
            }
            Self::ListHeads { key, .. } if dialect == Dialect::NoScripts => {
                Command::new("LLEN").arg(key.clone())
            }
            Self::ListHeads { key, count, max } => {
                let eval = dialect.script(LIST_HEADS).arg(1_i64).arg(key.clone());
                eval.arg(u64::from(*count)).arg(u64::from(*max))
            }
            Self::HashLen(key) => Command::new("HLEN").arg(key.clone()),
            Self::Members { key, cursor } => {
                Command::new("SSCAN").arg(key.clone()).arg(cursor.clone()).arg("COUNT").arg(1000_i64)
            }
            Self::StreamGroups(key) => Command::new("XINFO GROUPS").arg(key.clone()),
            Self::StreamPending { key, group, entry } => {
                let pending = Command::new("XPENDING").arg(key.clone()).arg(group.clone());
                pending.arg(entry.clone()).arg(entry.clone()).arg(1_i64)
            }
            Self::HashHead { key, field, .. } if dialect == Dialect::NoScripts => {
                Command::new("HSTRLEN").arg(key.clone()).arg(field.clone())
            }
            Self::HashHead { key, field, max } => {
                dialect.script(HASH_HEAD).arg(1_i64).arg(key.clone()).arg(field.clone()).arg(i64::from(*max))
            }
            Self::QueuesNamed { key, kind, .. } if dialect == Dialect::NoScripts => {
                Command::new(kind.length()).arg(key.clone())
            }
            Self::QueuesNamed { key, kind, field } => {
                dialect.script(QUEUES_NAMED).arg(1_i64).arg(key.clone()).arg(kind.length()).arg(*field)
            }
            Self::StreamLook(key)
            | Self::StreamAhead { key, .. }
            | Self::StreamEntry { key, .. }
            | Self::StreamConsumers { key, .. }
            | Self::StreamHeld { key, .. }
            | Self::LastEntry { key, .. }
                if dialect == Dialect::NoScripts =>
            {
                Command::new("XLEN").arg(key.clone())
            }
            Self::StreamEntry { key, after } => {
                dialect.script(STREAM_ENTRY).arg(1_i64).arg(key.clone()).arg(after.clone())
            }
            Self::StreamConsumers { key, group } => {
                dialect.script(STREAM_CONSUMERS).arg(1_i64).arg(key.clone()).arg(group.clone())
            }
            Self::StreamHeld { key, group, count, max } => {
                let eval = dialect.script(STREAM_HELD).arg(1_i64).arg(key.clone()).arg(group.clone());
                eval.arg(u64::from(*count)).arg(u64::from(*max))
            }
            Self::LastEntry { key, field, max } => {
                dialect.script(LAST_ENTRY).arg(1_i64).arg(key.clone()).arg(*field).arg(u64::from(*max))
            }
            Self::StreamLook(key) => dialect.script(STREAM_LOOK).arg(1_i64).arg(key.clone()),
            Self::StreamAhead { key, after, most } => dialect
                .script(STREAM_AHEAD)
                .arg(1_i64)
                .arg(key.clone())
                .arg(after.clone())
                .arg(i64::from(*most)),
            Self::ElementHead { key, .. } if dialect == Dialect::NoScripts => {
                Command::new("LLEN").arg(key.clone())
            }
            Self::ElementHead { key, index, max } => {
                dialect.script(ELEMENT_HEAD).arg(1_i64).arg(key.clone()).arg(*index).arg(i64::from(*max))
            }
            Self::ListLook { key, .. } if dialect == Dialect::NoScripts => {
                Command::new("LLEN").arg(key.clone())
            }
            Self::ListLook { key, push, newest, maxlen } => {
                let (newest_at, next_at, rank) = match push {
                    PushEnd::Left => (0_i64, -1_i64, 1_i64),
                    PushEnd::Right => (-1, 0, -1),
                };
                let known = i64::from(newest.is_some());
                dialect
                    .script(LIST_LOOK)
                    .arg(1_i64)
                    .arg(key.clone())
                    .arg(newest_at)
                    .arg(next_at)
                    .arg(known)
                    .arg(newest.clone().unwrap_or_default())
                    .arg(rank)
                    .arg(i64::from(*maxlen))
            }
        }
    }

    /// A command inside the script that is not permitted although the script itself ran.
    pub fn denied_inside(&self, reply: &Reply, dialect: Dialect) -> Option<&'static str> {
        let items = match (self, reply) {
            (Self::ListLook { .. }, Reply::Int(_)) if dialect != Dialect::NoScripts => return Some("LINDEX"),
            (Self::ListLook { .. }, Reply::Array(items)) => items,
            _ => return None,
        };
        let text = items.get(5).and_then(Reply::as_bytes)?.escaped().to_ascii_lowercase();
        // "NOPERM ..." of 7.0, "ACL failure in script" of 7.2 and Valkey, "The user executing the script can't run this
        // command" before.
        ["noperm", "acl failure", "the user"].iter().any(|words| text.contains(words)).then_some("LPOS")
    }

    /// What the pane says is not permitted when this read is denied.
    pub fn needs(&self) -> &'static str {
        match self {
            Self::Type(_) => "TYPE",
            Self::Pttl(_) => "PTTL",
            Self::IdleTime(_) => "OBJECT|IDLETIME",
            Self::StrLen(_) => "STRLEN",
            Self::Head(..) => "GETRANGE",
            Self::ListLen(_) => "LLEN",
            Self::NumSub(_) => "PUBSUB|NUMSUB",
            Self::ShardNumSub(_) => "PUBSUB|SHARDNUMSUB",
            Self::HashField(..) => "HEXISTS",
            Self::HashLook { .. } => "HLEN, HSCAN",
            Self::SortedLen(_) => "ZCARD",
            Self::SetLen(_) => "SCARD",
            Self::HashLen(_) => "HLEN",
            Self::Members { .. } => "SSCAN",
            Self::StreamGroups(_) => "XINFO|GROUPS",
            Self::StreamPending { .. } => "XPENDING",
            Self::ZScore(..) => "ZSCORE",
            Self::SetMember(..) => "SISMEMBER",
            Self::SetLook { .. } => "SCARD, SSCAN",
            Self::ZsetLook { .. } => "ZCARD, ZRANGE",
            Self::ElementHead { .. }
            | Self::ListLook { .. }
            | Self::HashHead { .. }
            | Self::HashValues { .. }
            | Self::TaskHeads { .. }
            | Self::QueuesNamed { .. }
            | Self::Due { .. }
            | Self::StreamLook(_)
            | Self::StreamAhead { .. }
            | Self::StreamEntry { .. }
            | Self::StreamConsumers { .. }
            | Self::StreamHeld { .. }
            | Self::LastEntry { .. }
            | Self::AnyLen(_)
            | Self::ListHeads { .. } => "EVAL_RO",
        }
    }

    /// The commands in the script of this read, any of which may be what is not permitted.
    pub fn runs(&self) -> &'static str {
        use super::TaskKind::{Any, List, Sorted, Stream};
        match self {
            Self::TaskHeads { kind: Any, .. } => {
                "TYPE, TIME, LLEN, LINDEX, ZCARD, ZRANGE, ZCOUNT, ZRANGEBYSCORE, SCARD, SSCAN, HLEN, HSCAN"
            }
            Self::StreamHeld { .. } => "XPENDING, XRANGE",
            Self::LastEntry { .. } => "XREVRANGE",
            Self::ElementHead { .. } => "LINDEX",
            Self::ListLook { .. } => "LLEN",
            Self::HashHead { .. } => "HGET",
            Self::HashValues { .. } => "HLEN, HSCAN",
            Self::TaskHeads { kind: List, .. } => "LLEN, LINDEX",
            Self::TaskHeads { kind: Stream, .. } => "XLEN, XRANGE, XREVRANGE",
            Self::QueuesNamed { kind: Named::Hash, .. } => "HLEN, HVALS",
            Self::TaskHeads { kind: Sorted, .. } | Self::QueuesNamed { kind: Named::Sorted, .. } => {
                "ZCARD, ZRANGE"
            }
            Self::StreamLook(_) => "XINFO|STREAM",
            Self::StreamAhead { .. } | Self::StreamEntry { .. } => "XRANGE",
            Self::StreamConsumers { .. } => "XINFO|CONSUMERS",
            Self::AnyLen(_) => "TYPE, LLEN, ZCARD, SCARD, HLEN, XLEN",
            Self::Due { .. } => "TIME, ZCARD, ZCOUNT",
            Self::ListHeads { .. } | Self::QueuesNamed { kind: Named::List, .. } => "LLEN, LRANGE",
            plain => plain.needs(),
        }
    }
}

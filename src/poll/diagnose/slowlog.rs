//! SLOWLOG: what was slow, and never with what arguments.
//!
//! Of a command only its name is kept, and its first key where the name is one of a closed list: an argument may be
//! a payload or a password, and what an unknown command takes for a key nobody knows.

use std::time::Duration;

use super::{host, refused, unsigned};
use crate::domain::diagnostics::{SlowCommand, SlowLog, Told};
use crate::domain::{Bytes, Reply};

/// Bytes of a key that are kept.
const LONGEST_KEY: usize = 120;

/// Commands whose first argument is a key.
const KEY_FIRST: &[&str] = &[
    "APPEND",
    "BITCOUNT",
    "BITFIELD",
    "BITFIELD_RO",
    "BITPOS",
    "BLMOVE",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZPOPMAX",
    "BZPOPMIN",
    "COPY",
    "DECR",
    "DECRBY",
    "DEL",
    "DUMP",
    "EXISTS",
    "EXPIRE",
    "EXPIREAT",
    "EXPIRETIME",
    "GEOADD",
    "GEODIST",
    "GEOHASH",
    "GEOPOS",
    "GEORADIUS",
    "GEOSEARCH",
    "GET",
    "GETBIT",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "HDEL",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HMSET",
    "HRANDFIELD",
    "HSCAN",
    "HSET",
    "HSETNX",
    "HSTRLEN",
    "HVALS",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "LINDEX",
    "LINSERT",
    "LLEN",
    "LMOVE",
    "LPOP",
    "LPOS",
    "LPUSH",
    "LPUSHX",
    "LRANGE",
    "LREM",
    "LSET",
    "LTRIM",
    "MGET",
    "MSET",
    "MSETNX",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PFADD",
    "PFCOUNT",
    "PFMERGE",
    "PSETEX",
    "PTTL",
    "RENAME",
    "RENAMENX",
    "RESTORE",
    "RPOP",
    "RPOPLPUSH",
    "RPUSH",
    "RPUSHX",
    "SADD",
    "SCARD",
    "SDIFF",
    "SDIFFSTORE",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "SINTER",
    "SINTERSTORE",
    "SISMEMBER",
    "SMEMBERS",
    "SMISMEMBER",
    "SMOVE",
    "SORT",
    "SORT_RO",
    "SPOP",
    "SRANDMEMBER",
    "SREM",
    "SSCAN",
    "STRLEN",
    "SUBSTR",
    "SUNION",
    "SUNIONSTORE",
    "TOUCH",
    "TTL",
    "TYPE",
    "UNLINK",
    "WATCH",
    "XACK",
    "XADD",
    "XAUTOCLAIM",
    "XCLAIM",
    "XDEL",
    "XLEN",
    "XPENDING",
    "XRANGE",
    "XREVRANGE",
    "XTRIM",
    "ZADD",
    "ZCARD",
    "ZCOUNT",
    "ZINCRBY",
    "ZINTERSTORE",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZPOPMAX",
    "ZPOPMIN",
    "ZRANDMEMBER",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANGESTORE",
    "ZRANK",
    "ZREM",
    "ZREMRANGEBYLEX",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCAN",
    "ZSCORE",
    "ZUNIONSTORE",
];
/// Commands with a script or function, the number of keys, and the keys.
const SCRIPTS: &[&str] = &["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"];
/// Other commands that are known by name, so that the name can't be what an operator renamed one to.
const OTHERS: &[&str] = &[
    "AUTH",
    "BGREWRITEAOF",
    "BGSAVE",
    "BITOP",
    "DBSIZE",
    "DISCARD",
    "ECHO",
    "EXEC",
    "FAILOVER",
    "FLUSHALL",
    "FLUSHDB",
    "HELLO",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LOLWUT",
    "MIGRATE",
    "MONITOR",
    "MULTI",
    "PING",
    "PSUBSCRIBE",
    "PSYNC",
    "PUBLISH",
    "PUNSUBSCRIBE",
    "QUIT",
    "RANDOMKEY",
    "REPLCONF",
    "REPLICAOF",
    "RESET",
    "ROLE",
    "SAVE",
    "SCAN",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    "SPUBLISH",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SWAPDB",
    "SYNC",
    "TIME",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "XREAD",
    "XREADGROUP",
    "LMPOP",
    "BLMPOP",
    "ZMPOP",
    "BZMPOP",
    "ZDIFF",
    "ZINTER",
    "ZUNION",
    "SINTERCARD",
    "ZINTERCARD",
    "LCS",
    "DELEX",
];
/// Commands that are told with their subcommand, and these.
const CONTAINERS: &[(&str, &[&str])] = &[
    ("ACL", &["CAT", "DELUSER", "GETUSER", "LIST", "LOAD", "LOG", "SAVE", "SETUSER", "USERS", "WHOAMI"]),
    (
        "CLIENT",
        &[
            "INFO", "KILL", "LIST", "NO-EVICT", "NO-TOUCH", "PAUSE", "SETINFO", "SETNAME", "TRACKING",
            "UNPAUSE",
        ],
    ),
    ("CLUSTER", &["FAILOVER", "INFO", "MEET", "NODES", "RESET", "SETSLOT", "SHARDS", "SLOTS"]),
    ("COMMAND", &["COUNT", "DOCS", "GETKEYS", "INFO", "LIST"]),
    ("CONFIG", &["GET", "RESETSTAT", "REWRITE", "SET"]),
    ("DEBUG", &["OBJECT", "RELOAD", "SLEEP"]),
    ("FUNCTION", &["DELETE", "DUMP", "FLUSH", "LIST", "LOAD", "RESTORE"]),
    ("LATENCY", &["DOCTOR", "GRAPH", "HISTOGRAM", "HISTORY", "LATEST", "RESET"]),
    ("MEMORY", &["DOCTOR", "MALLOC-STATS", "PURGE", "STATS", "USAGE"]),
    ("MODULE", &["LIST", "LOAD", "UNLOAD"]),
    ("OBJECT", &["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"]),
    ("PUBSUB", &["CHANNELS", "NUMPAT", "NUMSUB"]),
    ("SCRIPT", &["EXISTS", "FLUSH", "KILL", "LOAD"]),
    ("SLOWLOG", &["GET", "LEN", "RESET"]),
    ("XGROUP", &["CREATE", "CREATECONSUMER", "DELCONSUMER", "DESTROY", "SETID"]),
    ("XINFO", &["CONSUMERS", "GROUPS", "STREAM"]),
];

/// Reads the replies of SLOWLOG LEN and SLOWLOG GET.
pub(super) fn parse(len: &Reply, newest: &Reply) -> Told<SlowLog> {
    let Some(entries) = newest.as_array() else { return refused(newest, "SLOWLOG|GET") };
    let newest = entries.iter().filter_map(entry).collect();
    Told::Known(SlowLog { len: unsigned(Some(len)), newest })
}

fn entry(reply: &Reply) -> Option<SlowCommand> {
    let fields = reply.as_array()?;
    let args: Vec<Bytes> = fields.get(3)?.as_array()?.iter().filter_map(Reply::as_bytes).collect();
    let (command, key) = redact(&args);
    Some(SlowCommand {
        id: unsigned(fields.first())?,
        at: unsigned(fields.get(1))?,
        took: Duration::from_micros(unsigned(fields.get(2))?),
        command,
        key,
        arguments: count(&args),
        host: super::text(fields.get(4)).filter(|a| !a.is_empty()).map(|a| host(a.as_slice())),
    })
}

/// What may be told of a command: its name and its first key.
fn redact(args: &[Bytes]) -> (String, Option<Bytes>) {
    let word = |at: usize| args.get(at).and_then(Bytes::as_utf8).map(str::to_ascii_uppercase);
    let name = word(0).unwrap_or_default();
    if KEY_FIRST.contains(&name.as_str()) {
        return (name, args.get(1).map(cut_key));
    }
    if SCRIPTS.contains(&name.as_str()) {
        let has_keys = word(2).and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n > 0);
        return (name, args.get(3).filter(|_| has_keys).map(cut_key));
    }
    if let Some((_, known)) = CONTAINERS.iter().find(|(container, _)| *container == name) {
        let sub = word(1).filter(|sub| known.contains(&sub.as_str()));
        return (sub.map(|sub| format!("{name} {sub}")).unwrap_or(name), None);
    }
    if OTHERS.contains(&name.as_str()) {
        return (name, None);
    }
    // A module's command, or a name that an operator keeps secret by rename-command.
    let is_module = name.split_once('.').is_some_and(|(module, command)| {
        let word =
            |w: &str| (1..=24).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
        word(module) && word(command)
    });
    (if is_module { name } else { "(another command)".into() }, None)
}

fn cut_key(key: &Bytes) -> Bytes {
    key.as_slice().get(..LONGEST_KEY).map_or_else(|| key.clone(), Bytes::from)
}

/// How many arguments it had. The log keeps 32 words at most; the last one then says how many more there were.
fn count(args: &[Bytes]) -> u64 {
    let kept = args.len().saturating_sub(1) as u64;
    let more = args.last().and_then(Bytes::as_utf8).filter(|_| args.len() >= 32);
    let more =
        more.and_then(|t| t.strip_prefix("... (")?.strip_suffix(" more arguments)")?.parse::<u64>().ok());
    more.map_or(kept, |more| kept - 1 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> (String, Option<String>) {
        let args: Vec<Bytes> = words.iter().map(|w| Bytes::from(*w)).collect();
        let (command, key) = redact(&args);
        (command, key.map(|k| k.escaped()))
    }

    #[test]
    fn no_argument_but_the_first_key() {
        for (words, command, key) in [
            (&["set", "user:1", "hunter2"][..], "SET", Some("user:1")),
            (&["AUTH", "alice", "hunter2"], "AUTH", None),
            (&["CONFIG", "SET", "requirepass", "hunter2"], "CONFIG SET", None),
            (&["ACL", "SETUSER", "a", ">hunter2"], "ACL SETUSER", None),
            (&["acl", "hunter2"], "ACL", None),
            (&["HELLO", "3", "AUTH", "a", "hunter2"], "HELLO", None),
            (&["MIGRATE", "h", "6379", "", "0", "1", "AUTH", "hunter2"], "MIGRATE", None),
            (&["EVAL", "return 'hunter2'", "1", "lock:a", "hunter2"], "EVAL", Some("lock:a")),
            (&["EVALSHA", "abc", "0", "hunter2"], "EVALSHA", None),
            (&["JSON.SET", "hunter2"], "JSON.SET", None),
            (&["b840fc02d524045429941cc15f59e41cb7be6c52", "SET", "hunter2"], "(another command)", None),
            (&["secretconfig", "GET", "hunter2"], "(another command)", None),
            (&[], "(another command)", None),
        ] {
            assert_eq!(told(words), (command.into(), key.map(String::from)), "{words:?}");
        }
    }

    #[test]
    fn counts_what_the_log_left_out() {
        let mut args: Vec<Bytes> = (0..31).map(|n| Bytes::from(format!("{n}"))).collect();
        assert_eq!(count(&args), 30);
        args.push("... (70 more arguments)".into());
        assert_eq!(count(&args), 100);
        assert_eq!(count(&["GET".into()]), 0);
        assert_eq!(count(&[]), 0);
    }

    #[test]
    fn replies_of_any_shape() {
        let int = Reply::Int;
        let args = Reply::Array(vec![Reply::Bulk("GET".into()), Reply::Bulk("k".into())]);
        // Before Redis 4 the client is not told; what is no entry is left out.
        let old = Reply::Array(vec![int(7), int(1_700_000_000), int(12_000), args.clone()]);
        let new =
            Reply::Array(vec![int(8), int(1), int(2), args, Reply::Bulk("[::1]:99".into()), Reply::Nil]);
        let log = parse(&int(2), &Reply::Array(vec![new, old, Reply::Nil, int(3)]));
        let log = log.known().cloned().unwrap_or_default();
        assert_eq!((log.len, log.newest.len(), log.logged()), (Some(2), 2, Some(9)));
        assert_eq!(log.newest.first().and_then(|c| c.host.clone()).as_deref(), Some("[::1]"));
        assert_eq!(log.newest.last().map(|c| c.took), Some(Duration::from_millis(12)));
        assert!(matches!(parse(&int(0), &Reply::Nil), Told::Unsupported(_)));
    }
}

//! What may be told of somebody's command: its name and its first key.
//!
//! An argument may be a payload or a password, and what an unknown command takes for a key nobody knows. So names and
//! keys are told by closed lists only.

use super::Bytes;

/// Bytes of a key that are kept.
const LONGEST_KEY: usize = 120;

/// Commands whose first argument is a key.
const KEY_FIRST: &str = "\
    APPEND BITCOUNT BITFIELD BITFIELD_RO BITPOS BLMOVE BLPOP BRPOP BRPOPLPUSH BZPOPMAX BZPOPMIN COPY DECR DECRBY \
    DEL DUMP EXISTS EXPIRE EXPIREAT EXPIRETIME GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEOSEARCH GET GETBIT \
    GETDEL GETEX GETRANGE GETSET HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET \
    HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS INCR INCRBY INCRBYFLOAT LINDEX LINSERT LLEN LMOVE LPOP LPOS LPUSH \
    LPUSHX LRANGE LREM LSET LTRIM MGET MSET MSETNX PERSIST PEXPIRE PEXPIREAT PFADD PFCOUNT PFMERGE PSETEX PTTL \
    RENAME RENAMENX RESTORE RPOP RPOPLPUSH RPUSH RPUSHX SADD SCARD SDIFF SDIFFSTORE SET SETBIT SETEX SETNX \
    SETRANGE SINTER SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SORT SORT_RO SPOP SRANDMEMBER SREM SSCAN \
    STRLEN SUBSTR SUNION SUNIONSTORE TOUCH TTL TYPE UNLINK WATCH XACK XADD XAUTOCLAIM XCLAIM XDEL XLEN XPENDING \
    XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZINTERSTORE ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER \
    ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE \
    ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNIONSTORE";
/// Commands with a script or function, the number of keys, and the keys.
const SCRIPTS: &str = "\
    EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO";
/// Other commands that are known by name, so that the name can't be what an operator renamed one to.
const OTHERS: &str = "\
    AUTH BGREWRITEAOF BGSAVE BITOP DBSIZE DISCARD ECHO EXEC FAILOVER FLUSHALL FLUSHDB HELLO INFO KEYS LASTSAVE \
    LOLWUT MIGRATE MONITOR MULTI PING PSUBSCRIBE PSYNC PUBLISH PUNSUBSCRIBE QUIT RANDOMKEY REPLCONF REPLICAOF \
    RESET ROLE SAVE SCAN SELECT SHUTDOWN SLAVEOF SPUBLISH SSUBSCRIBE SUBSCRIBE SWAPDB SYNC TIME UNSUBSCRIBE \
    UNWATCH WAIT WAITAOF XREAD XREADGROUP LMPOP BLMPOP ZMPOP BZMPOP ZDIFF ZINTER ZUNION SINTERCARD ZINTERCARD \
    LCS DELEX";
/// Commands that are told with their subcommand, and these.
const CONTAINERS: &[(&str, &str)] = &[
    ("ACL", "CAT DELUSER GETUSER LIST LOAD LOG SAVE SETUSER USERS WHOAMI"),
    ("CLIENT", "INFO KILL LIST NO-EVICT NO-TOUCH PAUSE SETINFO SETNAME TRACKING UNPAUSE"),
    ("CLUSTER", "FAILOVER INFO MEET NODES RESET SETSLOT SHARDS SLOTS"),
    ("COMMAND", "COUNT DOCS GETKEYS INFO LIST"),
    ("CONFIG", "GET RESETSTAT REWRITE SET"),
    ("DEBUG", "OBJECT RELOAD SLEEP"),
    ("FUNCTION", "DELETE DUMP FLUSH LIST LOAD RESTORE"),
    ("LATENCY", "DOCTOR GRAPH HISTOGRAM HISTORY LATEST RESET"),
    ("MEMORY", "DOCTOR MALLOC-STATS PURGE STATS USAGE"),
    ("MODULE", "LIST LOAD UNLOAD"),
    ("OBJECT", "ENCODING FREQ IDLETIME REFCOUNT"),
    ("PUBSUB", "CHANNELS NUMPAT NUMSUB SHARDNUMSUB"),
    ("SCRIPT", "EXISTS FLUSH KILL LOAD"),
    ("SLOWLOG", "GET LEN RESET"),
    ("XGROUP", "CREATE CREATECONSUMER DELCONSUMER DESTROY SETID"),
    ("XINFO", "CONSUMERS GROUPS STREAM"),
];

/// The name, with the subcommand where that is a known word, and the first key, cut, where it is known to be one.
pub fn of(args: &[Bytes]) -> (String, Option<Bytes>) {
    let word = |at: usize| args.get(at).and_then(Bytes::as_utf8).map(str::to_ascii_uppercase);
    let name = word(0).unwrap_or_default();
    if listed(KEY_FIRST, &name) {
        return (name, args.get(1).map(cut_key));
    }
    if listed(SCRIPTS, &name) {
        let has_keys = word(2).and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n > 0);
        return (name, args.get(3).filter(|_| has_keys).map(cut_key));
    }
    if let Some((_, known)) = CONTAINERS.iter().find(|(container, _)| *container == name) {
        let sub = word(1).filter(|sub| listed(known, sub));
        return (sub.map(|sub| format!("{name} {sub}")).unwrap_or(name), None);
    }
    if listed(OTHERS, &name) {
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

fn listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

fn cut_key(key: &Bytes) -> Bytes {
    key.as_slice().get(..LONGEST_KEY).map_or_else(|| key.clone(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> (String, Option<String>) {
        let args: Vec<Bytes> = words.iter().map(|w| Bytes::from(*w)).collect();
        let (command, key) = of(&args);
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
}

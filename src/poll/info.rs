//! Reads INFO and TIME replies into facts. Every field may be missing.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::bytes::escape_text;
use crate::domain::node::{NodeFacts, Role};
use crate::domain::{Bytes, Reply};

/// Parses the text of INFO. `db` is the watched database.
pub fn parse(text: &Bytes, db: u32) -> NodeFacts {
    let text = String::from_utf8_lossy(text.as_slice());
    let fields: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let get = |name: &str| fields.get(name).map(|v| v.trim());
    let number = |name: &str| get(name).and_then(|v| v.parse::<u64>().ok());
    let (engine, version) = engine(&get);
    let listed_keys = get(&format!("db{db}"))
        .and_then(|v| v.split(',').find_map(|pair| pair.strip_prefix("keys=")))
        .and_then(|v| v.parse().ok());
    NodeFacts {
        engine,
        version,
        run_id: get("run_id").map(escape_text),
        role: match get("role") {
            Some("master") => Some(Role::Primary),
            Some("slave") => Some(Role::Replica),
            Some("sentinel") => Some(Role::Sentinel),
            _ if get("redis_mode") == Some("sentinel") => Some(Role::Sentinel),
            _ => None,
        },
        ops_per_sec: number("instantaneous_ops_per_sec"),
        used_memory: number("used_memory"),
        maxmemory: number("maxmemory"),
        maxmemory_policy: get("maxmemory_policy").map(escape_text),
        connected_clients: number("connected_clients"),
        maxclients: number("maxclients"),
        blocked_clients: number("blocked_clients"),
        uptime: number("uptime_in_seconds").map(Duration::from_secs),
        connected_replicas: number("connected_slaves"),
        primary_address: get("master_host")
            .map(|host| escape_text(&format!("{host}:{}", get("master_port").unwrap_or("?")))),
        primary_link_up: get("master_link_status").map(|v| v == "up"),
        primary_link_down: number("master_link_down_since_seconds").map(Duration::from_secs),
        // A database without keys is not listed; that is 0 only if the section is there at all.
        keys: listed_keys.or_else(|| text.contains("# Keyspace").then_some(0)),
        loading: get("loading") == Some("1"),
    }
}

/// What the server calls itself. Valkey and Dragonfly also report a `redis_version` for compatibility.
fn engine<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> (Option<String>, Option<String>) {
    let named = [("valkey_version", "valkey"), ("dragonfly_version", "dragonfly")];
    for (field, name) in named {
        if let Some(version) = get(field) {
            return (
                Some(name.into()),
                Some(escape_text(version.trim_start_matches("df-").trim_start_matches('v'))),
            );
        }
    }
    let version = get("redis_version").map(escape_text);
    let name = match get("server_name") {
        Some(name) => Some(escape_text(name)),
        None if get("server_threads").is_some() && get("mvcc_depth").is_some() => Some("keydb".into()),
        None => version.as_ref().map(|_| "redis".into()),
    };
    (name, version)
}

/// TIME as milliseconds since the epoch.
pub fn time_ms(reply: &Reply) -> Option<i64> {
    let [seconds, micros] = reply.as_array()? else { return None };
    Some(seconds.as_int()? * 1000 + micros.as_int()? / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_no_more() {
        let text = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nuptime_in_seconds:60\r\n# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:down\r\n# Keyspace\r\ndb3:keys=7,expires=0\r\n";
        let facts = parse(&text.into(), 3);
        assert_eq!(facts.engine.as_deref(), Some("redis"));
        assert_eq!(facts.role, Some(Role::Replica));
        assert_eq!(facts.primary_address.as_deref(), Some("10.0.0.1:6379"));
        assert_eq!(facts.primary_link_up, Some(false));
        assert_eq!(facts.keys, Some(7));
        assert_eq!(facts.ops_per_sec, None, "missing is unknown, not 0");
        assert_eq!(parse(&text.into(), 0).keys, Some(0));
        assert_eq!(parse(&"".into(), 0), NodeFacts::default());
        let valkey =
            parse(&"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.0.0\r\n".into(), 0);
        assert_eq!((valkey.engine.as_deref(), valkey.version.as_deref()), (Some("valkey"), Some("9.0.0")));
    }
}

//! Reads INFO and TIME replies into facts. Every field may be missing.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::bytes::escape_text;
use crate::domain::node::{
    Database, MOST_DATABASES, MOST_REPLICAS, NodeFacts, RefusedWrites, ReplicaLink, Role,
};
use crate::domain::stamp::short;
use crate::domain::{Bytes, Reply};

/// Parses the text of INFO. `db` is the watched database.
pub fn parse(text: &Bytes, db: u32) -> NodeFacts {
    let text = String::from_utf8_lossy(text.as_slice());
    let fields: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let get = |name: &str| fields.get(name).map(|v| v.trim());
    let number = |name: &str| get(name).and_then(|v| v.parse::<u64>().ok());
    let decimal = |name: &str| get(name).and_then(|v| v.parse::<f64>().ok()).filter(|v| v.is_finite());
    let errors = |code: &str| {
        get(&format!("errorstat_{code}"))
            .and_then(|v| v.strip_prefix("count=")?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let has_errors = text.contains("# Errorstats");
    let (engine, version) = engine(&get);
    // Valkey 9 calls it server_mode.
    let mode = get("redis_mode").or_else(|| get("server_mode"));
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
            _ if mode == Some("sentinel") => Some(Role::Sentinel),
            _ => None,
        },
        in_cluster: mode == Some("cluster"),
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
        loading_percent: decimal("loading_loaded_perc"),
        loading_eta: number("loading_eta_seconds").map(Duration::from_secs),
        total_memory: number("total_system_memory"),
        fragmentation: decimal("mem_fragmentation_ratio"),
        evicted_keys: number("evicted_keys"),
        rejected_connections: number("rejected_connections"),
        output_buffer_disconnects: number("client_output_buffer_limit_disconnections"),
        refused: has_errors.then(|| RefusedWrites {
            oom: errors("OOM"),
            misconf: errors("MISCONF"),
            readonly: errors("READONLY"),
            noreplicas: errors("NOREPLICAS"),
            clusterdown: errors("CLUSTERDOWN"),
        }),
        acl_denied: ["auth", "cmd", "key", "channel"]
            .iter()
            .filter_map(|kind| number(&format!("acl_access_denied_{kind}")))
            .reduce(u64::saturating_add)
            // Before 7.2 only the errors tell.
            .or_else(|| has_errors.then(|| errors("NOPERM") + errors("WRONGPASS"))),
        bgsave_ok: get("rdb_last_bgsave_status").map(|v| v == "ok"),
        aof_write_ok: get("aof_last_write_status").map(|v| v == "ok"),
        aof_rewrite_ok: get("aof_last_bgrewrite_status").map(|v| v == "ok"),
        aof_enabled: get("aof_enabled").map(|v| v == "1"),
        rdb_saves: number("rdb_saves"),
        rdb_last_save: number("rdb_last_save_time"),
        rdb_changes: number("rdb_changes_since_last_save"),
        full_syncs: number("sync_full"),
        replica_lag: (0..number("connected_slaves").unwrap_or(0).min(1000))
            .filter_map(|n| get(&format!("slave{n}")))
            .filter_map(|v| v.split(',').find_map(|pair| pair.strip_prefix("lag=")))
            .filter_map(|lag| lag.parse().ok())
            .max()
            .map(Duration::from_secs),
        main_thread_cpu: decimal("used_cpu_sys_main_thread")
            .zip(decimal("used_cpu_user_main_thread"))
            .map(|(sys, user)| sys + user),
        replication_id: get("master_replid").map(escape_text),
        offset: number("master_repl_offset"),
        replicas: (0..MOST_REPLICAS).map_while(|n| get(&format!("slave{n}")).map(replica)).collect(),
        replica_offset: number("slave_repl_offset"),
        primary_heard: number("master_last_io_seconds_ago").map(Duration::from_secs),
        syncing: get("master_sync_in_progress").map(|v| v == "1"),
        used_memory_peak: number("used_memory_peak"),
        input_kbps: decimal("instantaneous_input_kbps"),
        output_kbps: decimal("instantaneous_output_kbps"),
        latest_fork: number("latest_fork_usec").map(Duration::from_micros),
        keyspace: text.contains("# Keyspace").then(|| {
            let mut all: Vec<Database> =
                fields.iter().filter_map(|(name, value)| database(name, value)).collect();
            all.sort_by_key(|d| d.db);
            all.truncate(MOST_DATABASES);
            all
        }),
    }
}

/// `ip=10.0.0.2,port=6379,state=online,offset=1470,lag=0`.
fn replica(line: &str) -> ReplicaLink {
    let field = |name: &str| line.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let address = format!("{}:{}", field("ip").unwrap_or("?"), field("port").unwrap_or("?"));
    ReplicaLink {
        address: escape_text(&address),
        state: field("state").map_or_else(|| "?".into(), escape_text),
        offset: field("offset").and_then(|n| n.parse().ok()),
        lag: field("lag").and_then(|n| n.parse().ok()).map(Duration::from_secs),
    }
}

/// `db0:keys=7,expires=2,avg_ttl=0`.
fn database(name: &str, value: &str) -> Option<Database> {
    let field = |name: &str| value.trim().split(',').find_map(|pair| pair.strip_prefix(name)?.parse().ok());
    Some(Database {
        db: name.strip_prefix("db")?.parse().ok()?,
        keys: field("keys=")?,
        expires: field("expires="),
    })
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

/// How far a server is that does not serve yet: loading, or waiting for its primary.
pub fn progress(facts: &NodeFacts) -> Option<String> {
    if facts.loading {
        let mut parts = Vec::new();
        parts.extend(facts.loading_percent.map(|p| format!("{p:.0} % loaded")));
        parts.extend(facts.loading_eta.map(|eta| format!("about {} left", short(eta))));
        return Some(parts.join(", ")).filter(|p| !p.is_empty());
    }
    let primary = facts.primary_address.as_ref()?;
    let since = facts.primary_link_down.map(|d| format!(" for {}", short(d))).unwrap_or_default();
    Some(format!("no link to its primary {primary}{since}, and it serves no stale data"))
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
        for mode in ["redis_mode:sentinel\r\n", "server_mode:sentinel\r\n"] {
            assert_eq!(parse(&mode.into(), 0).role, Some(Role::Sentinel), "{mode}");
        }
    }
}

//! A node's facts beyond the figures: replication, keyspace, and what it tells beyond INFO. `null` is unknown: not
//! read, not permitted, or not known to that server.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use serde::Serialize;

use crate::domain::diagnostics::{self, SlowCommand};
use crate::domain::health::config::{Hazard, hazards};
use crate::domain::node::{NodeFacts, NodeState, Role};
use crate::domain::{Bytes, NodeSnapshot};

#[derive(Serialize)]
pub(super) struct Told<'a> {
    used_memory_peak_bytes: Option<u64>,
    input_kib_per_sec: Option<f64>,
    output_kib_per_sec: Option<f64>,
    last_fork_us: Option<u64>,
    replication: Option<Replication<'a>>,
    keyspace: Option<Vec<Database>>,
    slowlog: Option<SlowLog<'a>>,
    latency_events: Option<Vec<LatencyEvent<'a>>>,
    clients: Option<Clients<'a>>,
    config: Option<&'a BTreeMap<&'static str, String>>,
    config_hazards: Option<Vec<Hazard>>,
    features: Option<BTreeMap<&'static str, bool>>,
}

#[derive(Serialize)]
struct Replication<'a> {
    offset: Option<u64>,
    primary: Option<&'a str>,
    link_up: Option<bool>,
    replicas: Option<Vec<Replica<'a>>>,
}

#[derive(Serialize)]
struct Replica<'a> {
    address: &'a str,
    state: &'a str,
    lag_bytes: Option<u64>,
    lag_s: Option<u64>,
}

#[derive(Serialize)]
struct Database {
    db: u32,
    keys: u64,
    expires: Option<u64>,
}

#[derive(Serialize)]
struct SlowLog<'a> {
    len: Option<u64>,
    newest: Vec<Slow<'a>>,
}

#[derive(Serialize)]
struct Slow<'a> {
    at: Option<String>,
    took_us: u64,
    command: &'a str,
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    arguments: u64,
    host: Option<&'a str>,
}

#[derive(Serialize)]
struct LatencyEvent<'a> {
    event: &'a str,
    at: Option<String>,
    latest_ms: u64,
    most_ms: u64,
}

#[derive(Serialize)]
struct Clients<'a> {
    count: u64,
    blocked: u64,
    output_buffer_bytes: u64,
    groups: u64,
    top: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'a str,
    host: &'a str,
    count: u64,
    blocked: u64,
    output_buffer_bytes: u64,
}

/// Everything of a node that is up; of one that is not, nothing is known of now.
pub(super) fn told<'a>(node: &'a NodeSnapshot) -> Told<'a> {
    let up = node.status.state == NodeState::Up;
    let facts = node.facts.as_deref().filter(|_| up);
    let told = &*node.diagnostics;
    Told {
        used_memory_peak_bytes: facts.and_then(|f| f.used_memory_peak),
        input_kib_per_sec: facts.and_then(|f| f.input_kbps),
        output_kib_per_sec: facts.and_then(|f| f.output_kbps),
        last_fork_us: facts.and_then(|f| f.latest_fork).map(micros),
        replication: facts.map(replication),
        keyspace: facts
            .and_then(|f| f.keyspace.as_ref())
            .map(|all| all.iter().map(|d| Database { db: d.db, keys: d.keys, expires: d.expires }).collect()),
        slowlog: told
            .slowlog
            .known()
            .filter(|_| up)
            .map(|log| SlowLog { len: log.len, newest: log.newest.iter().map(slow).collect() }),
        latency_events: told.latency.known().filter(|_| up).map(|events| {
            let event = |e: &'a diagnostics::LatencyEvent| {
                let [latest_ms, most_ms] = [e.latest, e.most].map(|d| d.as_millis() as u64);
                LatencyEvent { event: &e.event, at: moment(e.at), latest_ms, most_ms }
            };
            events.iter().map(event).collect()
        }),
        clients: told.clients.known().filter(|_| up).map(|c| Clients {
            count: c.count,
            blocked: c.blocked,
            output_buffer_bytes: c.output,
            groups: c.groups,
            top: c
                .top
                .iter()
                .map(|g| Group {
                    name: &g.name,
                    host: &g.host,
                    count: g.count,
                    blocked: g.blocked,
                    output_buffer_bytes: g.output,
                })
                .collect(),
        }),
        config: told.config.known().filter(|_| up),
        config_hazards: told.config.known().filter(|_| up).map(|_| hazards(node)),
        features: told.features.known().filter(|_| up).map(|all| all.iter().copied().collect()),
    }
}

fn replication(facts: &NodeFacts) -> Replication<'_> {
    let is_replica = facts.role == Some(Role::Replica);
    Replication {
        offset: if is_replica { facts.replica_offset } else { facts.offset },
        primary: facts.primary_address.as_deref(),
        link_up: facts.primary_link_up,
        replicas: facts.connected_replicas.map(|_| {
            let each = facts.replicas.iter().map(|r| Replica {
                address: &r.address,
                state: &r.state,
                lag_bytes: facts.behind(r),
                lag_s: r.lag.map(|d| d.as_secs()),
            });
            each.collect()
        }),
    }
}

fn slow(command: &SlowCommand) -> Slow<'_> {
    let text = |key: &Bytes| key.as_utf8().map_or_else(|| key.escaped(), str::to_string);
    let b64 = |key: &Bytes| base64::engine::general_purpose::STANDARD.encode(key.as_slice());
    Slow {
        at: moment(command.at),
        took_us: micros(command.took),
        command: &command.command,
        key: command.key.as_ref().map(text),
        key_b64: command.key.as_ref().filter(|key| key.as_utf8().is_none()).map(b64),
        arguments: command.arguments,
        host: command.host.as_deref(),
    }
}

fn micros(d: Duration) -> u64 {
    d.as_micros() as u64
}

/// RFC 3339 of seconds since the epoch; `None` for what no calendar knows.
fn moment(seconds: u64) -> Option<String> {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).filter(|_| seconds < 253_402_300_800)?;
    Some(humantime::format_rfc3339_seconds(at).to_string())
}

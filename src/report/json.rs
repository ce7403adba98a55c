//! The stable JSON of the headless commands, schema 1, documented in the README. Unknown is `null`.

mod diagnostics;
mod quorum;

use base64::Engine as _;
use serde::Serialize;

use super::Sections;
use crate::domain::fleet::FleetNode;
use crate::domain::lock::{Holder, Token, Ttl};
use crate::domain::{Bytes, Finding, FleetView, Lock, Queue, Rules, Stamp};

#[derive(Serialize)]
struct Envelope<'a> {
    schema: u32,
    taken_at: String,
    fleet: Fleet,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<super::json_group::Group<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<Node<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locks: Option<Vec<LockRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorums: Option<Vec<quorum::QuorumRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<Vec<QueueRow<'a>>>,
}

#[derive(Serialize)]
struct Fleet {
    verdict: &'static str,
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    address: &'a str,
    group: Option<&'a str>,
    state: crate::domain::node::NodeState,
    reason: Option<&'static str>,
    since: String,
    rtt_us: Option<u64>,
    role: Option<&'static str>,
    engine: Option<&'a str>,
    version: Option<&'a str>,
    ops_per_sec: Option<u64>,
    used_memory_bytes: Option<u64>,
    maxmemory_bytes: Option<u64>,
    connected_clients: Option<u64>,
    blocked_clients: Option<u64>,
    uptime_s: Option<u64>,
    watching: Watching<'a>,
    #[serde(flatten)]
    told: diagnostics::Told<'a>,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
}

/// How changes become known, and what that costs the node.
#[derive(Serialize)]
struct Watching<'a> {
    mode: &'static str,
    reason: Option<&'a str>,
    prefixes: usize,
    polled_prefixes: Vec<&'a str>,
    pushes_per_sec: f64,
    commands_per_sec: f64,
    busy_share: f64,
    search_replica: Option<&'a str>,
}

#[derive(Serialize)]
struct LockRow<'a> {
    node: &'a str,
    db: u32,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    family: &'a str,
    family_candidates: Vec<FamilyCandidate>,
    #[serde(rename = "type")]
    key_type: &'a str,
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_b64: Option<String>,
    /// Only where `token` is a head: length of the whole value, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_len: Option<u64>,
    holder: Option<&'a str>,
    holder_state: &'static str,
    holder_evidence: Option<String>,
    usual: Option<UsualRow>,
    stale_score: u8,
    stale_reasons: Vec<StaleReason>,
    /// Only where several hold it: all of them, or the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holders: Vec<HolderRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holders_total: Option<u64>,
    ttl_ms: Option<u64>,
    age_ms: Option<u64>,
    state: &'static str,
    waiters: Option<u64>,
    findings: Vec<Finding>,
}

/// One of several holders of a lock.
#[derive(Serialize)]
struct HolderRow<'a> {
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_b64: Option<String>,
    holder: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

/// How long a lock is usually held; times are `null` while too few holds were seen.
#[derive(Serialize)]
struct UsualRow {
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    holds: usize,
    handovers: u64,
}

fn usual(usual: crate::domain::holds::Usual) -> UsualRow {
    let ms = |d: Option<std::time::Duration>| d.map(|d| d.as_millis() as u64);
    let (p50_ms, p95_ms) = (ms(usual.p50), ms(usual.p95));
    UsualRow { p50_ms, p95_ms, holds: usual.holds, handovers: usual.handovers }
}

#[derive(Serialize)]
struct StaleReason {
    weight: i32,
    why: String,
}

/// A family that a lock may belong to, surest first.
#[derive(Serialize)]
struct FamilyCandidate {
    family: &'static str,
    confidence: u8,
}

#[derive(Serialize)]
struct QueueRow<'a> {
    node: &'a str,
    db: u32,
    name: &'a str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    family: &'a str,
    waiting: Option<u64>,
    in_flight: Option<u64>,
    scheduled: Option<u64>,
    retry: Option<u64>,
    failed: Option<u64>,
    workers: Option<u64>,
    oldest_age_ms: Option<u64>,
    in_rate: Option<f64>,
    out_rate: Option<f64>,
    net_rate: Option<f64>,
    rate_source: &'static str,
    eta_s: Option<u64>,
    paused: Option<bool>,
    details: &'a [crate::domain::queue::Detail],
    findings: Vec<Finding>,
}

/// The envelope as pretty JSON, one trailing newline.
pub fn render(fleet: &FleetView, rules: &Rules, now: Stamp, sections: Sections) -> String {
    let verdict = fleet.verdict(rules, now.mono);
    let envelope = Envelope {
        schema: 1,
        taken_at: now.rfc3339(),
        fleet: Fleet {
            verdict: verdict.code(),
            reasons: verdict.reasons.into_iter().map(|f| f.message).collect(),
        },
        groups: sections
            .nodes
            .then(|| fleet.groups.iter().map(|g| super::json_group::group(g, fleet)).collect()),
        nodes: sections.nodes.then(|| fleet.nodes.iter().map(|n| node(n, rules, now)).collect()),
        locks: sections.locks.then(|| {
            fleet.locks.iter().filter(|l| !l.has_ended(now.mono)).map(|l| lock(l, rules, now)).collect()
        }),
        quorums: sections.locks.then(|| fleet.quorums.iter().filter_map(|q| quorum::row(q, now)).collect()),
        queues: sections.queues.then(|| fleet.queues.iter().map(|q| queue(q, rules, now)).collect()),
    };
    // Plain structs with string keys: serialising them cannot fail.
    serde_json::to_string_pretty(&envelope).unwrap_or_default() + "\n"
}

fn node<'a>(fleet_node: &'a FleetNode, rules: &Rules, now: Stamp) -> Node<'a> {
    let snapshot = &*fleet_node.snapshot;
    let status = &snapshot.status;
    // Figures of a node that is not up are no figures of now.
    let up = status.state == crate::domain::node::NodeState::Up;
    let facts = snapshot.facts.as_deref();
    let live = facts.filter(|_| up);
    Node {
        name: snapshot.meta.id.as_str(),
        address: &snapshot.meta.address,
        group: snapshot.meta.group.as_ref().map(crate::domain::GroupId::as_str),
        state: status.state,
        reason: status.reason.map(crate::domain::node::Reason::code),
        since: status.since.rfc3339(),
        rtt_us: snapshot.rtt.filter(|_| up).map(|d| d.as_micros() as u64),
        role: facts.and_then(|f| f.role).map(crate::domain::node::Role::code),
        engine: facts.and_then(|f| f.engine.as_deref()),
        version: facts.and_then(|f| f.version.as_deref()),
        ops_per_sec: live.and_then(|f| f.ops_per_sec),
        used_memory_bytes: live.and_then(|f| f.used_memory),
        maxmemory_bytes: live.and_then(|f| f.maxmemory),
        connected_clients: live.and_then(|f| f.connected_clients),
        blocked_clients: live.and_then(|f| f.blocked_clients),
        uptime_s: live.and_then(|f| f.uptime).map(|d| d.as_secs()),
        watching: Watching {
            mode: snapshot.live.word(),
            reason: snapshot.live.why.as_deref(),
            prefixes: snapshot.live.prefixes,
            polled_prefixes: snapshot.live.polled.iter().map(|(prefix, _)| prefix.as_str()).collect(),
            pushes_per_sec: rounded(snapshot.cost.pushes_per_sec),
            commands_per_sec: rounded(snapshot.cost.commands_per_sec),
            busy_share: (snapshot.cost.busy_share * 1e6).round() / 1e6,
            search_replica: snapshot.scan.on.replica().map(crate::domain::NodeId::as_str),
        },
        told: diagnostics::told(snapshot),
        findings: fleet_node.findings(rules, now.mono),
        aliases: &fleet_node.aliases,
    }
}

fn lock<'a>(lock: &'a Lock, rules: &Rules, now: Stamp) -> LockRow<'a> {
    let (token, token_b64, token_len) = match &lock.token {
        Token::Known(bytes) => (Some(text(bytes)), b64_unless_utf8(bytes), None),
        Token::Long { head, len } => (Some(text(head)), b64_unless_utf8(head), Some(*len)),
        Token::Unknown(_) => (None, None, None),
    };
    let stale = crate::domain::stale::stale(lock, rules, now.mono);
    LockRow {
        node: lock.id.node.as_str(),
        db: lock.id.db,
        key: text(&lock.id.key),
        key_b64: b64_unless_utf8(&lock.id.key),
        family: lock.family,
        family_candidates: lock
            .candidates
            .iter()
            .map(|(family, confidence)| FamilyCandidate { family, confidence: *confidence })
            .collect(),
        key_type: &lock.key_type,
        token,
        token_b64,
        token_len,
        holder: lock.holder.as_deref(),
        holder_state: lock.holder_state(now.mono).code(),
        holder_evidence: lock.evidence(now.mono),
        usual: lock.usual.map(usual),
        stale_score: stale.score,
        stale_reasons: stale.reasons.into_iter().map(|(weight, why)| StaleReason { weight, why }).collect(),
        holders: lock.holders.iter().map(|one| holder(lock, one, now)).collect(),
        holders_total: lock.holders_total.filter(|_| !lock.holders.is_empty()),
        ttl_ms: match lock.ttl {
            Ttl::Left(_) => lock.ttl_left(now.mono).map(|d| d.as_millis() as u64),
            Ttl::Never | Ttl::Unknown(_) => None,
        },
        age_ms: lock.age(now.mono).map(|d| d.as_millis() as u64),
        state: lock.state(rules, now.mono).code(),
        waiters: lock.waiters,
        findings: lock.findings(rules, now.mono),
    }
}

fn holder<'a>(lock: &Lock, one: &'a Holder, now: Stamp) -> HolderRow<'a> {
    let passed = now.since(lock.read_at);
    HolderRow {
        token: text(&one.token),
        token_b64: b64_unless_utf8(&one.token),
        holder: &one.words,
        ttl_ms: one.left.map(|left| left.saturating_sub(passed).as_millis() as u64),
    }
}

fn queue<'a>(queue: &'a Queue, rules: &Rules, now: Stamp) -> QueueRow<'a> {
    QueueRow {
        node: queue.id.node.as_str(),
        db: queue.id.db,
        name: &queue.name,
        key: text(&queue.id.key),
        key_b64: b64_unless_utf8(&queue.id.key),
        family: queue.family,
        waiting: queue.waiting,
        in_flight: queue.in_flight,
        scheduled: queue.scheduled,
        retry: queue.retry,
        failed: queue.failed,
        workers: queue.workers,
        oldest_age_ms: queue.oldest_age(now.mono).map(|d| d.as_millis() as u64),
        in_rate: queue.rates.incoming.map(rounded),
        out_rate: queue.rates.outgoing.map(rounded),
        net_rate: queue.rates.net.map(rounded),
        rate_source: queue.rates.source.code(),
        eta_s: queue.eta(rules, now.mono).map(|d| d.as_secs()),
        paused: queue.paused,
        details: &queue.details,
        findings: queue.findings(rules, now.mono),
    }
}

/// The exact text where it is UTF-8 (JSON escapes what it must), else escaped.
fn text(bytes: &Bytes) -> String {
    bytes.as_utf8().map_or_else(|| bytes.escaped(), str::to_string)
}

fn b64_unless_utf8(bytes: &Bytes) -> Option<String> {
    bytes.as_utf8().is_none().then(|| base64::engine::general_purpose::STANDARD.encode(bytes.as_slice()))
}

fn rounded(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}

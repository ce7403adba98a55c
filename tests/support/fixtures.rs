//! Boards, nodes, locks and queues for tests that need no server. All times hang on one fixed base.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use redwarden::app::state::{AppState, Settings};
use redwarden::config::Theme;
use redwarden::domain::diagnostics::{
    ClientGroup, Clients, Diagnostics, FEATURES, Hello, LatencyEvent, SlowCommand, SlowLog, Told,
};
use redwarden::domain::health::{Around, Tracker};
use redwarden::domain::holds::Usual;
use redwarden::domain::lock::{Renewal, Token, Ttl, Unknown};
use redwarden::domain::node::{Database, NodeFacts, NodeState, NodeStatus, Reason, ReplicaLink, Role};
use redwarden::domain::presence::{HolderState, Presence};
use redwarden::domain::queue::{Oldest, PushEnd, RateSource, Rates};
use redwarden::domain::snapshot::{Board, Cost, Denied, History, Live, ScanProgress};
use redwarden::domain::{Bytes, Lock, LockId, NodeId, NodeMeta, NodeSnapshot, Queue, QueueId, Rules, Stamp};

/// Bytes that a terminal must never get: colour, title, bell, NUL, bidi override, zero width, bad UTF-8.
pub const HOSTILE: &[u8] = b"lock:\x1b[31mevil\x1b]0;owned\x07\0\xff\xe2\x80\xae\xe2\x80\x8b\"'`$(id)";

/// The moment tests start at: 2026-01-02T03:04:05Z on the wall, an hour after the monotonic base so that things may
/// lie in the past.
pub fn base() -> Stamp {
    static BASE: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let mono = *BASE.get_or_init(|| Instant::now() + Duration::from_secs(86_400));
    Stamp { mono, wall: UNIX_EPOCH + Duration::from_secs(1_767_323_045) }
}

/// Moved back on both clocks.
pub fn before(at: Stamp, by: Duration) -> Stamp {
    Stamp { mono: at.mono.checked_sub(by).unwrap(), wall: at.wall - by }
}

/// So many seconds.
pub const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Settings of a plain, writable fleet.
pub fn settings() -> Settings {
    Settings {
        profile: None,
        production: false,
        read_only: false,
        rules: Rules::default(),
        theme: Theme::Dark,
        ascii: false,
        bell: false,
        report_span: s(3600),
        push: PushEnd::Left,
        concurrency: 1,
        exec: None,
        queues: Vec::new(),
        canaries: Vec::new(),
        lock_patterns: redwarden::config::LOCK_PATTERNS.map(String::from).to_vec(),
        queue_patterns: redwarden::config::QUEUE_PATTERNS.map(String::from).to_vec(),
    }
}

/// An empty dashboard of 80x24.
pub fn state() -> AppState {
    AppState::new(settings(), s(1), (80, 24), base()).with_seed(7)
}

/// Builder of a node.
pub struct NodeBuilder(pub NodeSnapshot);

/// A healthy primary; `run_id` is its name.
pub fn node(name: &str) -> NodeBuilder {
    let now = base();
    NodeBuilder(NodeSnapshot {
        meta: NodeMeta {
            id: NodeId::new(name),
            address: format!("127.0.0.1:{}", port(name)),
            db: 0,
            group: None,
        },
        seq: 1,
        taken_at: now,
        status: NodeStatus {
            state: NodeState::Up,
            reason: None,
            detail: None,
            since: before(now, s(3600)),
            misses: 0,
            last_ok: Some(now),
            flaps: 0,
            flapping_since: None,
        },
        rtt: Some(Duration::from_micros(310)),
        rtt_history: Arc::from([300, 310, 290, 0, 320, 900, 310].as_slice()),
        facts: Some(Arc::new(NodeFacts {
            engine: Some("redis".into()),
            version: Some("7.0.15".into()),
            run_id: Some(format!("run-{name}")),
            role: Some(Role::Primary),
            ops_per_sec: Some(12_345),
            used_memory: Some(512 << 20),
            maxmemory: Some(1 << 30),
            maxmemory_policy: Some("noeviction".into()),
            connected_clients: Some(42),
            maxclients: Some(10_000),
            blocked_clients: Some(3),
            uptime: Some(s(90_061)),
            connected_replicas: Some(1),
            primary_address: None,
            primary_link_up: None,
            primary_link_down: None,
            keys: Some(1_000),
            loading: false,
            ..NodeFacts::default()
        })),
        facts_at: Some(now),
        history: History::default(),
        diagnostics: Arc::default(),
        clock_offset_ms: Some(2),
        health: [].into(),
        denied: Vec::new(),
        locks: redwarden::domain::LockList::default(),
        queues: Arc::new(Vec::new()),
        scan: ScanProgress { passes: 1, ..ScanProgress::default() },
        cost: Cost { commands_per_sec: 9.0, busy_share: 0.001, pushes_per_sec: 2.0 },
        live: Live { pushed: true, prefixes: 20, ..Live::default() },
    })
}

fn port(name: &str) -> u16 {
    7000 + u16::from(name.bytes().last().unwrap_or(0))
}

impl NodeBuilder {
    /// One miss.
    pub fn suspect(mut self, reason: Reason) -> Self {
        self.0.status.state = NodeState::Suspect;
        self.0.status.reason = Some(reason);
        self.0.status.misses = 1;
        self.0.status.since = before(base(), s(2));
        self.0.rtt = None;
        self
    }

    /// Down.
    pub fn down(mut self, reason: Reason) -> Self {
        self.0.status.state = NodeState::Down;
        self.0.status.reason = Some(reason);
        self.0.status.detail = Some("os error 111".into());
        self.0.status.misses = 7;
        self.0.status.since = before(base(), s(95));
        self.0.status.last_ok = Some(before(base(), s(95)));
        self.0.rtt = None;
        self
    }

    /// Never heard.
    pub fn connecting(mut self) -> Self {
        self = self.suspect(Reason::Connecting);
        self.0.facts = None;
        self.0.facts_at = None;
        self.0.status.last_ok = None;
        self.0.scan = ScanProgress::default();
        self
    }

    /// A replica whose link is down.
    pub fn broken_replica(mut self) -> Self {
        let mut facts = self.0.facts.as_deref().cloned().unwrap_or_default();
        facts.role = Some(Role::Replica);
        facts.primary_address = Some("10.0.0.1:6379".into());
        facts.primary_link_up = Some(false);
        facts.primary_link_down = Some(s(12));
        self.0.facts = Some(Arc::new(facts));
        self
    }

    /// A replica in good order.
    pub fn replica(self) -> Self {
        let mut node = self.broken_replica();
        let mut facts = node.0.facts.as_deref().cloned().unwrap_or_default();
        facts.primary_link_up = Some(true);
        facts.primary_link_down = None;
        node.0.facts = Some(Arc::new(facts));
        node
    }

    /// A Sentinel: no data, few facts.
    pub fn sentinel(mut self) -> Self {
        let known = self.0.facts.as_deref().cloned().unwrap_or_default();
        let facts = NodeFacts {
            role: Some(Role::Sentinel),
            engine: known.engine,
            version: known.version,
            uptime: known.uptime,
            run_id: known.run_id,
            ..NodeFacts::default()
        };
        self.0.facts = Some(Arc::new(facts));
        self
    }

    /// With something of all that a node tells beyond INFO, hostile bytes too.
    pub fn told(mut self) -> Self {
        let now = base();
        let wall = now.wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut facts = self.0.facts.as_deref().cloned().unwrap_or_default();
        facts.offset = Some(123_456_789);
        facts.connected_replicas = Some(3);
        facts.replicas =
            [("10.0.0.2:6379", "online", 123_456_700, 0), ("10.0.0.3:6379", "online", 60_000_000, 75)]
                .map(|(address, state, offset, lag)| ReplicaLink {
                    address: address.into(),
                    state: state.into(),
                    offset: Some(offset),
                    lag: Some(s(lag)),
                })
                .to_vec();
        facts.replica_lag = Some(s(75));
        facts.used_memory_peak = Some(700 << 20);
        (facts.input_kbps, facts.output_kbps) = (Some(120.5), Some(2048.0));
        facts.latest_fork = Some(Duration::from_millis(180));
        facts.keyspace = Some(vec![
            Database { db: 0, keys: 1_000, expires: Some(40) },
            Database { db: 3, keys: 12, expires: Some(0) },
        ]);
        self.0.facts = Some(Arc::new(facts));
        let wave = |base: u64, swing: u64| -> Arc<[Option<u64>]> {
            (0..40).map(|n| (n % 13 != 7).then_some(base + swing * (n % 9))).collect()
        };
        self.0.history = History {
            ops: wave(11_000, 300),
            memory: wave(500 << 20, 8 << 20),
            clients: wave(38, 1),
            input: wave(100_000, 9_000),
            output: wave(2_000_000, 90_000),
        };
        let slow = |id, ago, ms, command: &str, key: Option<&[u8]>, arguments| SlowCommand {
            id,
            at: wall - ago,
            took: Duration::from_micros(ms),
            command: command.into(),
            key: key.map(Bytes::from),
            arguments,
            host: Some("10.0.0.9".into()),
        };
        let group = |name: &str, host: &str, count, blocked, output| ClientGroup {
            name: name.into(),
            host: host.into(),
            count,
            blocked,
            output,
        };
        self.0.diagnostics = Arc::new(Diagnostics {
            read_at: Some(before(now, s(4))),
            slowlog: Told::Known(SlowLog {
                len: Some(128),
                newest: vec![
                    slow(911, 12, 250_400, "KEYS", None, 1),
                    slow(910, 40, 48_200, "ZRANGE", Some(b"leaderboard:2026"), 3),
                    slow(909, 95_000, 12_050, "EVAL", Some(HOSTILE), 7),
                    slow(908, 95_001, 11_000, "CONFIG SET", None, 3),
                ],
            }),
            latency: Told::Known(vec![
                LatencyEvent {
                    event: "command".into(),
                    at: wall - 12,
                    latest: Duration::from_millis(250),
                    most: Duration::from_millis(900),
                },
                LatencyEvent {
                    event: "fork".into(),
                    at: wall - 7_000,
                    latest: Duration::from_millis(180),
                    most: Duration::from_millis(180),
                },
            ]),
            clients_at: Some(before(now, s(7))),
            clients: Told::Known(Clients {
                count: 42,
                blocked: 3,
                output: 81_920,
                groups: 9,
                top: vec![
                    group("web", "10.0.0.9", 30, 0, 0),
                    group("bull:bWFpbHM=:w:mailer-with-a-long-name", "10.0.0.10", 5, 3, 0),
                    group("", "[2001:db8::17]", 2, 0, 81_920),
                ],
            }),
            config: Told::Known(
                [
                    ("appendonly", "no"),
                    ("latency-monitor-threshold", "100"),
                    ("maxmemory", "1073741824"),
                    ("maxmemory-policy", "noeviction"),
                    ("min-replicas-to-write", "0"),
                    ("save", ""),
                    ("slowlog-log-slower-than", "10000"),
                    ("tcp-keepalive", "0"),
                    ("timeout", "0"),
                ]
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            ),
            features: Told::Known(FEATURES.map(|(name, _)| (name, name != "CLIENT|NO-TOUCH")).to_vec()),
            hello: Told::Known(Hello {
                server: "redis".into(),
                version: "7.0.15".into(),
                protocol: 3,
                mode: "standalone".into(),
            }),
        });
        self
    }

    /// Nothing beyond INFO is permitted.
    pub fn told_nothing(mut self) -> Self {
        self.0.diagnostics = Arc::new(Diagnostics {
            slowlog: Told::NotPermitted("SLOWLOG|GET"),
            latency: Told::NotPermitted("LATENCY|LATEST"),
            clients: Told::NotPermitted("CLIENT|LIST"),
            config: Told::NotPermitted("CONFIG|GET"),
            features: Told::NotPermitted("COMMAND|INFO"),
            hello: Told::Unsupported("HELLO"),
            ..Diagnostics::default()
        });
        for command in ["SLOWLOG|GET", "LATENCY|LATEST", "CLIENT|LIST", "CONFIG|GET", "COMMAND|INFO"] {
            self = self.denied("nodes", command);
        }
        self
    }

    /// A user that may not run a command.
    pub fn denied(mut self, pane: &'static str, command: &str) -> Self {
        self.0.denied.push(Denied { pane, command: command.into(), since: before(base(), s(60)) });
        self
    }

    /// With these locks, sorted by key.
    pub fn locks(mut self, locks: Vec<LockBuilder>) -> Self {
        let id = self.0.meta.id.clone();
        let mut locks: Vec<Lock> = locks.into_iter().map(|b| b.0).collect();
        for lock in &mut locks {
            lock.id.node = id.clone();
        }
        self.0.locks = locks.into_iter().map(Arc::new).collect();
        self
    }

    /// With these queues, sorted by key.
    pub fn queues(mut self, queues: Vec<QueueBuilder>) -> Self {
        let id = self.0.meta.id.clone();
        let mut queues: Vec<Queue> = queues.into_iter().map(|b| b.0).collect();
        for queue in &mut queues {
            queue.id.node = id.clone();
        }
        queues.sort_by(|a, b| a.id.cmp(&b.id));
        self.0.queues = Arc::new(queues.into_iter().map(Arc::new).collect());
        self
    }
}

/// Builder of a lock.
#[derive(Clone)]
pub struct LockBuilder(pub Lock);

/// A lock on node `a` that is held for 20 s with 25 s left.
pub fn lock(key: impl Into<Bytes>) -> LockBuilder {
    let now = base();
    let key = key.into();
    LockBuilder(Lock {
        token: Token::Known(format!("web-1:4711:{}", "0b9f6c1e-5d4a").into()),
        id: LockId { node: NodeId::new("a"), db: 0, key },
        family: "setnx",
        candidates: Arc::from([("setnx", 40)]),
        no_ttl_is_normal: false,
        key_type: Arc::from("string"),
        holder: Some("web-1".into()),
        ttl: Ttl::Left(s(25)),
        renewal: Renewal::CountingDown,
        renewed_with: None,
        read_at: now,
        first_seen: before(now, s(20)),
        held_before: None,
        waiters: None,
        presence: None,
        usual: None,
        holders: Arc::from([]),
        holders_total: None,
    })
}

impl LockBuilder {
    /// Never expires.
    pub fn never(mut self) -> Self {
        self.0.ttl = Ttl::Never;
        self
    }

    /// This TTL.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.0.ttl = Ttl::Left(ttl);
        self
    }

    /// Its TTL could not be read.
    pub fn ttl_denied(mut self) -> Self {
        self.0.ttl = Ttl::Unknown(Unknown::NotPermitted("PTTL"));
        self
    }

    /// Renewed 3 s ago.
    pub fn renewed(mut self) -> Self {
        self.0.renewal = Renewal::Renewed(before(base(), s(3)));
        self
    }

    /// Held for that long.
    pub fn age(mut self, age: Duration) -> Self {
        self.0.first_seen = before(base(), age);
        self
    }

    /// This value.
    pub fn token(mut self, token: impl Into<Bytes>) -> Self {
        self.0.token = Token::Known(token.into());
        self
    }

    /// A value too long to fetch.
    pub fn long_token(mut self) -> Self {
        self.0.token = Token::Long { head: vec![b'x'; 1024].into(), len: 70_000 };
        self.0.holder = None;
        self
    }

    /// Held for so long about as often as not, of a dozen holds.
    pub fn usually(mut self, p50: Duration, p95: Duration) -> Self {
        self.0.usual = Some(Usual { p50: Some(p50), p95: Some(p95), holds: 12, handovers: 4 });
        self
    }

    /// Its holder was there until 40 s ago.
    pub fn gone(mut self) -> Self {
        let words = "the client named web-1 was connected while it was held, and is not any more";
        self.0.presence = Some(Presence::new(HolderState::Gone, words, before(base(), s(40))));
        self
    }

    /// Its holder was there 4 s ago.
    pub fn alive(mut self) -> Self {
        let words = "a client named web-1 is connected from 10.0.0.9";
        self.0.presence = Some(Presence::new(HolderState::Alive, words, before(base(), s(4))));
        self
    }

    /// This holder.
    pub fn holder(mut self, holder: Option<&str>) -> Self {
        self.0.holder = holder.map(str::to_owned);
        self
    }
}

/// Builder of a queue.
#[derive(Clone)]
pub struct QueueBuilder(pub Queue);

/// An empty, idle queue on node `a`.
pub fn queue(key: impl Into<Bytes>) -> QueueBuilder {
    let now = base();
    let key = key.into();
    QueueBuilder(Queue {
        name: key.escaped(),
        id: QueueId { node: NodeId::new("a"), db: 0, key },
        family: "list",
        application: Bytes::default(),
        push: PushEnd::Left,
        waiting: Some(0),
        problem: None,
        in_flight: None,
        scheduled: None,
        retry: None,
        failed: None,
        workers: None,
        paused: None,
        oldest: Oldest::Empty,
        rates: Rates {
            incoming: Some(0.0),
            outgoing: Some(0.0),
            net: Some(0.0),
            source: RateSource::NewestFoundAgain,
        },
        history: Arc::from([0, 0, 0, 0].as_slice()),
        no_progress_since: None,
        unattended_since: None,
        stirred: None,
        read_at: now,
        details: Vec::new(),
        blocked: None,
        samples: 9,
    })
}

impl QueueBuilder {
    fn rates(mut self, incoming: f64, outgoing: f64) -> Self {
        self.0.rates.incoming = Some(incoming);
        self.0.rates.outgoing = Some(outgoing);
        self.0.rates.net = Some(incoming - outgoing);
        self
    }

    /// 12/s more come than go.
    pub fn growing(mut self) -> Self {
        self.0.waiting = Some(4_200);
        self.0.history = Arc::from([3_000, 3_300, 3_600, 3_900, 4_200].as_slice());
        self.0.oldest = Oldest::At { age: s(350) };
        self.rates(62.0, 50.0)
    }

    /// Empty in 4 min 10 s.
    pub fn draining(mut self) -> Self {
        self.0.waiting = Some(2_500);
        self.0.history = Arc::from([3_000, 2_900, 2_800, 2_600, 2_500].as_slice());
        self.0.oldest = Oldest::AtLeast { since: before(base(), s(40)) };
        self.rates(40.0, 50.0)
    }

    /// Nothing was taken for two minutes.
    pub fn stalled(mut self) -> Self {
        self.0.waiting = Some(17);
        self.0.history = Arc::from([17, 17, 17].as_slice());
        self.0.no_progress_since = Some(before(base(), s(120)));
        self.0.oldest = Oldest::AtLeast { since: before(base(), s(120)) };
        self.rates(0.0, 0.0)
    }

    /// Its depth could not be read.
    pub fn denied(mut self) -> Self {
        self.0.waiting = None;
        self.0.problem = Some(Unknown::NotPermitted("LLEN"));
        self.0.oldest = Oldest::Unknown(Unknown::NotPermitted("LINDEX"));
        self.0.rates = Rates { incoming: None, outgoing: None, net: None, source: RateSource::None };
        self.0.history = Arc::from([].as_slice());
        self
    }

    /// So many tasks wait.
    pub fn waiting(mut self, waiting: u64) -> Self {
        self.0.waiting = Some(waiting);
        self
    }
}

/// A board of these nodes.
pub fn board(nodes: Vec<NodeBuilder>) -> Board {
    let nodes = nodes.into_iter().map(|n| Arc::new(judged(n.0))).collect();
    Board { nodes: Arc::new(nodes), ..Board::default() }
}

/// With what the rules say of it at first sight.
pub fn judged(mut node: NodeSnapshot) -> NodeSnapshot {
    node.health = Tracker::default().observe(&node, &Around::default(), &Rules::default());
    node
}

/// A fleet with something of everything: nodes up, suspect and down; locks in every state, hostile ones too; queues
/// growing, draining, stalled, idle and unreadable.
pub fn rich_board() -> Board {
    board(vec![
        node("a")
            .locks(vec![
                lock("lock:held"),
                lock("lock:never").never().token("1").holder(None),
                lock("lock:renewed").renewed(),
                lock("lock:expiring").ttl(s(3)),
                lock("lock:overdue").age(s(1200)).renewed(),
                lock("lock:unreadable").ttl_denied(),
                lock("lock:long").long_token(),
                lock(HOSTILE).token(HOSTILE).never(),
            ])
            .queues(vec![
                queue("queue:growing").growing(),
                queue("queue:draining").draining(),
                queue("queue:stalled").stalled(),
                queue("queue:idle"),
                queue("queue:denied").denied(),
                queue(&b"queue:\x1b[2Jevil\xff"[..]).waiting(5),
            ]),
        node("b")
            .locks(vec![lock("lock:held").token("other-holder-123456"), lock("report:lock").ttl(s(90))])
            .queues(vec![queue("mail_queue").draining()]),
        node("c").suspect(Reason::Timeout),
        node("d").down(Reason::Refused),
        node("e").connecting(),
        node("f").broken_replica().denied("locks", "SCAN"),
    ])
}

/// A board of one node with so many locks, every hundredth without a TTL.
pub fn many_locks(n: usize) -> Board {
    let locks = (0..n)
        .map(|i| {
            let b = lock(format!("lock:{i:07}")).token(format!("web-{}:{i:012}", i % 50));
            if i % 100 == 0 { b.never() } else { b.ttl(s(30 + (i as u64 * 7919) % 3600)) }
        })
        .collect();
    board(vec![node("a").locks(locks)])
}

//! The rules themselves, on snapshots: thresholds, hysteresis, cool-down.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use redwarden::domain::diagnostics::{Clients, Diagnostics, LatencyEvent, SlowCommand, SlowLog, Told};
use redwarden::domain::health::config::hazards;
use redwarden::domain::health::{Around, OTHER_CODES, RULES, Tracker};
use redwarden::domain::node::{NodeFacts, RefusedWrites, ReplicaLink, Role};
use redwarden::domain::{Finding, NodeSnapshot, Rules, Severity, Stamp};

use super::fixtures::{base, lock, node, s};

/// Changes facts; the second value is the server's time.
type Change = fn(&mut NodeFacts, u64);

/// A node that is looked at once a second.
struct Watched {
    tracker: Tracker,
    node: NodeSnapshot,
    around: Around,
    at: Stamp,
}

impl Watched {
    fn new() -> Self {
        Self { tracker: Tracker::default(), node: node("a").0, around: Around::default(), at: base() }
    }

    /// The next look, with these facts.
    fn look(&mut self, change: impl FnOnce(&mut NodeFacts)) -> Arc<[Finding]> {
        self.at = self.at.plus(s(1));
        self.node.taken_at = self.at;
        self.node.facts_at = Some(self.at);
        let mut facts = self.node.facts.as_deref().unwrap().clone();
        facts.uptime = facts.uptime.map(|up| up + s(1));
        change(&mut facts);
        self.node.facts = Some(Arc::new(facts));
        self.tracker.observe(&self.node, &self.around, &Rules::default())
    }

    fn memory(&mut self, percent: u64) -> Option<Severity> {
        severity(&self.look(|f| f.used_memory = Some(f.maxmemory.unwrap() / 100 * percent + 100)), "memory")
    }
}

fn severity(findings: &[Finding], code: &str) -> Option<Severity> {
    findings.iter().find(|f| f.code == code).map(|f| f.severity)
}

#[test]
fn the_first_look_counts_at_once() {
    assert_eq!(Watched::new().memory(95), Some(Severity::Critical));
    assert_eq!(Watched::new().memory(75), Some(Severity::Warning));
    assert_eq!(Watched::new().memory(50), None);
}

#[test]
fn three_looks_in_a_row_and_nothing_flickers() {
    let mut w = Watched::new();
    assert_eq!(w.memory(50), None);
    assert_eq!((w.memory(75), w.memory(75)), (None, None));
    assert_eq!(w.memory(75), Some(Severity::Warning));
    // Worse for a moment only.
    assert_eq!(
        (w.memory(95), w.memory(95), w.memory(75)),
        (Some(Severity::Warning), Some(Severity::Warning), Some(Severity::Warning))
    );
    assert_eq!((w.memory(95), w.memory(95)), (Some(Severity::Warning), Some(Severity::Warning)));
    assert_eq!(w.memory(95), Some(Severity::Critical));
    // Better: three looks again.
    assert_eq!((w.memory(50), w.memory(50)), (Some(Severity::Critical), Some(Severity::Critical)));
    assert_eq!(w.memory(50), None);
    // Back within the cool-down: then it stays until it was good for all of it.
    assert_eq!((w.memory(75), w.memory(75), w.memory(75)), (None, None, Some(Severity::Warning)));
    for second in 1..60 {
        assert_eq!(w.memory(50), Some(Severity::Warning), "after {second} s");
    }
    assert_eq!(w.memory(50), None);
    // Dancing on the threshold never shows.
    for _ in 0..30 {
        assert_eq!((w.memory(75), w.memory(69)), (None, None));
    }
}

#[test]
fn a_look_without_new_facts_is_no_further_sample() {
    let mut w = Watched::new();
    w.memory(50);
    w.memory(75);
    for _ in 0..10 {
        let findings = w.tracker.observe(&w.node, &w.around, &Rules::default());
        assert_eq!(severity(&findings, "memory"), None);
    }
}

#[test]
fn counters_show_at_once_and_go_when_the_minute_is_over() {
    let mut w = Watched::new();
    let refused = RefusedWrites { oom: 5, ..RefusedWrites::default() };
    assert!(severity(&w.look(|f| f.refused = Some(refused)), "writes-refused").is_none(), "long past");
    let more = w.look(|f| f.refused = Some(RefusedWrites { oom: 7, misconf: 1, ..refused }));
    let finding = more.iter().find(|f| f.code == "writes-refused").unwrap();
    assert_eq!(
        (finding.severity, finding.message.as_str()),
        (Severity::Critical, "writes refused within 1s: OOM 2, MISCONF 1")
    );
    let gone = (0..70).find(|_| severity(&w.look(|_| {}), "writes-refused").is_none());
    assert!(gone.is_some_and(|after| (58..66).contains(&after)), "{gone:?}");
    // CONFIG RESETSTAT is no growth.
    assert!(severity(&w.look(|f| f.refused = Some(RefusedWrites::default())), "writes-refused").is_none());
}

#[test]
fn unknown_gives_no_verdict() {
    let mut w = Watched::new();
    assert_eq!(w.look(|f| *f = NodeFacts::default()).len(), 0);
    w.node.facts = None;
    assert_eq!(w.tracker.observe(&w.node, &w.around, &Rules::default()).len(), 0);
}

#[test]
fn a_clock_off_the_fleet() {
    let mut w = Watched::new();
    w.node.locks = node("a").locks(vec![lock("lock:a").ttl(s(5))]).0.locks;
    w.node.clock_offset_ms = Some(900);
    assert_eq!(severity(&w.look(|_| {}), "clock-skew"), None, "one clock alone says nothing");
    w.around.clock_median_ms = Some(10);
    for _ in 0..2 {
        assert_eq!(severity(&w.look(|_| {}), "clock-skew"), None);
    }
    assert_eq!(severity(&w.look(|_| {}), "clock-skew"), Some(Severity::Warning));
    w.node.clock_offset_ms = Some(30);
    for _ in 0..3 {
        w.look(|_| {});
    }
    assert_eq!(severity(&w.look(|_| {}), "clock-skew"), None);
}

#[test]
fn slow_against_its_own_history() {
    let mut w = Watched::new();
    let history = |recent: u64| -> Arc<[u64]> { (0..30).map(|_| 400).chain([recent; 3]).collect() };
    w.node.rtt_history = history(8_000);
    assert_eq!(severity(&w.look(|_| {}), "slow"), None, "below 10 ms is never slow");
    w.node.rtt_history = history(30_000);
    w.look(|_| {});
    w.look(|_| {});
    assert_eq!(severity(&w.look(|_| {}), "slow"), Some(Severity::Warning));
    let mut far = Watched::new();
    far.node.rtt_history = (0..33).map(|_| 30_000).collect();
    assert_eq!(severity(&far.look(|_| {}), "slow"), None, "far away is not slow");
}

#[test]
fn thresholds_of_the_others() {
    let now = base().wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let cases: [(&str, Severity, Change); 9] = [
        ("no-maxmemory", Severity::Info, |f, _| f.maxmemory = Some(0)),
        ("no-maxmemory", Severity::Warning, |f, _| {
            f.maxmemory = Some(0);
            f.total_memory = f.used_memory;
        }),
        ("clients", Severity::Warning, |f, _| f.connected_clients = Some(9_000)),
        ("persistence", Severity::Critical, |f, _| f.bgsave_ok = Some(false)),
        ("persistence", Severity::Critical, |f, _| f.aof_write_ok = Some(false)),
        ("persistence", Severity::Warning, |f, now| {
            f.rdb_saves = Some(2);
            f.aof_enabled = Some(false);
            f.rdb_changes = Some(7);
            f.rdb_last_save = Some(now - 49 * 3600);
        }),
        ("replica-lag", Severity::Warning, |f, _| f.replica_lag = Some(Duration::from_secs(61))),
        ("fragmentation", Severity::Warning, |f, _| f.fragmentation = Some(1.6)),
        ("fragmentation", Severity::Warning, |f, _| f.fragmentation = Some(0.8)),
    ];
    for (code, wanted, change) in cases {
        assert_eq!(severity(&Watched::new().look(|f| change(f, now)), code), Some(wanted), "{code}");
    }
    let quiet: [(&str, Change); 5] = [
        ("clients", |f, _| f.connected_clients = Some(8_999)),
        ("fragmentation", |f, _| {
            f.used_memory = Some(5 << 20);
            f.fragmentation = Some(9.0);
        }),
        // Never saved since its start: perhaps it is not meant to.
        ("persistence", |f, now| {
            f.rdb_saves = Some(0);
            f.aof_enabled = Some(false);
            f.rdb_changes = Some(7);
            f.rdb_last_save = Some(now - 90 * 3600);
        }),
        ("eviction", |f, _| f.maxmemory_policy = Some("allkeys-lru".into())),
        ("no-maxmemory", |f, _| f.maxmemory = None),
    ];
    for (code, change) in quiet {
        assert_eq!(severity(&Watched::new().look(|f| change(f, now)), code), None, "{code}");
    }
}

#[test]
fn every_code_is_unique_kebab_and_in_the_readme() {
    let readme = include_str!("../../README.md");
    let mut codes: Vec<&str> = RULES.iter().map(|r| r.code).chain(OTHER_CODES).collect();
    for code in &codes {
        assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
        assert!(readme.contains(&format!("`{code}`")), "{code} is not in the README");
    }
    codes.sort_unstable();
    let before = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), before);
}

/// Changes what the node tells beyond INFO, as read at this look.
fn tell(w: &mut Watched, change: impl FnOnce(&mut Diagnostics)) {
    let mut told = Diagnostics::clone(&w.node.diagnostics);
    told.read_at = Some(w.at.plus(s(1)));
    change(&mut told);
    w.node.diagnostics = Arc::new(told);
}

fn slow(id: u64, ms: u64) -> SlowCommand {
    SlowCommand {
        id,
        at: 0,
        took: Duration::from_millis(ms),
        command: "ZRANGE".into(),
        key: None,
        arguments: 3,
        host: None,
    }
}

#[test]
fn a_growing_slow_log() {
    let log = |newest: Vec<SlowCommand>| {
        move |t: &mut Diagnostics| {
            t.slowlog = Told::Known(SlowLog { len: Some(128), newest });
        }
    };
    let mut w = Watched::new();
    tell(&mut w, log(vec![slow(500, 80)]));
    assert_eq!(severity(&w.look(|_| {}), "slowlog"), None, "how many are new is not known yet");
    tell(&mut w, log(vec![slow(510, 80)]));
    assert_eq!(severity(&w.look(|_| {}), "slowlog"), None, "ten a minute are borne");
    tell(&mut w, log(vec![slow(511, 3), slow(510, 80)]));
    let found = w.look(|_| {});
    let finding = found.iter().find(|f| f.code == "slowlog").unwrap();
    assert_eq!(finding.message, "11 slow commands within 2s; of the newest ZRANGE took longest: 80 ms");
    assert_eq!(finding.since, Some(w.at));
    // An emptied log tells of no fewer.
    tell(&mut w, log(Vec::new()));
    w.look(|_| {});
    tell(&mut w, log(vec![slow(512, 80)]));
    assert_eq!(severity(&w.look(|_| {}), "slowlog"), Some(Severity::Warning));
    let quiet = (0..80).find(|n| {
        tell(&mut w, log(vec![slow(512, 80)]));
        severity(&w.look(|_| {}), "slowlog").is_none() && *n > 0
    });
    assert!(quiet.is_some_and(|after| (50..70).contains(&after)), "{quiet:?}");
    // Where everything is logged, being logged says nothing.
    let mut all = Watched::new();
    tell(&mut all, log(vec![slow(1, 2)]));
    all.look(|_| {});
    tell(&mut all, log(vec![slow(9_000, 2)]));
    assert_eq!(severity(&all.look(|_| {}), "slowlog"), None);
    // Another process counts anew.
    tell(&mut w, log(vec![slow(3, 80)]));
    assert_eq!(severity(&w.look(|f| f.run_id = Some("another".into())), "slowlog"), None);
    tell(&mut w, |t| t.slowlog = Told::NotPermitted("SLOWLOG|GET"));
    assert_eq!(severity(&w.look(|_| {}), "slowlog"), None);
}

#[test]
fn latency_events_of_the_last_minute() {
    let judged = |ms: u64, ago: u64, offset_ms: i64| {
        let mut w = Watched::new();
        w.node.clock_offset_ms = Some(offset_ms);
        let server =
            w.at.wall.duration_since(UNIX_EPOCH).unwrap().as_secs().saturating_add_signed(offset_ms / 1000);
        let length = Duration::from_millis(ms);
        tell(&mut w, |t| {
            let event =
                LatencyEvent { event: "fork".into(), at: server - ago, latest: length, most: length * 2 };
            t.latency = Told::Known(vec![event]);
        });
        severity(&w.look(|_| {}), "latency-events")
    };
    assert_eq!(judged(100, 20, 0), Some(Severity::Warning));
    assert_eq!(judged(99, 20, 0), None, "below the threshold");
    assert_eq!(judged(100, 70, 0), None, "long past");
    assert_eq!(judged(100, 20, -3_600_000), Some(Severity::Warning), "by the server's clock");
    assert_eq!(judged(100, 3_620, 0), None);
}

#[test]
fn what_a_fork_costs() {
    let judged = |ms: u64, mib: u64| {
        let mut w = Watched::new();
        severity(
            &w.look(|f| {
                f.latest_fork = Some(Duration::from_millis(ms));
                f.used_memory = Some(mib << 20);
                f.maxmemory = Some(0);
            }),
            "fork",
        )
    };
    assert_eq!(judged(40, 1024), None);
    assert_eq!(judged(60, 1024), Some(Severity::Warning));
    assert_eq!(judged(60, 4096), None, "15 ms per GiB");
    assert_eq!(judged(60, 100), None, "small ones say nothing");
    assert_eq!(judged(1_200, 100 << 10), Some(Severity::Info), "healthy, but a second all the same");
    assert_eq!(judged(0, 1024), None);
}

#[test]
fn a_replica_behind_in_bytes() {
    let judged = |state: &str, offset: Option<u64>| {
        severity(
            &Watched::new().look(|f| {
                f.offset = Some(100 << 20);
                let address = "10.0.0.2:6379".into();
                f.replicas = vec![ReplicaLink { address, state: state.into(), offset, lag: Some(s(0)) }];
            }),
            "replica-lag",
        )
    };
    assert_eq!(judged("online", Some(68 << 20)), Some(Severity::Warning));
    assert_eq!(judged("online", Some(69 << 20)), None);
    assert_eq!(judged("send_bulk", Some(0)), None, "its first copy is on its way");
    assert_eq!(judged("online", None), None);
    assert_eq!(judged("online", Some(200 << 20)), None, "ahead of what was read of its primary");
}

#[test]
fn hazards_need_what_they_endanger() {
    let with = |pairs: &[(&'static str, &str)]| {
        let mut w = Watched::new();
        let config = pairs.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
        tell(&mut w, |t| t.config = Told::Known(config));
        w
    };
    let parameters = |w: &Watched| hazards(&w.node).iter().map(|h| h.parameter).collect::<Vec<_>>();
    let unsaved = [("save", ""), ("appendonly", "no"), ("min-replicas-to-write", "0")];
    let mut w = with(&unsaved);
    assert!(parameters(&w).is_empty(), "nothing there to lose");
    w.node.locks = node("a").locks(vec![lock("lock:a")]).0.locks;
    assert_eq!(parameters(&w), ["appendonly", "min-replicas-to-write"]);
    assert_eq!(severity(&w.look(|_| {}), "config-hazards"), Some(Severity::Info));
    for (pairs, found) in [
        (&[("tcp-keepalive", "0")][..], &["tcp-keepalive"][..]),
        (&[("tcp-keepalive", "300"), ("timeout", "0"), ("protected-mode", "yes")], &[]),
        (&[("timeout", "30"), ("protected-mode", "no")], &["timeout", "protected-mode"]),
        (&[("appendonly", "yes"), ("appendfsync", "no")], &["appendfsync"]),
        (&[("save", "60 1"), ("stop-writes-on-bgsave-error", "no")], &["stop-writes-on-bgsave-error"]),
        (&[("slowlog-log-slower-than", "-1")], &["slowlog-log-slower-than"]),
        (&[("slowlog-log-slower-than", "0")], &["slowlog-log-slower-than"]),
        (&[("latency-monitor-threshold", "0")], &["latency-monitor-threshold"]),
        (&[("timeout", "what?")], &[]),
    ] {
        assert_eq!(parameters(&with(pairs)), found, "{pairs:?}");
    }
    let mut replica = with(&[("replica-read-only", "no")]);
    assert!(parameters(&replica).is_empty());
    replica.look(|f| f.role = Some(Role::Replica));
    assert_eq!(parameters(&replica), ["replica-read-only"]);
}

#[test]
fn known_settings_and_clients_sharpen_other_rules() {
    let now = base().wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let never_saved = |w: &mut Watched| {
        let found = w.look(|f| {
            f.rdb_saves = Some(0);
            f.aof_enabled = Some(false);
            f.rdb_changes = Some(7);
            f.rdb_last_save = Some(now - 90 * 3600);
        });
        severity(&found, "persistence")
    };
    for (save, found) in [("3600 1", Some(Severity::Warning)), ("", None)] {
        let mut w = Watched::new();
        tell(&mut w, |t| t.config = Told::Known([("save", save.to_string())].into_iter().collect()));
        assert_eq!(never_saved(&mut w), found, "save {save:?}");
    }
    for (mib, found) in [(256, Some(Severity::Warning)), (255, None)] {
        let mut w = Watched::new();
        tell(&mut w, |t| t.clients = Told::Known(Clients { output: mib << 20, ..Clients::default() }));
        assert_eq!(severity(&w.look(|_| {}), "output-buffers"), found);
    }
}

#[test]
fn a_verdict_is_as_old_as_its_first_look_whatever_it_weighs() {
    let mut w = Watched::new();
    w.memory(75);
    let since = w.at;
    for percent in [95, 95, 95, 75] {
        w.memory(percent);
    }
    let found = w.look(|f| f.used_memory = Some(f.maxmemory.unwrap() / 100 * 95 + 100));
    let finding = found.iter().find(|f| f.code == "memory").unwrap();
    assert_eq!((finding.severity, finding.since), (Severity::Critical, Some(since)));
    assert_eq!(serde_json::to_value(finding).unwrap()["since"], since.rfc3339());
    for _ in 0..3 {
        w.memory(50);
    }
    for _ in 0..3 {
        w.memory(75);
    }
    let again = w.look(|f| f.used_memory = Some(f.maxmemory.unwrap() / 100 * 75 + 100));
    assert!(again.iter().find(|f| f.code == "memory").unwrap().since != Some(since), "it had gone");
}

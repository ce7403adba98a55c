//! The rules themselves, on snapshots: thresholds, hysteresis, cool-down.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use redwarden::domain::health::{Around, OTHER_CODES, RULES, Tracker};
use redwarden::domain::node::{NodeFacts, RefusedWrites};
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

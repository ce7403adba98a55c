//! One layer of settings: flags, environment, a profile or the file itself. Everything may be missing.

use std::path::PathBuf;
use std::time::Duration;

use super::group::{ClusterDraft, SentinelDraft};
use super::node::{NodeDraft, PasswordSource};
use super::problem::{Problems, Sited, Source};
use super::value::{INTERVAL, TIMEOUT, duration, glob, switch};
use super::{Environment, QueuePrefixes, QueueSchema, Theme};
use crate::cli::GlobalArgs;
use crate::domain::queue::PushEnd;

/// The fleet a layer names. A layer that names one hides those of the layers below.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FleetDraft {
    pub(super) nodes: Vec<NodeDraft>,
    pub(super) clusters: Vec<ClusterDraft>,
    pub(super) sentinels: Vec<SentinelDraft>,
    /// Some node is written down wrongly and missing here.
    pub(super) has_gaps: bool,
}

impl FleetDraft {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.clusters.is_empty() && self.sentinels.is_empty()
    }

    /// Everything with an address: nodes and seeds.
    pub(super) fn places_mut(&mut self) -> impl Iterator<Item = &mut NodeDraft> {
        let seeds = self.clusters.iter_mut().flat_map(|c| &mut c.seeds);
        self.nodes.iter_mut().chain(seeds).chain(self.sentinels.iter_mut().flat_map(|s| &mut s.seeds))
    }

    /// Where passwords come from, of all of them.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &PasswordSource> {
        let seeds = self.clusters.iter().flat_map(|c| &c.seeds);
        let places = self.nodes.iter().chain(seeds).chain(self.sentinels.iter().flat_map(|s| &s.seeds));
        let told = self.sentinels.iter().filter_map(|s| s.password.as_ref());
        places.filter_map(|n| n.password.as_ref()).chain(told).map(|p| &p.value)
    }
}

/// A configured queue with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QueueDraft {
    pub(super) key: String,
    pub(super) node: Option<Sited<String>>,
    pub(super) push: Option<PushEnd>,
    pub(super) exec: Option<String>,
    pub(super) weight: Option<u32>,
    pub(super) source: Source,
}

/// Settings of one layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layer {
    pub(super) fleet: FleetDraft,
    /// The listed nodes are seeds of one cluster.
    pub(super) is_cluster: Option<Sited<bool>>,
    pub(super) interval: Option<Sited<Duration>>,
    pub(super) timeout: Option<Sited<Duration>>,
    pub(super) read_only: Option<Sited<bool>>,
    pub(super) production: Option<Sited<bool>>,
    pub(super) log: Option<Sited<PathBuf>>,
    pub(super) lock_patterns: Option<Sited<Vec<String>>>,
    pub(super) lock_families: Option<Sited<Vec<Sited<crate::family::rows::Source>>>>,
    pub(super) disabled_families: Option<Sited<Vec<Sited<String>>>>,
    pub(super) queue_patterns: Option<Sited<Vec<String>>>,
    pub(super) push: Option<Sited<PushEnd>>,
    pub(super) queues: Option<Sited<Vec<QueueDraft>>>,
    pub(super) queue_families: Option<Sited<Vec<QueueSchema>>>,
    pub(super) queue_prefixes: Option<Sited<QueuePrefixes>>,
    pub(super) canaries: Option<Sited<Vec<Sited<super::CanaryTask>>>>,
    pub(super) redact: Option<Sited<Vec<String>>>,
    pub(super) concurrency: Option<Sited<usize>>,
    pub(super) exec: Option<Sited<String>>,
    pub(super) heartbeat_ttl: Option<Sited<Duration>>,
    pub(super) task_timeout: Option<Sited<Duration>>,
    pub(super) grace: Option<Sited<Duration>>,
    pub(super) retries: Option<Sited<u32>>,
    pub(super) retry_delay: Option<Sited<Duration>>,
    pub(super) retry_max_delay: Option<Sited<Duration>>,
    pub(super) worker_rate: Option<Sited<f64>>,
    pub(super) wait_replicas: Option<Sited<u32>>,
    pub(super) down_after: Option<Sited<u32>>,
    pub(super) expiring_below: Option<Sited<Duration>>,
    pub(super) overdue_after: Option<Sited<Duration>>,
    pub(super) growing_above: Option<Sited<f64>>,
    pub(super) stalled_after: Option<Sited<Duration>>,
    pub(super) rate_window: Option<Sited<Duration>>,
    pub(super) stale_after: Option<Sited<Duration>>,
    pub(super) memory_warning: Option<Sited<u32>>,
    pub(super) memory_critical: Option<Sited<u32>>,
    pub(super) clients_above: Option<Sited<u32>>,
    pub(super) rejected_above: Option<Sited<u32>>,
    pub(super) acl_denials_above: Option<Sited<u32>>,
    pub(super) cpu_above: Option<Sited<u32>>,
    pub(super) flapping_after: Option<Sited<u32>>,
    pub(super) samples: Option<Sited<u32>>,
    pub(super) lag_above: Option<Sited<Duration>>,
    pub(super) lag_bytes_above: Option<Sited<u64>>,
    pub(super) slowlog_above: Option<Sited<u32>>,
    pub(super) latency_above: Option<Sited<Duration>>,
    pub(super) fork_above: Option<Sited<Duration>>,
    pub(super) slow_above: Option<Sited<Duration>>,
    pub(super) backup_within: Option<Sited<Duration>>,
    pub(super) cool_down: Option<Sited<Duration>>,
    pub(super) skew_share: Option<Sited<f64>>,
    pub(super) scan_budget: Option<Sited<f64>>,
    pub(super) scan_max_keys: Option<Sited<usize>>,
    pub(super) scan_replicas: Option<Sited<bool>>,
    pub(super) theme: Option<Sited<Theme>>,
    pub(super) ascii: Option<Sited<bool>>,
    pub(super) mouse: Option<Sited<bool>>,
    pub(super) bell: Option<Sited<bool>>,
    pub(super) report_span: Option<Sited<Duration>>,
}

/// Variables that are read; another `REDWARDEN_*` is a mistyped one.
pub(super) const VARIABLES: [&str; 15] = [
    "REDWARDEN_URL",
    "REDWARDEN_URLS",
    "REDWARDEN_CONFIG",
    "REDWARDEN_PROFILE",
    "REDWARDEN_READ_ONLY",
    "REDWARDEN_INTERVAL",
    "REDWARDEN_TIMEOUT",
    "REDWARDEN_LOCK_PATTERNS",
    "REDWARDEN_QUEUE_PATTERNS",
    "REDWARDEN_THEME",
    "REDWARDEN_LOG",
    "REDWARDEN_PASSWORD",
    "REDWARDEN_SERVER",
    "REDWARDEN_COMMIT",
    "REDWARDEN_BELL",
];

/// Variables that a worker's command finds: set where redwarden runs inside a task, and of no meaning to it.
pub(super) const TASK_VARIABLES: [&str; 9] = [
    "REDWARDEN_TASK_ID",
    "REDWARDEN_QUEUE",
    "REDWARDEN_NODE",
    "REDWARDEN_DB",
    "REDWARDEN_ATTEMPT",
    "REDWARDEN_MAX_ATTEMPTS",
    "REDWARDEN_REDELIVERED",
    "REDWARDEN_TIMEOUT_MS",
    "REDWARDEN_WORKER",
];

fn set(on: bool, value: bool, flag: &'static str) -> Option<Sited<bool>> {
    on.then(|| Sited::new(value, Source::Flag(flag)))
}

impl Layer {
    /// What the flags say.
    pub(super) fn from_flags(args: &GlobalArgs, problems: &mut Problems) -> Self {
        let drafts = |urls: &[super::Secret], flag, port, problems: &mut Problems| {
            NodeDraft::from_urls(urls.iter(), port, &Source::Flag(flag), problems)
        };
        let cluster = ClusterDraft::from_seeds(drafts(&args.cluster, "--cluster", 6379, problems));
        let sentinels = drafts(&args.sentinel, "--sentinel", 26379, problems);
        let sentinel = SentinelDraft::from_seeds(sentinels, args.master_names.clone());
        let fleet = FleetDraft {
            nodes: drafts(&args.urls, "--url", 6379, problems),
            clusters: cluster.into_iter().collect(),
            sentinels: sentinel.into_iter().collect(),
            has_gaps: false,
        };
        let mut time = |text: &Option<String>, flag, range| {
            let source = Source::Flag(flag);
            text.as_ref().and_then(|t| problems.check(&source, duration(t, range)))
        };
        let interval = time(&args.interval, "--interval", INTERVAL);
        let timeout = time(&args.timeout, "--timeout", TIMEOUT);
        let read_only = set(args.read_only, true, "--read-only").or(set(args.write, false, "--write"));
        let lock_patterns = globs(&args.lock_patterns, Source::Flag("--lock-pattern"), problems);
        let queue_patterns = globs(&args.queue_patterns, Source::Flag("--queue-pattern"), problems);
        Self {
            fleet,
            interval,
            timeout,
            read_only,
            lock_patterns,
            queue_patterns,
            log: args.log.clone().map(|p| Sited::new(p, Source::Flag("--log"))),
            theme: args.theme.map(|t| Sited::new(t, Source::Flag("--theme"))),
            scan_replicas: set(args.scan_replicas, true, "--scan-replicas"),
            ascii: set(args.ascii, true, "--ascii"),
            mouse: set(args.no_mouse, false, "--no-mouse"),
            bell: set(args.bell, true, "--bell"),
            ..Self::default()
        }
    }

    /// What the environment says.
    pub(super) fn from_environment(env: &Environment, problems: &mut Problems) -> Self {
        let mut nodes = Vec::new();
        for name in ["REDWARDEN_URL", "REDWARDEN_URLS"] {
            let urls: Vec<super::Secret> = listed(env, name).into_iter().map(super::Secret::new).collect();
            nodes.extend(NodeDraft::from_urls(urls.iter(), 6379, &Source::Variable(name), problems));
        }
        let mut time = |name, range| {
            env.text(name).and_then(|t| problems.check(&Source::Variable(name), duration(t, range)))
        };
        let interval = time("REDWARDEN_INTERVAL", INTERVAL);
        let timeout = time("REDWARDEN_TIMEOUT", TIMEOUT);
        let mut yes_no =
            |name| env.text(name).and_then(|t| problems.check(&Source::Variable(name), switch(t)));
        let read_only = yes_no("REDWARDEN_READ_ONLY");
        let bell = yes_no("REDWARDEN_BELL");
        let mut patterns = |name| globs(&listed(env, name), Source::Variable(name), problems);
        let lock_patterns = patterns("REDWARDEN_LOCK_PATTERNS");
        let queue_patterns = patterns("REDWARDEN_QUEUE_PATTERNS");
        let theme = if env.text("NO_COLOR").is_some() {
            Some(Sited::new(Theme::Mono, Source::Variable("NO_COLOR")))
        } else {
            let name = "REDWARDEN_THEME";
            env.text(name).and_then(|t| {
                problems.check(&Source::Variable(name), super::value::choice(t, &super::THEMES))
            })
        };
        Self {
            fleet: FleetDraft { nodes, ..FleetDraft::default() },
            interval,
            timeout,
            read_only,
            lock_patterns,
            queue_patterns,
            theme,
            bell,
            log: env.path("REDWARDEN_LOG").map(|p| Sited::new(p, Source::Variable("REDWARDEN_LOG"))),
            ..Self::default()
        }
    }

    /// Names of environment variables that hold passwords of this layer's nodes.
    pub(super) fn password_variables(&self) -> impl Iterator<Item = &str> {
        self.fleet.passwords().filter_map(|source| match source {
            PasswordSource::Variable(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn listed(env: &Environment, name: &str) -> Vec<String> {
    let items = env.text(name).into_iter().flat_map(|text| text.split(','));
    items.map(str::trim).filter(|item| !item.is_empty()).map(String::from).collect()
}

fn globs(texts: &[String], source: Source, problems: &mut Problems) -> Option<Sited<Vec<String>>> {
    if texts.is_empty() {
        return None;
    }
    let mut out: Vec<String> = Vec::new();
    for good in texts.iter().filter_map(|t| problems.check(&source, glob(t))) {
        if !out.contains(&good.value) {
            out.push(good.value);
        }
    }
    Some(Sited::new(out, source))
}

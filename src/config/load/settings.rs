//! Takes each setting from the first layer that has it: flag, environment, profile, file, else the default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::group::ClusterDraft;
use crate::config::layer::{FleetDraft, Layer};
use crate::config::node::{NodeDraft, default_name};
use crate::config::problem::{Problems, Sited};
use crate::config::{
    CanaryTask, Config, Endpoint, QueueConfig, ScanConfig, Source, Topology, UiConfig, WorkerConfig,
};
use crate::domain::Rules;

/// Takes each value from the first layer that has it and notes where that was.
pub(super) struct Picker<'a> {
    /// Flags, environment, profile, file.
    pub(super) layers: [&'a Layer; 4],
    /// Source by key.
    pub(super) sources: BTreeMap<String, Source>,
}

impl<'a> Picker<'a> {
    fn find<T: 'a>(&self, get: impl Fn(&'a Layer) -> &'a Option<Sited<T>>) -> Option<&'a Sited<T>> {
        self.layers.iter().find_map(|layer| get(layer).as_ref())
    }

    fn note(&mut self, key: &str, source: Source) {
        self.sources.insert(key.into(), source);
    }

    fn optional<T: Clone + 'a>(
        &mut self,
        key: &str,
        get: impl Fn(&'a Layer) -> &'a Option<Sited<T>>,
    ) -> Option<T> {
        let found = self.find(get);
        self.note(key, found.map_or(Source::Default, |s| s.source.clone()));
        found.map(|s| s.value.clone())
    }

    fn pick<T: Clone + 'a>(
        &mut self,
        key: &str,
        default: T,
        get: impl Fn(&'a Layer) -> &'a Option<Sited<T>>,
    ) -> T {
        self.optional(key, get).unwrap_or(default)
    }

    /// The nodes that are named in one layer; without any, the usual one.
    pub(super) fn fleet(&mut self) -> FleetDraft {
        let is_cluster = self.pick("topology", false, |l| &l.is_cluster);
        let found = self.layers.iter().position(|layer| !layer.fleet.is_empty());
        let named = found.and_then(|i| self.layers.get(i)).map(|layer| layer.fleet.clone());
        let mut fleet = named.unwrap_or_else(|| {
            let endpoint = Endpoint::tcp("127.0.0.1", 6379);
            let node = NodeDraft {
                name: default_name(&endpoint),
                endpoint,
                password: None,
                group: None,
                source: Source::Default,
            };
            FleetDraft { nodes: vec![node], ..FleetDraft::default() }
        });
        // URLs by flag or variable are what these say, whatever the file says of its own list.
        let from_file = found.is_none_or(|i| i >= 2);
        if is_cluster && from_file {
            fleet.clusters.extend(ClusterDraft::from_seeds(std::mem::take(&mut fleet.nodes)));
        }
        fleet
    }
}

/// A section of the file of which each field is called the same there, in a layer and in the configuration: picked by
/// its name.
macro_rules! section {
    ($picker:ident, $default:expr, $section:ident in $key:literal { $($field:ident),* $(,)? }) => {{
        let default = $default;
        $section { $($field: $picker.pick(concat!($key, ".", stringify!($field)), default.$field, |l| &l.$field)),* }
    }};
}

/// Everything but nodes, topology and profile name.
pub(super) fn settings(picker: &mut Picker<'_>, problems: &mut Problems) -> Config {
    let default = Config::default();
    let (interval, timeout) = times(picker, &default, problems);
    let production = picker.pick("production", default.production, |l| &l.production);
    let read_only = read_only(picker, production);
    let push = picker.pick("queues.push", default.push, |l| &l.push);
    let queues = picker.optional("queues.list", |l| &l.queues).unwrap_or_default();
    let queues = queues.into_iter().map(|queue| QueueConfig {
        key: queue.key,
        node: queue.node.map(|n| n.value),
        push: queue.push.unwrap_or(push),
        exec: queue.exec,
        weight: queue.weight.unwrap_or(1),
    });
    let (scan, worker) = (default.scan, default.worker);
    Config {
        nodes: Vec::new(),
        topology: Topology::default(),
        profile: None,
        production,
        read_only,
        interval,
        timeout,
        lock_patterns: picker.pick("locks.patterns", default.lock_patterns, |l| &l.lock_patterns),
        lock_families: lock_families(picker),
        disabled_families: bare(picker.optional("locks.disabled_families", |l| &l.disabled_families)),
        queue_patterns: picker.pick("queues.patterns", default.queue_patterns, |l| &l.queue_patterns),
        queues: queues.collect(),
        push,
        queue_families: picker.pick("queue_family", default.queue_families, |l| &l.queue_families),
        queue_prefixes: picker.pick("queue_prefixes", default.queue_prefixes, |l| &l.queue_prefixes),
        canaries: canaries(picker),
        scan: ScanConfig {
            budget: picker.pick("scan.budget", scan.budget, |l| &l.scan_budget),
            max_keys: picker.pick("scan.max_keys", scan.max_keys, |l| &l.scan_max_keys),
            replicas: picker.pick("scan.replicas", scan.replicas, |l| &l.scan_replicas),
        },
        redact: picker.pick("peek.redact", default.redact, |l| &l.redact),
        worker: WorkerConfig {
            concurrency: picker.pick("worker.concurrency", worker.concurrency, |l| &l.concurrency),
            exec: picker.optional("worker.exec", |l| &l.exec),
            heartbeat_ttl: picker.pick("worker.heartbeat_ttl", worker.heartbeat_ttl, |l| &l.heartbeat_ttl),
            task_timeout: picker.optional("worker.task_timeout", |l| &l.task_timeout),
            grace: picker.pick("worker.grace", worker.grace, |l| &l.grace),
            retries: picker.pick("worker.retries", worker.retries, |l| &l.retries),
            retry_delay: picker.pick("worker.retry_delay", worker.retry_delay, |l| &l.retry_delay),
            retry_max_delay: picker
                .pick("worker.retry_max_delay", worker.retry_max_delay, |l| &l.retry_max_delay),
            rate: picker.optional("worker.rate", |l| &l.worker_rate),
            wait_replicas: picker.pick("worker.wait_replicas", worker.wait_replicas, |l| &l.wait_replicas),
        },
        rules: section!(picker, default.rules, Rules in "rules" {
            down_after, expiring_below, overdue_after, growing_above, stalled_after, rate_window,
            stale_after, memory_warning, memory_critical, clients_above, rejected_above, acl_denials_above,
            cpu_above, flapping_after, lag_above, lag_bytes_above, slowlog_above, latency_above,
            fork_above, slow_above, backup_within, skew_share, samples, cool_down,
        }),
        ui: section!(picker, default.ui, UiConfig in "ui" { theme, ascii, mouse, bell, report_span }),
        log: picker.optional("log", |l| &l.log),
        state_dir: PathBuf::new(),
        remember: true,
        warnings: Vec::new(),
        secret_variables: Vec::new(),
    }
}

/// Production is read-only unless `--write`, whatever file and environment say of `read_only`.
fn read_only(picker: &mut Picker<'_>, production: bool) -> bool {
    let by_flag = picker.layers[0].read_only.is_some();
    let value = picker.pick("read_only", false, |l| &l.read_only);
    if production && !by_flag && !value {
        picker.note("read_only", Source::Follows("production = true"));
        return true;
    }
    value
}

/// A call's deadline is shorter than the time between two looks. If only one of them is given, the other follows.
fn times(picker: &mut Picker<'_>, default: &Config, problems: &mut Problems) -> (Duration, Duration) {
    let interval = picker.find(|l| &l.interval);
    let timeout = picker.find(|l| &l.timeout);
    let mut note = |key, source: Option<Source>, follows| {
        let source = source.unwrap_or(if follows {
            Source::Follows(if key == "interval" { "timeout" } else { "interval" })
        } else {
            Source::Default
        });
        picker.note(key, source);
    };
    let values = match (interval, timeout) {
        (Some(interval), Some(timeout)) => {
            if timeout.value >= interval.value {
                let long = humantime::format_duration(timeout.value);
                let what = format!("the timeout ({long}) is not shorter than the interval");
                let remedy = format!(
                    "Raise the interval above it (it is {}, {}) or lower the timeout.",
                    humantime::format_duration(interval.value),
                    interval.source
                );
                problems.add(&timeout.source, what, remedy);
            }
            (interval.value, timeout.value)
        }
        (Some(interval), None) => (interval.value, default.timeout.min(interval.value / 2)),
        (None, Some(timeout)) => (default.interval.max(timeout.value * 2), timeout.value),
        (None, None) => (default.interval, default.timeout),
    };
    note("interval", interval.map(|s| s.source.clone()), values.0 != default.interval);
    note("timeout", timeout.map(|s| s.source.clone()), values.1 != default.timeout);
    values
}

/// The user's lock families, each with its own place.
fn lock_families(picker: &mut Picker<'_>) -> Vec<crate::family::rows::Source> {
    let rows = picker.optional("lock_family", |l| &l.lock_families);
    for (index, row) in rows.iter().flatten().enumerate() {
        picker.note(&format!("lock_family.{index}"), row.source.clone());
    }
    bare(rows)
}

/// The user's safe tasks, each with its own place.
fn canaries(picker: &mut Picker<'_>) -> Vec<CanaryTask> {
    let tasks = picker.optional("canary", |l| &l.canaries);
    for (index, task) in tasks.iter().flatten().enumerate() {
        picker.note(&format!("canary.{index}"), task.source.clone());
    }
    bare(tasks)
}

/// The values without their places.
fn bare<T>(list: Option<Vec<Sited<T>>>) -> Vec<T> {
    list.into_iter().flatten().map(|item| item.value).collect()
}

//! Puts the layers together: flag > environment > profile > file > default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::file::{self, FileLayers};
use super::group::{ClusterDraft, SentinelDraft};
use super::layer::{FleetDraft, Layer, TASK_VARIABLES, VARIABLES};
use super::node::{NodeDraft, PasswordSource, TLS_REMEDY, default_name, report_duplicates};
use super::password::{Passwords, from_file};
use super::problem::{Problems, Sited};
use super::secrets::SECRET_VARIABLES;
use super::value::{did_you_mean, nearest};
use super::{
    Cluster, Config, ConfigErrors, Endpoint, Environment, NodeConfig, QueueConfig, ScanConfig, Secret,
    Sentinel, Source, Tls, Topology, UiConfig, WorkerConfig,
};
use crate::cli::GlobalArgs;
use crate::domain::Rules;
use crate::domain::bytes::escape_text;

/// A path nothing can be written to: without a state directory each action is refused, as it cannot be recorded.
const NO_STATE_DIR: &str = "/dev/null/redwarden";

/// The configuration in force and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Source by key, such as `interval`, `ui.theme`, `nodes.NAME` or `nodes.NAME.password`.
    pub sources: BTreeMap<String, Source>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The file that would have been read if it existed.
    pub looked_for: Option<PathBuf>,
}

/// Reads everything, checks everything, and either gives a whole configuration or tells all that is wrong.
/// Runs `password_command`s, each for at most 10 s.
pub fn load(args: &GlobalArgs, env: &Environment) -> Result<Loaded, ConfigErrors> {
    let mut problems = Problems::default();
    let flags = Layer::from_flags(args, &mut problems);
    let variables = Layer::from_environment(env, &mut problems);
    for layer in [&flags, &variables] {
        report_duplicates(&layer.fleet.nodes, &mut problems);
        layer.fleet.clusters.iter().for_each(|c| report_duplicates(&c.seeds, &mut problems));
        layer.fleet.sentinels.iter().for_each(|s| report_duplicates(&s.seeds, &mut problems));
    }

    let located = file::locate(args.config.as_deref(), env);
    let text = located.as_ref().and_then(|(path, by)| file::read(path, by.as_ref(), &mut problems));
    let layers = match (&located, &text) {
        (Some((path, _)), Some(text)) => file::parse(path, text, env, &mut problems),
        _ => FileLayers::default(),
    };
    let profile = choose_profile(args, env, &layers, text.is_some(), &mut problems);
    let secret_variables = secret_variables(&layers);

    let none = Layer::default();
    let chosen = profile.as_ref().map_or(&none, |p| p.1);
    let mut picker = Picker { layers: [&flags, &variables, chosen, &layers.base], sources: BTreeMap::new() };
    let mut config = settings(&mut picker, &mut problems);
    config.profile = profile.as_ref().map(|p| p.0.value.clone());
    if let Some((name, _)) = &profile {
        picker.sources.insert("profile".into(), name.source.clone());
    }
    if config.production && args.write {
        let name = config.profile.as_deref().map_or("This configuration".into(), |p| format!("Profile {p}"));
        config.warnings.push(escape_text(&format!("{name} is production and --write allows writes.")));
    }
    config.warnings.extend(mistyped_variables(env, &secret_variables));
    config.state_dir = state_dir(env, &mut config.warnings);

    let mut fleet = picker.fleet();
    apply_tls_flags(&mut fleet, args, &mut problems);
    let mut resolver = Resolver {
        args,
        env,
        passwords: Passwords::new(env, &secret_variables),
        sources: &mut picker.sources,
        warnings: &mut config.warnings,
        problems: &mut problems,
    };
    (config.nodes, config.topology) = resolver.resolve(fleet);
    let sources = picker.sources;
    config.secret_variables = secret_variables;
    if !problems.is_empty() {
        return Err(problems.into_errors());
    }
    let (file, looked_for) = match (located, text) {
        (Some((path, _)), Some(_)) => (Some(path), None),
        (located, _) => (None, located.map(|l| l.0)),
    };
    Ok(Loaded { config, sources, file, looked_for })
}

fn choose_profile<'a>(
    args: &GlobalArgs,
    env: &Environment,
    layers: &'a FileLayers,
    has_file: bool,
    problems: &mut Problems,
) -> Option<(Sited<String>, &'a Layer)> {
    let flag = args.profile.clone().map(|name| Sited::new(name, Source::Flag("--profile")));
    let variable = || {
        let source = Source::Variable("REDWARDEN_PROFILE");
        env.text("REDWARDEN_PROFILE").map(|name| Sited::new(name.to_string(), source))
    };
    let name = flag.or_else(variable)?;
    if let Some((_, layer)) = layers.profiles.iter().find(|(known, _)| *known == name.value) {
        return Some((name, layer));
    }
    let known: Vec<&str> = layers.profiles.iter().map(|(n, _)| n.as_str()).collect();
    let remedy = match (has_file, known.is_empty()) {
        (false, _) => "There is no configuration file: `redwarden config template` prints one.".to_string(),
        (true, true) => {
            format!("The file has no profiles: write [profiles.{}].", escape_text(&name.value))
        }
        (true, false) => escape_text(&did_you_mean(&name.value, &known)),
    };
    let what = format!("there is no profile \"{}\"", escape_text(&name.value));
    problems.add(&name.source, what, remedy);
    None
}

fn secret_variables(layers: &FileLayers) -> Vec<String> {
    let mut names: Vec<String> = SECRET_VARIABLES.map(String::from).to_vec();
    let all = std::iter::once(&layers.base).chain(layers.profiles.iter().map(|(_, layer)| layer));
    for name in all.flat_map(Layer::password_variables) {
        if !names.iter().any(|n| n == name) {
            names.push(name.to_string());
        }
    }
    names
}

/// A mistyped `REDWARDEN_READONLY=1` must not pass in silence.
fn mistyped_variables(env: &Environment, also_known: &[String]) -> Vec<String> {
    let unknown = env.names().filter(|name| {
        name.starts_with("REDWARDEN_")
            && !VARIABLES.contains(name)
            && !TASK_VARIABLES.contains(name)
            && !also_known.iter().any(|known| known == name)
    });
    unknown
        .map(|name| {
            let hint = nearest(name, VARIABLES.into_iter());
            let hint = hint.map(|h| format!(" Did you mean {h}?")).unwrap_or_default();
            format!("The variable {} means nothing to redwarden.{hint}", escape_text(name))
        })
        .collect()
}

fn state_dir(env: &Environment, warnings: &mut Vec<String>) -> PathBuf {
    let base = env
        .path("XDG_STATE_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| env.path("HOME").map(|home| home.join(".local").join("state")))
        .or_else(|| env.path("LOCALAPPDATA"));
    if let Some(base) = base {
        return base.join("redwarden");
    }
    let text =
        "Neither $XDG_STATE_HOME nor $HOME is set: no audit file can be written, so actions are refused.";
    warnings.push(text.into());
    NO_STATE_DIR.into()
}

/// Takes each value from the first layer that has it and notes where that was.
struct Picker<'a> {
    layers: [&'a Layer; 4],
    sources: BTreeMap<String, Source>,
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

    fn fleet(&mut self) -> FleetDraft {
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

/// Everything but nodes, topology and profile name.
fn settings(picker: &mut Picker<'_>, problems: &mut Problems) -> Config {
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
    let (rules, scan, worker, ui) = (default.rules, default.scan, default.worker, default.ui);
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
        rules: Rules {
            down_after: picker.pick("rules.down_after", rules.down_after, |l| &l.down_after),
            expiring_below: picker.pick("rules.expiring_below", rules.expiring_below, |l| &l.expiring_below),
            overdue_after: picker.pick("rules.overdue_after", rules.overdue_after, |l| &l.overdue_after),
            growing_above: picker.pick("rules.growing_above", rules.growing_above, |l| &l.growing_above),
            stalled_after: picker.pick("rules.stalled_after", rules.stalled_after, |l| &l.stalled_after),
            rate_window: picker.pick("rules.rate_window", rules.rate_window, |l| &l.rate_window),
            stale_after: picker.pick("rules.stale_after", rules.stale_after, |l| &l.stale_after),
            memory_warning: picker.pick("rules.memory_warning", rules.memory_warning, |l| &l.memory_warning),
            memory_critical: picker
                .pick("rules.memory_critical", rules.memory_critical, |l| &l.memory_critical),
            clients_above: picker.pick("rules.clients_above", rules.clients_above, |l| &l.clients_above),
            rejected_above: picker.pick("rules.rejected_above", rules.rejected_above, |l| &l.rejected_above),
            acl_denials_above: picker
                .pick("rules.acl_denials_above", rules.acl_denials_above, |l| &l.acl_denials_above),
            cpu_above: picker.pick("rules.cpu_above", rules.cpu_above, |l| &l.cpu_above),
            flapping_after: picker.pick("rules.flapping_after", rules.flapping_after, |l| &l.flapping_after),
            lag_above: picker.pick("rules.lag_above", rules.lag_above, |l| &l.lag_above),
            lag_bytes_above: picker
                .pick("rules.lag_bytes_above", rules.lag_bytes_above, |l| &l.lag_bytes_above),
            slowlog_above: picker.pick("rules.slowlog_above", rules.slowlog_above, |l| &l.slowlog_above),
            latency_above: picker.pick("rules.latency_above", rules.latency_above, |l| &l.latency_above),
            fork_above: picker.pick("rules.fork_above", rules.fork_above, |l| &l.fork_above),
            slow_above: picker.pick("rules.slow_above", rules.slow_above, |l| &l.slow_above),
            backup_within: picker.pick("rules.backup_within", rules.backup_within, |l| &l.backup_within),
            skew_share: picker.pick("rules.skew_share", rules.skew_share, |l| &l.skew_share),
            samples: picker.pick("rules.samples", rules.samples, |l| &l.samples),
            cool_down: picker.pick("rules.cool_down", rules.cool_down, |l| &l.cool_down),
        },
        ui: UiConfig {
            theme: picker.pick("ui.theme", ui.theme, |l| &l.theme),
            ascii: picker.pick("ui.ascii", ui.ascii, |l| &l.ascii),
            mouse: picker.pick("ui.mouse", ui.mouse, |l| &l.mouse),
            bell: picker.pick("ui.bell", ui.bell, |l| &l.bell),
            report_span: picker.pick("ui.report_span", ui.report_span, |l| &l.report_span),
        },
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

/// Lays the TLS flags over each node; a node without TLS is a mistake.
fn apply_tls_flags(fleet: &mut FleetDraft, args: &GlobalArgs, problems: &mut Problems) {
    let given = [
        ("--cacert", args.ca_file.is_some()),
        ("--cert", args.cert_file.is_some()),
        ("--key", args.key_file.is_some()),
        ("--sni", args.server_name.is_some()),
        ("--insecure", args.insecure),
    ];
    let Some((first, _)) = given.into_iter().find(|(_, given)| *given) else { return };
    for node in fleet.places_mut() {
        let Some(tls) = &mut node.endpoint.tls else {
            let what = format!("the node {} does not speak TLS", node.name);
            problems.add(&Source::Flag(first), what, TLS_REMEDY);
            continue;
        };
        *tls = Tls {
            ca_file: args.ca_file.clone().or(tls.ca_file.take()),
            cert_file: args.cert_file.clone().or(tls.cert_file.take()),
            key_file: args.key_file.clone().or(tls.key_file.take()),
            server_name: args.server_name.clone().or(tls.server_name.take()),
            insecure: args.insecure || tls.insecure,
        };
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            let what = "a client certificate needs its key and the other way round";
            problems.add(&Source::Flag(first), what, "Give both --cert and --key.");
        }
    }
}

/// Completes nodes: user, password, and what must be said of them.
struct Resolver<'a> {
    args: &'a GlobalArgs,
    env: &'a Environment,
    passwords: Passwords<'a>,
    sources: &'a mut BTreeMap<String, Source>,
    warnings: &'a mut Vec<String>,
    problems: &'a mut Problems,
}

impl Resolver<'_> {
    fn resolve(&mut self, fleet: FleetDraft) -> (Vec<NodeConfig>, Topology) {
        let nodes = fleet.nodes.into_iter().map(|draft| {
            let meta = draft.meta();
            NodeConfig { meta, endpoint: self.node(draft, "nodes", true) }
        });
        let nodes = nodes.collect();
        let clusters = fleet.clusters.into_iter().map(|draft| Cluster {
            name: draft.name.map(|n| n.value).unwrap_or_default(),
            seeds: draft.seeds.into_iter().map(|seed| self.node(seed, "cluster", true)).collect(),
            addresses: draft.addresses,
            masters: draft.masters,
        });
        let mut clusters: Vec<Cluster> = clusters.collect();
        let mut unnamed = 0;
        for cluster in clusters.iter_mut().filter(|c| c.name.is_empty()) {
            unnamed += 1;
            cluster.name = if unnamed == 1 { "cluster".into() } else { format!("cluster {unnamed}") };
        }
        let sentinels = fleet.sentinels.into_iter().map(|draft| self.sentinel(draft)).collect();
        (nodes, Topology { clusters, sentinels })
    }

    fn sentinel(&mut self, draft: SentinelDraft) -> Sentinel {
        // A Sentinel has credentials of its own or none: ours are for the nodes it tells.
        let seeds: Vec<Endpoint> =
            draft.seeds.into_iter().map(|seed| self.node(seed, "sentinel", false)).collect();
        let as_seed = seeds.first().and_then(|seed| seed.tls.clone());
        let tls = match draft.node_tls {
            Some(true) => Some(as_seed.or(draft.tls).unwrap_or_default()),
            Some(false) => None,
            None => as_seed,
        };
        let whose = "the nodes of the Sentinels";
        let key = format!("sentinel.{}.nodes", seeds.first().map(default_name).unwrap_or_default());
        if let Some(tls) = &tls {
            let source = Source::Follows("sentinel.node_tls");
            self.check_tls(whose, &Endpoint { tls: Some(tls.clone()), ..Endpoint::tcp("", 0) }, &source);
        }
        let password = match draft.password {
            Some(from) if self.args.password_file.is_none() => self.fetch(whose, &from),
            _ => self.general_password(whose),
        };
        if let Some(password) = &password {
            self.sources.insert(format!("{key}.password"), password.source.clone());
        }
        let username = match &self.args.user {
            Some(user) => Some(Sited::new(user.clone(), Source::Flag("--user"))),
            None => draft.username,
        };
        if let Some(user) = &username {
            self.sources.insert(format!("{key}.username"), user.source.clone());
        }
        Sentinel {
            name: draft.name.map(|n| n.value),
            seeds,
            master_names: draft.master_names,
            username: username.map(|u| u.value),
            password: password.map(|p| p.value),
            tls,
            addresses: draft.addresses,
        }
    }

    fn node(&mut self, draft: NodeDraft, list: &str, takes_ours: bool) -> Endpoint {
        let NodeDraft { name, mut endpoint, password, source, .. } = draft;
        let key = format!("{list}.{name}");
        self.sources.insert(key.clone(), source.clone());
        self.check_tls(&name, &endpoint, &source);
        let by_flag = matches!(source, Source::Flag(_));
        if by_flag && endpoint.password.is_some() {
            self.warnings.push(format!(
                "The password in the URL of {name} can be read in the process list: use REDISCLI_AUTH, \
                 --password-file or the configuration file."
            ));
        }
        if takes_ours && !(by_flag && endpoint.username.is_some()) && self.args.user.is_some() {
            endpoint.username.clone_from(&self.args.user);
            self.sources.insert(format!("{key}.username"), Source::Flag("--user"));
        }
        let flag_file = self.args.password_file.is_some() && takes_ours;
        let found = if flag_file && !(by_flag && endpoint.password.is_some()) {
            self.general_password(&name)
        } else if let Some(password) = endpoint.password.take() {
            Some(Sited::new(password, source.clone()))
        } else if let Some(from) = password {
            self.fetch(&name, &from)
        } else if takes_ours {
            self.general_password(&name)
        } else {
            None
        };
        if let Some(found) = found {
            self.sources.insert(format!("{key}.password"), found.source);
            endpoint.password = Some(found.value);
        } else if let Some(user) = &endpoint.username {
            self.warnings.push(format!(
                "The node {name} has a user ({}) and no password: it is used without logging in.",
                escape_text(user)
            ));
        }
        endpoint
    }

    fn fetch(&mut self, name: &str, from: &Sited<PasswordSource>) -> Option<Sited<Secret>> {
        // Nobody waits for a command whose result is of no use.
        if matches!(from.value, PasswordSource::Command(_)) && !self.problems.is_empty() {
            return None;
        }
        let result = self.passwords.fetch(name, &from.value);
        self.problems.check(&from.source, result)
    }

    /// `--password-file`, else the environment: for nodes without a password of their own.
    fn general_password(&mut self, name: &str) -> Option<Sited<Secret>> {
        if let Some(path) = &self.args.password_file {
            return self.problems.check(&Source::Flag("--password-file"), from_file(name, path));
        }
        ["REDWARDEN_PASSWORD", "REDISCLI_AUTH"].into_iter().find_map(|variable| {
            self.env.text(variable).map(|p| Sited::new(Secret::new(p), Source::Variable(variable)))
        })
    }

    fn check_tls(&mut self, name: &str, endpoint: &Endpoint, source: &Source) {
        let Some(tls) = &endpoint.tls else { return };
        if tls.insecure {
            self.warnings.push(format!(
                "INSECURE: the certificate of {name} is not verified; whoever is on the path can read the password \
                 and forge answers."
            ));
        }
        for path in [&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten() {
            if let Err(e) = std::fs::File::open(path) {
                let path = escape_text(&path.to_string_lossy());
                let what = format!("the TLS file {path} of the node {name} cannot be read ({e})");
                self.problems.add(source, what, "Check its path and permissions.");
            }
        }
    }
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
fn canaries(picker: &mut Picker<'_>) -> Vec<super::CanaryTask> {
    let tasks = picker.optional("canary", |l| &l.canaries);
    for (index, task) in tasks.iter().flatten().enumerate() {
        picker.note(&format!("canary.{index}"), task.source.clone());
    }
    bare(tasks)
}

/// The values without their places.
fn bare<T>(list: Option<Vec<super::problem::Sited<T>>>) -> Vec<T> {
    list.into_iter().flatten().map(|item| item.value).collect()
}

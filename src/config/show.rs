//! `config show`: the effective configuration with the source of each value, secrets masked.

use std::fmt::Write as _;
use std::time::Duration;

use super::{AddressMap, Config, Endpoint, Liveness, Loaded, QueueSchema, QueueType, Source, Theme, url};
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;

/// Column at which the sources start, where the value leaves room.
const COLUMN: usize = 44;

/// The configuration in the words of the file, each line with its source as a comment.
pub fn show(loaded: &Loaded) -> String {
    let mut page = Page { loaded, text: String::new() };
    page.head();
    page.settings(&loaded.config);
    page.nodes();
    page.text
}

struct Page<'a> {
    loaded: &'a Loaded,
    text: String,
}

impl Page<'_> {
    fn head(&mut self) {
        let loaded = self.loaded;
        let file = match (&loaded.file, &loaded.looked_for) {
            (Some(path), _) => escape_text(&path.to_string_lossy()),
            (None, Some(path)) => format!("none ({} does not exist)", escape_text(&path.to_string_lossy())),
            (None, None) => "none".into(),
        };
        let _ = writeln!(self.text, "# configuration file: {file}");
        let state = escape_text(&loaded.config.state_dir.to_string_lossy());
        let _ = writeln!(self.text, "# state directory: {state}");
        let hidden = loaded.config.secret_variables.join(", ");
        let _ = writeln!(self.text, "# hidden from child processes: {}", escape_text(&hidden));
        for warning in &loaded.config.warnings {
            let _ = writeln!(self.text, "# WARNING: {warning}");
        }
        self.text.push('\n');
    }

    fn queue_family(&mut self, family: &QueueSchema) {
        self.title("[[queue_family]]");
        let mut line = |key: &str, text: &str| self.line(key, "queue_family", &quoted(text));
        line("id", &family.id);
        line("queue", &family.queue.text("{name}"));
        line("type", family.kind.word());
        if family.kind == QueueType::List {
            line("push", if family.push == PushEnd::Left { "left" } else { "right" });
        }
        let units = [(1, "s"), (1000, "ms"), (1_000_000, "us"), (1_000_000_000, "ns")];
        if let Some((_, unit)) = units.iter().find(|(n, _)| Some(*n) == family.per_second) {
            line("scores", unit);
        }
        if let Some(registry) = &family.registry {
            line("registry", registry);
        }
        let beside = [
            ("processing", &family.processing),
            ("delayed", &family.delayed),
            ("retry", &family.retry),
            ("failed", &family.failed),
            ("completed", &family.completed),
            ("paused", &family.paused),
        ];
        for (key, template) in beside {
            if let Some(template) = template {
                line(key, &template.text("{name}"));
            }
        }
        match &family.workers {
            Some(Liveness::Keys { registry, heartbeat }) => {
                line("workers", registry);
                line("heartbeat", &heartbeat.text("{worker}"));
            }
            Some(Liveness::Scores { registry, alive_for }) => {
                line("workers", registry);
                line("alive_for", &humantime::format_duration(*alive_for).to_string());
            }
            None => {}
        }
    }

    fn settings(&mut self, c: &Config) {
        if let Some(profile) = &c.profile {
            self.line("profile", "profile", &quoted(profile));
        }
        self.line("production", "production", &c.production.to_string());
        self.line("read_only", "read_only", &c.read_only.to_string());
        self.line("interval", "interval", &time(c.interval));
        self.line("timeout", "timeout", &time(c.timeout));
        self.optional("log", "log", c.log.as_ref().map(|p| p.to_string_lossy().into_owned()).as_deref());
        self.title("[locks]");
        self.line("patterns", "locks.patterns", &list(&c.lock_patterns));
        self.line("disabled_families", "locks.disabled_families", &list(&c.disabled_families));
        for (index, family) in c.lock_families.iter().enumerate() {
            self.title("[[lock_family]]");
            for (name, value) in super::families::shown(family) {
                self.line(name, &format!("lock_family.{index}"), &value);
            }
        }
        self.title("[queues]");
        self.line("patterns", "queues.patterns", &list(&c.queue_patterns));
        self.line("push", "queues.push", end(c.push));
        for queue in &c.queues {
            self.title("[[queues.list]]");
            self.line("key", "queues.list", &quoted(&queue.key));
            if let Some(node) = &queue.node {
                self.line("node", "queues.list", &quoted(node));
            }
            self.line("push", "queues.list", end(queue.push));
            if queue.weight != 1 {
                self.line("weight", "queues.list", &queue.weight.to_string());
            }
            if let Some(exec) = &queue.exec {
                self.line("exec", "queues.list", &quoted(exec));
            }
        }
        for family in &c.queue_families {
            self.queue_family(family);
        }
        if !c.queue_prefixes.is_empty() {
            self.title("[queue_prefixes]");
            for (id, prefixes) in &c.queue_prefixes {
                self.line(id, "queue_prefixes", &list(prefixes));
            }
        }
        for (index, task) in c.canaries.iter().enumerate() {
            self.title("[[canary]]");
            let key = format!("canary.{index}");
            let parts = [
                ("family", Some(task.family.clone())),
                ("queue", task.queue.clone()),
                ("task", task.task.clone()),
                ("args", task.args.as_ref().map(ToString::to_string)),
                ("payload", task.payload.as_ref().map(|payload| payload.text("{id}"))),
            ];
            for (name, value) in parts {
                if let Some(value) = value {
                    self.line(name, &key, &quoted(&value));
                }
            }
        }
        self.title("[peek]");
        self.line("redact", "peek.redact", &list(&c.redact));
        self.title("[worker]");
        self.line("concurrency", "worker.concurrency", &c.worker.concurrency.to_string());
        self.optional("exec", "worker.exec", c.worker.exec.as_deref());
        let worker = &c.worker;
        self.line("heartbeat_ttl", "worker.heartbeat_ttl", &time(worker.heartbeat_ttl));
        if let Some(limit) = worker.task_timeout {
            self.line("task_timeout", "worker.task_timeout", &time(limit));
        }
        self.line("grace", "worker.grace", &time(worker.grace));
        self.line("retries", "worker.retries", &worker.retries.to_string());
        self.line("retry_delay", "worker.retry_delay", &time(worker.retry_delay));
        self.line("retry_max_delay", "worker.retry_max_delay", &time(worker.retry_max_delay));
        if let Some(rate) = worker.rate {
            self.line("rate", "worker.rate", &rate.to_string());
        }
        self.line("wait_replicas", "worker.wait_replicas", &worker.wait_replicas.to_string());
        self.title("[rules]");
        self.line("down_after", "rules.down_after", &c.rules.down_after.to_string());
        self.line("expiring_below", "rules.expiring_below", &time(c.rules.expiring_below));
        self.line("overdue_after", "rules.overdue_after", &time(c.rules.overdue_after));
        self.line("growing_above", "rules.growing_above", &c.rules.growing_above.to_string());
        self.line("stalled_after", "rules.stalled_after", &time(c.rules.stalled_after));
        self.line("rate_window", "rules.rate_window", &time(c.rules.rate_window));
        self.line("stale_after", "rules.stale_after", &time(c.rules.stale_after));
        self.line("memory_warning", "rules.memory_warning", &c.rules.memory_warning.to_string());
        self.line("memory_critical", "rules.memory_critical", &c.rules.memory_critical.to_string());
        self.line("clients_above", "rules.clients_above", &c.rules.clients_above.to_string());
        self.line("rejected_above", "rules.rejected_above", &c.rules.rejected_above.to_string());
        self.line("acl_denials_above", "rules.acl_denials_above", &c.rules.acl_denials_above.to_string());
        self.line("cpu_above", "rules.cpu_above", &c.rules.cpu_above.to_string());
        self.line("flapping_after", "rules.flapping_after", &c.rules.flapping_after.to_string());
        self.line("lag_above", "rules.lag_above", &time(c.rules.lag_above));
        self.line("lag_bytes_above", "rules.lag_bytes_above", &c.rules.lag_bytes_above.to_string());
        self.line("slowlog_above", "rules.slowlog_above", &c.rules.slowlog_above.to_string());
        self.line("latency_above", "rules.latency_above", &time(c.rules.latency_above));
        self.line("fork_above", "rules.fork_above", &time(c.rules.fork_above));
        self.line("slow_above", "rules.slow_above", &time(c.rules.slow_above));
        self.line("backup_within", "rules.backup_within", &time(c.rules.backup_within));
        self.line("skew_share", "rules.skew_share", &c.rules.skew_share.to_string());
        self.line("samples", "rules.samples", &c.rules.samples.to_string());
        self.line("cool_down", "rules.cool_down", &time(c.rules.cool_down));
        self.title("[scan]");
        self.line("budget", "scan.budget", &c.scan.budget.to_string());
        self.line("max_keys", "scan.max_keys", &c.scan.max_keys.to_string());
        self.line("replicas", "scan.replicas", &c.scan.replicas.to_string());
        self.title("[ui]");
        let theme = match c.ui.theme {
            Theme::Dark => "\"dark\"",
            Theme::Light => "\"light\"",
            Theme::Mono => "\"mono\"",
        };
        self.line("theme", "ui.theme", theme);
        self.line("ascii", "ui.ascii", &c.ui.ascii.to_string());
        self.line("mouse", "ui.mouse", &c.ui.mouse.to_string());
        self.line("bell", "ui.bell", &c.ui.bell.to_string());
        self.line("report_span", "ui.report_span", &time(c.ui.report_span));
    }

    fn nodes(&mut self) {
        let config = &self.loaded.config;
        for node in &config.nodes {
            self.title("[[nodes]]");
            let key = format!("nodes.{}", node.meta.id);
            self.line("name", &key, &quoted(node.meta.id.as_str()));
            if let Some(group) = &node.meta.group {
                self.line("group", &key, &quoted(group.as_str()));
            }
            self.endpoint(&key, &node.endpoint);
        }
        for cluster in &config.topology.clusters {
            self.title("[[cluster]]");
            let _ = writeln!(self.text, "name = {}", quoted(&cluster.name));
            if let Some(masters) = cluster.masters {
                let _ = writeln!(self.text, "masters = {masters}");
            }
            self.addresses(&cluster.addresses);
            for seed in &cluster.seeds {
                self.endpoint(&format!("cluster.{}", super::node::default_name(seed)), seed);
            }
        }
        for sentinel in &config.topology.sentinels {
            self.title("[[sentinel]]");
            if let Some(name) = &sentinel.name {
                let _ = writeln!(self.text, "name = {}", quoted(name));
            }
            if !sentinel.master_names.is_empty() {
                let _ = writeln!(self.text, "master_name = {}", list(&sentinel.master_names));
            }
            self.addresses(&sentinel.addresses);
            for seed in &sentinel.seeds {
                self.endpoint(&format!("sentinel.{}", super::node::default_name(seed)), seed);
            }
            let first = sentinel.seeds.first().map(super::node::default_name).unwrap_or_default();
            let _ = writeln!(self.text, "node_tls = {}", sentinel.tls.is_some());
            if let Some(user) = &sentinel.username {
                self.line("# user of the nodes", &format!("sentinel.{first}.nodes.username"), &quoted(user));
            }
            if sentinel.password.is_some() {
                self.line("# password of the nodes", &format!("sentinel.{first}.nodes.password"), "\"***\"");
            }
        }
    }

    fn addresses(&mut self, map: &AddressMap) {
        for (from, to) in map.rules() {
            let _ = writeln!(self.text, "address_map.{} = {}", quoted(&from), quoted(&to));
        }
    }

    fn endpoint(&mut self, key: &str, endpoint: &Endpoint) {
        self.line("url", key, &quoted(&url::shown(endpoint)));
        if endpoint.password.is_some() {
            self.line("password", &format!("{key}.password"), "\"***\"");
        }
        let Some(tls) = &endpoint.tls else { return };
        for (name, path) in
            [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("key_file", &tls.key_file)]
        {
            if let Some(path) = path {
                self.line(&format!("tls.{name}"), key, &quoted(&path.to_string_lossy()));
            }
        }
        if let Some(name) = &tls.server_name {
            self.line("tls.server_name", key, &quoted(name));
        }
        if tls.insecure {
            self.line("tls.insecure", key, "true");
        }
    }

    fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    fn optional(&mut self, name: &str, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.line(name, key, &quoted(value)),
            None => {
                let _ = writeln!(self.text, "{:COLUMN$} # default", format!("# {name} is not set"));
            }
        }
    }

    fn line(&mut self, name: &str, key: &str, value: &str) {
        let source = self.loaded.sources.get(key).unwrap_or(&Source::Default);
        let source = match source {
            // The whole path stands in the head.
            Source::File { path, line, .. } => {
                let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                format!("{}:{line}", escape_text(&file))
            }
            other => other.to_string(),
        };
        let _ = writeln!(self.text, "{:COLUMN$} # {source}", format!("{name} = {value}"));
    }
}

fn time(value: Duration) -> String {
    format!("\"{}\"", humantime::format_duration(value))
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escape_text(text).replace('"', "\\\""))
}

pub(super) fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|i| quoted(i)).collect::<Vec<_>>().join(", "))
}

fn end(push: PushEnd) -> &'static str {
    match push {
        PushEnd::Left => "\"left\"",
        PushEnd::Right => "\"right\"",
    }
}

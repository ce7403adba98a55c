//! The README says what the program does: its tables are compared with the program's own lists.

use redwarden::app::command::{COMMANDS, Danger};
use redwarden::domain::node::Reason;

const README: &str = include_str!("../../README.md");

/// The table as it must stand in the README.
fn key_table() -> String {
    let mut table = String::from("| Keys | Name after `:` | What it does | Where |\n|---|---|---|---|\n");
    for entry in COMMANDS {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
        let places: Vec<&str> = entry.panels.iter().map(|panel| panel.name()).collect();
        let places = if places.is_empty() { "everywhere".into() } else { places.join(", ") };
        let writes = if entry.danger == Danger::Writes { " (writes)" } else { "" };
        let line = format!("| {} | {} | {}{writes} | {places} |\n", keys.join(" "), entry.name, entry.help);
        table.push_str(&line);
    }
    table
}

#[test]
fn the_key_table_equals_the_registry() {
    let table = key_table();
    let start = README.find("<!-- keys:").unwrap();
    let start = start + README[start..].find("-->\n").unwrap() + 4;
    let end = README.find("<!-- end of keys -->").unwrap();
    assert_eq!(README[start..end].trim(), table.trim(), "put this table into the README:\n{table}");
}

#[test]
fn every_reason_is_listed() {
    // An exhaustive match, so that a new reason is not forgotten.
    let next = |reason: Reason| match reason {
        Reason::Refused => Some(Reason::ConnectTimeout),
        Reason::ConnectTimeout => Some(Reason::Timeout),
        Reason::Timeout => Some(Reason::Slow),
        Reason::Slow => Some(Reason::Dns),
        Reason::Dns => Some(Reason::Unreachable),
        Reason::Unreachable => Some(Reason::Reset),
        Reason::Reset => Some(Reason::Tls),
        Reason::Tls => Some(Reason::Noauth),
        Reason::Noauth => Some(Reason::Wrongpass),
        Reason::Wrongpass => Some(Reason::Noperm),
        Reason::Noperm => Some(Reason::Loading),
        Reason::Loading => Some(Reason::Masterdown),
        Reason::Masterdown => Some(Reason::Clusterdown),
        Reason::Clusterdown => Some(Reason::Misconf),
        Reason::Misconf => Some(Reason::MaxClients),
        Reason::MaxClients => Some(Reason::ProtectedMode),
        Reason::ProtectedMode => Some(Reason::Busy),
        Reason::Busy => Some(Reason::NotRedis),
        Reason::NotRedis => Some(Reason::Other),
        Reason::Other => Some(Reason::Connecting),
        Reason::Connecting => None,
    };
    for reason in std::iter::successors(Some(Reason::Refused), |r| next(*r)) {
        assert!(README.contains(&format!("`{}`", reason.code())), "{} is missing", reason.code());
    }
}

/// Text of the code blocks of that language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Words of a command line, with quotes taken off and its comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

#[test]
fn every_command_line_is_understood() {
    let lines: Vec<&str> = blocks("sh")
        .into_iter()
        .flat_map(str::lines)
        .filter(|l| l.starts_with("redwarden ") || *l == "redwarden")
        .collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let words = words(line).into_iter().map(std::ffi::OsString::from);
        if let Err(error) = redwarden::cli::parse(words) {
            panic!("{line}\n{error}");
        }
    }
}

#[test]
fn the_configuration_example_is_valid() {
    let home = tempfile::tempdir().unwrap();
    let password = home.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let text = blocks("toml")[0]
        .replace("/run/secrets/redis", password.to_str().unwrap())
        .replace("pass show redis/orders", "echo secret");
    let file = home.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let env = redwarden::config::Environment::from_iter([("HOME", home.path().as_os_str())]);
    for profile in [None, Some("production".to_string())] {
        let args = redwarden::cli::GlobalArgs {
            config: Some(file.clone()),
            profile: profile.clone(),
            ..redwarden::cli::GlobalArgs::default()
        };
        let loaded = redwarden::config::load(&args, &env).unwrap_or_else(|e| panic!("{profile:?}: {e}"));
        assert_eq!(loaded.config.nodes.len(), 1);
        assert_eq!(loaded.config.read_only, profile.is_some());
        assert!(loaded.config.nodes[0].endpoint.password.is_some());
    }
}

#[test]
fn its_json_example_has_every_field() {
    let example: serde_json::Value = serde_json::from_str(blocks("json")[0]).unwrap();
    let fields =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(
        fields(&example),
        ["fleet", "groups", "locks", "nodes", "queues", "quorums", "schema", "taken_at"]
    );
    // The contract, and `rate_source`, which was added to it. What the program prints is compared in tests/headless.
    let nodes = "address blocked_clients clients config config_hazards connected_clients engine features findings group input_kib_per_sec keyspace last_fork_us latency_events maxmemory_bytes name ops_per_sec output_kib_per_sec reason replication role rtt_us since slowlog state uptime_s used_memory_bytes used_memory_peak_bytes version watching";
    let locks = "age_ms db family family_candidates findings holder holder_evidence holder_state key node stale_reasons stale_score state token ttl_ms type usual waiters";
    let queues = "db eta_s failed family findings in_flight in_rate key name net_rate node oldest_age_ms out_rate paused rate_source retry scheduled waiting workers";
    let quorums = "findings group key nodes state token ttl_spread_ms voters votes";
    for (list, expected) in [("nodes", nodes), ("locks", locks), ("queues", queues), ("quorums", quorums)] {
        let mut found = fields(&example[list][0]);
        found.sort();
        assert_eq!(found.join(" "), expected, "{list}");
    }
}

//! Flag > environment > profile > file > default.

use std::path::PathBuf;
use std::time::Duration;

use redwarden::config::{Config, Source, Theme};

use crate::support::{Case, names};

const FILE: &str = r#"
interval = "4s"
timeout = "40ms"
[locks]
patterns = ["file:*"]
[queues]
patterns = ["fileq:*"]
[ui]
theme = "light"
[[nodes]]
url = "redis://file"
[profiles.p]
interval = "3s"
[profiles.p.locks]
patterns = ["profile:*"]
[profiles.p.queues]
patterns = ["profileq:*"]
[profiles.p.ui]
theme = "mono"
[[profiles.p.nodes]]
url = "redis://profile"
[profiles.bare]
"#;

fn seconds(config: &Config) -> u64 {
    config.interval.as_secs()
}

#[test]
fn each_layer_beats_the_ones_below() {
    let file = Case::new(FILE);
    let env = Case::new(FILE)
        .env("REDWARDEN_INTERVAL", "2s")
        .env("REDWARDEN_LOCK_PATTERNS", "env:*, env2:*")
        .env("REDWARDEN_QUEUE_PATTERNS", "envq:*")
        .env("REDWARDEN_URLS", "redis://env, redis://env2")
        .env("REDWARDEN_PROFILE", "p")
        .env("REDWARDEN_THEME", "dark");
    let flags = "--interval 1s --lock-pattern flag:* --queue-pattern flagq:* -u redis://flag --theme light";
    for (case, line, interval, lock, queue, node, theme) in [
        (&Case::new(""), "", 1, "lock:*", "queue:*", "127.0.0.1:6379", Theme::Dark),
        (&file, "", 4, "file:*", "fileq:*", "file:6379", Theme::Light),
        (&file, "--profile bare", 4, "file:*", "fileq:*", "file:6379", Theme::Light),
        (&file, "--profile p", 3, "profile:*", "profileq:*", "profile:6379", Theme::Mono),
        (&env, "", 2, "env:*", "envq:*", "env:6379", Theme::Dark),
        (&env, flags, 1, "flag:*", "flagq:*", "flag:6379", Theme::Light),
    ] {
        let config = case.config(line);
        assert_eq!(
            (seconds(&config), &*config.lock_patterns[0], &*config.queue_patterns[0], names(&config)[0]),
            (interval, lock, queue, node),
            "{line}"
        );
        assert_eq!(config.ui.theme, theme, "{line}");
    }
    let config = env.config("");
    assert_eq!(config.lock_patterns, ["env:*", "env2:*"]);
    assert_eq!(names(&config), ["env:6379", "env2:6379"]);
    assert_eq!(config.profile.as_deref(), Some("p"));
    assert_eq!(config.timeout, Duration::from_millis(40), "what a layer does not say comes from below");
    assert_eq!(env.config("--profile bare").profile.as_deref(), Some("bare"));
}

#[test]
fn where_the_file_is_looked_for() {
    let case = Case::new("interval = \"2s\"");
    case.write("flag.toml", "interval = \"9s\"");
    case.write("env.toml", "interval = \"8s\"");
    assert_eq!(seconds(&case.config("")), 2);
    assert_eq!(seconds(&case.config("--config DIR/flag.toml")), 9);
    assert_eq!(case.load("").file, Some(case.dir.path().join("redwarden/config.toml")));
    let env_file = case.dir.path().join("env.toml");
    let case = case.env("REDWARDEN_CONFIG", env_file.to_str().unwrap());
    assert_eq!(seconds(&case.config("")), 8);
    assert_eq!(seconds(&case.config("--config DIR/flag.toml")), 9);

    let case = Case::new("").env("XDG_CONFIG_HOME", "relative/is/ignored");
    case.write(".config/redwarden/config.toml", "interval = \"7s\"");
    assert_eq!(seconds(&case.config("")), 7);
    let none = Case::new("").load("");
    assert_eq!((none.file.is_none(), none.looked_for.is_some()), (true, true));
}

#[test]
fn read_only_write_and_production() {
    let file = "[profiles.prod]\nproduction = true\n[profiles.ro]\nread_only = true\n[profiles.rw]\n\
                read_only = false\n[profiles.both]\nproduction = true\nread_only = false\n";
    let ro_file = format!("read_only = true\n{file}");
    for (file, variable, line, read_only) in [
        (file, "", "", false),
        (file, "", "--read-only", true),
        (file, "", "--write", false),
        (file, "1", "", true),
        (file, "yes", "--write", false),
        (file, "0", "--read-only", true),
        (file, "", "--profile prod", true),
        (file, "0", "--profile prod", true),
        (file, "", "--profile prod --write", false),
        (file, "", "--profile both", true),
        (file, "", "--profile ro", true),
        (file, "off", "--profile ro", false),
        (file, "", "--profile ro --write", false),
        (&ro_file, "", "", true),
        (&ro_file, "", "--profile rw", false),
        (&ro_file, "", "--profile prod", true),
    ] {
        let config = Case::new(file).env("REDWARDEN_READ_ONLY", variable).config(line);
        assert_eq!(config.read_only, read_only, "{line} {variable}");
        assert_eq!(config.production, line.contains("prod") || line.contains("both"), "{line}");
    }
    let warnings = Case::new(file).config("--profile prod --write").warnings;
    assert!(warnings[0].contains("production"), "{warnings:?}");
}

#[test]
fn interval_and_timeout_follow_each_other() {
    for (line, interval, timeout) in [
        ("", 1000, 500),
        ("--interval 200ms", 200, 100),
        ("--interval 5s", 5000, 500),
        ("--timeout 3s", 6000, 3000),
        ("--timeout 100ms", 1000, 100),
        ("--timeout 2s --interval 3s", 3000, 2000),
    ] {
        let config = Case::new("").config(line);
        let wanted = (Duration::from_millis(interval), Duration::from_millis(timeout));
        assert_eq!((config.interval, config.timeout), wanted, "{line}");
    }
    let loaded = Case::new("").load("--timeout 3s");
    assert_eq!(loaded.sources["interval"], Source::Follows("timeout"));
}

#[test]
fn no_color_beats_all_but_the_flag() {
    let case = |value| Case::new("[ui]\ntheme = \"light\"").env("NO_COLOR", value);
    assert_eq!(case("1").config("").ui.theme, Theme::Mono);
    assert_eq!(case("1").config("--theme dark").ui.theme, Theme::Dark);
    assert_eq!(case("").config("").ui.theme, Theme::Light, "an empty NO_COLOR says nothing");
}

#[test]
fn everything_the_file_can_say_arrives() {
    let case = Case::new(
        r#"
        log = "log/x.log"
        [queues]
        push = "right"
        [[queues.list]]
        key = "mail"
        exec = "send"
        [[queues.list]]
        key = "mail"
        node = "h:6379"
        push = "left"
        [worker]
        concurrency = 8
        exec = "run"
        heartbeat_ttl = "20s"
        [rules]
        down_after = 5
        expiring_below = "1s"
        overdue_after = "1h"
        growing_above = 2
        stalled_after = "1m"
        rate_window = "20s"
        stale_after = "15s"
        [scan]
        budget = 0.02
        max_keys = 1_000
        [ui]
        ascii = true
        mouse = false
        bell = true
        [[nodes]]
        url = "redis://h"
        "#,
    );
    let c = case.config("");
    assert_eq!(c.log, Some(case.dir.path().join("redwarden/log/x.log")), "relative to the file");
    let queues: Vec<_> = c.queues.iter().map(|q| format!("{:?} {:?} {:?}", q.push, q.node, q.exec)).collect();
    assert_eq!(queues, ["Right None Some(\"send\")", "Left Some(\"h:6379\") None"]);
    assert_eq!((c.worker.concurrency, c.worker.heartbeat_ttl.as_secs()), (8, 20));
    assert_eq!((c.rules.down_after, c.rules.growing_above), (5, 2.0));
    assert_eq!(c.rules.overdue_after, Duration::from_secs(3600));
    assert_eq!((c.scan.budget, c.scan.max_keys), (0.02, 1000));
    assert_eq!((c.ui.ascii, c.ui.mouse, c.ui.bell), (true, false, true));
    let c = Case::new("[ui]\nmouse = true").config("--no-mouse --ascii --bell --log here.log");
    assert_eq!((c.ui.ascii, c.ui.mouse, c.ui.bell), (true, false, true));
    assert!(!c.scan.replicas && Case::new("[scan]\nreplicas = true").config("").scan.replicas);
    assert!(Case::new("[scan]\nreplicas = false").config("--scan-replicas").scan.replicas);
    assert_eq!(c.log, Some(PathBuf::from("here.log")), "a flag's path is as it stands");
}

#[test]
fn state_directory() {
    let home = Case::new("");
    assert_eq!(home.config("").state_dir, home.dir.path().join(".local/state/redwarden"));
    let xdg = Case::new("").env("XDG_STATE_HOME", "/state");
    assert_eq!(xdg.config("").state_dir, PathBuf::from("/state/redwarden"));
    let none = Case::new("").env("HOME", "").config("");
    assert!(none.warnings.iter().any(|w| w.contains("XDG_STATE_HOME")), "{:?}", none.warnings);
    assert!(none.state_dir.starts_with("/dev/null"), "nothing can be written there");
}

#[test]
fn mistyped_variables_are_told() {
    let config = Case::new("").env("REDWARDEN_READONLY", "1").env("REDWARDEN_SERVER", "x").config("");
    assert_eq!(
        config.warnings,
        ["The variable REDWARDEN_READONLY means nothing to redwarden. Did you mean REDWARDEN_READ_ONLY?"]
    );
}

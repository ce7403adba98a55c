//! The shipped file says what the program does, and `config show` tells where values come from.

use redwarden::config::{Config, Source, TEMPLATE, show};

use crate::support::{Case, names};

/// The template with its examples switched on.
fn uncommented() -> String {
    let lines = TEMPLATE.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if example.starts_with(|c: char| !c.is_whitespace()) => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_equals_the_defaults() {
    let with_file = Case::new(TEMPLATE);
    let loaded = with_file.load("");
    let without = Case::new("").config("");
    assert_eq!(Config { state_dir: without.state_dir.clone(), ..loaded.config.clone() }, without);
    let default = Config::default();
    assert_eq!(
        Config { nodes: Vec::new(), state_dir: default.state_dir.clone(), ..without },
        default,
        "and what is in force without a file are the defaults plus one node"
    );
    assert_eq!(names(&loaded.config), ["127.0.0.1:6379"]);
    // Every value with a default is in the file, so that the comparison above means something.
    for (key, source) in &loaded.sources {
        let from_file = matches!(source, Source::File { .. });
        let has_no_default = [
            "log",
            "worker.exec",
            "worker.task_timeout",
            "worker.rate",
            "queues.list",
            "lock_family",
            "queue_family",
            "queue_prefixes",
            "nodes.127.0.0.1:6379",
        ]
        .contains(&&**key);
        assert_eq!(from_file, !has_no_default, "{key}");
    }
}

#[test]
fn the_examples_in_the_template_are_valid() {
    let case = Case::new(&uncommented()).env("CACHE_PASSWORD", "a").env("ORDERS_PASSWORD", "b");
    for file in ["ca.pem", "client.pem", "client.key"] {
        case.write(&format!("redwarden/{file}"), "");
    }
    let config = case.config("");
    assert_eq!(names(&config), ["cache-1"]);
    assert_eq!(config.queues.len(), 1);
    assert_eq!(config.lock_families.len(), 3);
    assert_eq!(config.worker.exec.as_deref(), Some("run-task"));
    assert_eq!(
        (config.worker.rate, config.worker.task_timeout.map(|t| t.as_secs())),
        (Some(100.0), Some(300))
    );
    assert_eq!(config.queues[0].weight, 1);
    assert_eq!(config.queue_families.len(), 1);
    assert_eq!(config.queue_prefixes["bullmq"], ["shop", "billing"]);
    let shown = show(&case.load(""));
    for line in [
        "queue = \"orders:{name}:todo\"",
        "heartbeat = \"orders:worker:{worker}:alive\"",
        "scores = \"s\"",
        "bullmq = [\"shop\", \"billing\"]",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(config.log, Some(case.dir.path().join("redwarden.log")));
    let (cluster, sentinel) = (&config.topology.clusters[0], &config.topology.sentinels[0]);
    assert_eq!((cluster.name.as_str(), cluster.masters), ("sessions", Some(3)));
    assert_eq!(cluster.addresses.reached("10.0.0.5", 6379), Some(("127.0.0.1".into(), 7001)));
    assert_eq!(
        (sentinel.name.as_deref(), &*sentinel.master_names),
        (Some("orders"), &["mymaster".into()][..])
    );
    assert!(sentinel.tls.is_some() && sentinel.seeds[0].tls.is_none());
    let prod = case.config("--profile prod");
    assert_eq!((names(&prod), prod.production, prod.read_only), (vec!["orders"], true, true));
    assert!(prod.secret_variables.iter().any(|v| v == "CACHE_PASSWORD"), "also of nodes that are not used");
}

#[test]
fn every_known_key_is_in_the_template() {
    // An unknown key's error lists what is known there; all of that must be documented.
    let section = |name: &str, head: &str| {
        let errors = Case::new(&format!("{head}\nzzzzzz = 1\n")).errors("");
        let error = errors.iter().find(|e| e.contains("not known")).unwrap().clone();
        let known = error.split_once("Known here: ").unwrap_or_else(|| panic!("{name}: {error}")).1;
        known.trim_end_matches('.').split(", ").map(String::from).collect::<Vec<_>>()
    };
    let text = uncommented();
    for (name, head) in [
        ("root", ""),
        ("locks", "[locks]"),
        ("lock_family", "[[lock_family]]"),
        ("queues", "[queues]"),
        ("queue", "[[queues.list]]"),
        ("family", "[[queue_family]]"),
        ("worker", "[worker]"),
        ("rules", "[rules]"),
        ("scan", "[scan]"),
        ("ui", "[ui]"),
        ("node", "[[nodes]]\nurl = \"redis://h\""),
        ("tls", "[[nodes]]\nurl = \"rediss://h\"\n[nodes.tls]"),
        ("cluster", "[[cluster]]"),
        ("sentinel", "[[sentinel]]"),
        ("profile", "[profiles.x]"),
    ] {
        for key in section(name, head) {
            let documented =
                [format!("{key} ="), format!("[{key}]"), format!("[[{key}]]"), format!("[{key}.")]
                    .iter()
                    .chain([&format!(".{key}]]")])
                    .any(|form| text.contains(form.as_str()));
            assert!(documented, "{name}: {key} is not in the template");
        }
    }
}

#[test]
fn show_names_the_source_of_each_value_and_masks_secrets() {
    let case = Case::new(
        "interval = \"3s\"\n[ui]\nbell = true\n[profiles.p]\ntimeout = \"1s\"\n[[profiles.p.nodes]]\n\
         name = \"a\"\nurl = \"redis://alice:hunter2@h/2\"\n[[profiles.p.nodes]]\nurl = \"rediss://g\"\n\
         username = \"bob\"\npassword_env = \"PW\"\n[[profiles.p.nodes]]\nurl = \"redis://k\"\n\
         [[lock_family]]\nid = \"stock\"\nkeys = [\"s:*\"]\nkey_sure = 60\ncount = \"held\"\n",
    )
    .env("PW", "hunter2")
    .env("REDISCLI_AUTH", "hunter2")
    .env("REDWARDEN_LOCK_PATTERNS", "l:*");
    let loaded = case.load("--profile p --theme light --queue-pattern q:*");
    let text = show(&loaded);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
    for (start, source) in [
        ("profile = \"p\"", "--profile"),
        ("interval = \"3s\"", "config.toml:1"),
        ("timeout = \"1s\"", "config.toml:5"),
        ("patterns = [\"l:*\"]", "$REDWARDEN_LOCK_PATTERNS"),
        ("patterns = [\"q:*\"]", "--queue-pattern"),
        ("theme = \"light\"", "--theme"),
        ("bell = true", "config.toml:3"),
        ("mouse = true", "default"),
        ("id = \"stock\"", "config.toml:16"),
        ("count = \"held\"", "config.toml:16"),
        ("url = \"redis://alice@h:6379/2\"", "config.toml:8"),
        ("url = \"rediss://bob@g:6379\"", "config.toml:10"),
        ("password = \"***\"", "config.toml:12"),
        ("password = \"***\"", "$REDISCLI_AUTH"),
    ] {
        let found = text.lines().any(|l| l.starts_with(start) && l.ends_with(&format!("# {source}")));
        assert!(found, "{start} from {source} is not in\n{text}");
    }
}

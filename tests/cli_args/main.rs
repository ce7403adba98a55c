//! Tables of command lines and what they mean, without running the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod tasks;

use std::ffi::OsString;
use std::time::Duration;

use redwarden::cli::{
    self, Command, Demo, Format, Invocation, LockRun, Look, Push, Release, Stage, Where, Worker,
};
use redwarden::config::{Secret, Theme};
use redwarden::domain::Bytes;
use redwarden::domain::queue::PushEnd;

/// Words separated by blanks; no quoting.
fn parse(line: &str) -> Result<Invocation, clap::Error> {
    parse_words(line.split_whitespace())
}

fn parse_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Invocation, clap::Error> {
    cli::parse(std::iter::once("redwarden").chain(words).map(OsString::from))
}

fn good(line: &str) -> Invocation {
    parse(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn urls(invocation: &Invocation) -> Vec<&str> {
    invocation.global.urls.iter().map(Secret::expose).collect()
}

fn look(format: Format, seconds: u64) -> Look {
    Look { format, watch_for: (seconds > 0).then(|| Duration::from_secs(seconds)) }
}

fn release(key: &str) -> Release {
    Release {
        key: key.into(),
        place: Where::default(),
        if_token: None,
        family: None,
        dry_run: false,
        yes: false,
    }
}

fn push(key: &str) -> Push {
    Push {
        key: key.into(),
        payload: None,
        place: Where::default(),
        count: 1,
        push: None,
        force: false,
        yes: false,
    }
}

fn worker(key: &str) -> Worker {
    Worker {
        queues: vec![(key.into(), None)],
        exec: None,
        concurrency: None,
        task_timeout: None,
        retries: None,
        rate: None,
        wait_replicas: None,
        nodes: Vec::new(),
        all_nodes: false,
        push: None,
        force: false,
    }
}

/// Tells whether a flag arrived.
type Holds<'a> = &'a dyn Fn(&Invocation) -> bool;

#[test]
fn commands() {
    let json = Format::Json;
    let table = Format::Table;
    let on_a = || Where { node: Some("a".into()), all_nodes: false, db: None };
    for (line, expected) in [
        ("", Command::Dashboard),
        ("redis://a redis://b", Command::Dashboard),
        ("snapshot", Command::Snapshot(look(table, 0))),
        ("snapshot --format json --for 3s", Command::Snapshot(look(json, 3))),
        ("nodes --format=table", Command::Nodes(look(table, 0))),
        ("locks", Command::Locks(look(table, 0))),
        ("locks list --format json", Command::Locks(look(json, 0))),
        ("locks --format json list --for 2s", Command::Locks(look(json, 2))),
        ("queues --for 3s", Command::Queues(look(table, 3))),
        ("queues list", Command::Queues(look(table, 0))),
        ("locks release lock:a", Command::Release(release("lock:a"))),
        (
            "locks release lock:a --node a --if-token t --dry-run --yes",
            Command::Release(Release {
                place: on_a(),
                if_token: Some("t".into()),
                dry_run: true,
                yes: true,
                ..release("lock:a")
            }),
        ),
        (
            "locks release --key-b64 /wA= --token-b64 AQI= --all-nodes --db 3",
            Command::Release(Release {
                key: Bytes::from(&b"\xff\0"[..]),
                place: Where { node: None, all_nodes: true, db: Some(3) },
                if_token: Some(Bytes::from(&b"\x01\x02"[..])),
                ..release("")
            }),
        ),
        ("locks release redis://key", Command::Release(release("redis://key"))),
        ("queues push q", Command::Push(push("q"))),
        (
            "queues push q body --node a --count 5 --force --right --yes",
            Command::Push(Push {
                payload: Some("body".into()),
                place: on_a(),
                count: 5,
                push: Some(PushEnd::Right),
                force: true,
                yes: true,
                ..push("q")
            }),
        ),
        ("queues push --key-b64 cQ==", Command::Push(push("q"))),
        (
            "queues push --key-b64 cQ== body --left",
            Command::Push(Push { payload: Some("body".into()), push: Some(PushEnd::Left), ..push("q") }),
        ),
        (
            "queues canary q --node a --wait 5s --dry-run --yes --format json",
            Command::Canary(cli::Canary {
                key: "q".into(),
                place: on_a(),
                wait: std::time::Duration::from_secs(5),
                dry_run: true,
                yes: true,
                format: Format::Json,
            }),
        ),
        ("worker q", Command::Worker(worker("q"))),
        (
            "worker q --exec cat --concurrency 4 --node a --force",
            Command::Worker(Worker {
                exec: Some("cat".into()),
                concurrency: Some(4),
                nodes: vec!["a".into()],
                force: true,
                ..worker("q")
            }),
        ),
        (
            "worker q --queue a:b=3 --queue x=y=1 --key-b64 cQ== --all-nodes --task-timeout 5m --retries 3 --rate 0.5 --wait-replicas 1",
            Command::Worker(Worker {
                queues: vec![
                    ("q".into(), None),
                    ("q".into(), None),
                    ("a:b".into(), Some(3)),
                    ("x=y".into(), Some(1)),
                ],
                task_timeout: Some(Duration::from_secs(300)),
                retries: Some(3),
                rate: Some("0.5".into()),
                wait_replicas: Some(1),
                all_nodes: true,
                ..worker("q")
            }),
        ),
        (
            "lock run k --ttl 10s --wait 30s --kill-on-loss --node a -- sh -c exit --read-only",
            Command::LockRun(LockRun {
                key: "k".into(),
                ttl: Duration::from_secs(10),
                wait: Some(Duration::from_secs(30)),
                kill_on_loss: true,
                node: Some("a".into()),
                command: ["sh", "-c", "exit", "--read-only"].map(OsString::from).to_vec(),
            }),
        ),
        ("check", Command::Check(None)),
        ("check redis://a --for 2s", Command::Check(Some(Duration::from_secs(2)))),
        ("audit --format json", Command::Audit(json)),
        ("demo --theme light", Command::Demo(Demo::default())),
        ("demo --cluster", Command::Demo(Demo { stage: Stage::Cluster, failover: false })),
        (
            "demo --failover --sentinel --ascii",
            Command::Demo(Demo { stage: Stage::Sentinel, failover: true }),
        ),
        ("config template", Command::ConfigTemplate),
        ("config show redis://a", Command::ConfigShow),
    ] {
        assert_eq!(good(line).command, expected, "{line}");
    }
}

#[test]
fn urls_are_taken_at_every_place_and_keep_their_order() {
    for line in [
        "redis://a redis://b",
        "-u redis://a -u redis://b",
        "-uredis://a --url=redis://b",
        "redis://a snapshot redis://b",
        "redis://a redis://b snapshot",
        "--url redis://a snapshot -u redis://b",
        "--read-only -u redis://a check redis://b",
        "-u redis://a locks -u redis://b list",
        "-u redis://a locks list -u redis://b",
        "redis://a locks redis://b release k",
        "locks -u redis://a release k -u redis://b",
        "-u redis://a lock -u redis://b run k --ttl 1s -- true",
        "-u redis://a queues push q -u redis://b",
        "redis://a worker q -u redis://b",
        "redis://a config redis://b show",
        "-u redis://a demo -u redis://b",
        "--profile demo redis://a redis://b",
        "--interval=2s --theme dark redis://a audit -u redis://b",
        "-- redis://a redis://b",
    ] {
        assert_eq!(urls(&good(line)), ["redis://a", "redis://b"], "{line}");
    }
}

#[test]
fn global_flags_work_before_between_and_after_and_are_merged() {
    let flags: &[(&str, Holds<'_>)] = &[
        ("--config f", &|i| i.global.config.as_deref() == Some("f".as_ref())),
        ("--profile p", &|i| i.global.profile.as_deref() == Some("p")),
        ("--read-only", &|i| i.global.read_only),
        ("--write", &|i| i.global.write),
        ("--lock-pattern l", &|i| i.global.lock_patterns == ["l"]),
        ("--queue-pattern q", &|i| i.global.queue_patterns == ["q"]),
        ("--interval 2s", &|i| i.global.interval.as_deref() == Some("2s")),
        ("--timeout 1s", &|i| i.global.timeout.as_deref() == Some("1s")),
        ("--cluster redis://c", &|i| i.global.cluster.len() == 1),
        ("--sentinel redis://s --master-name m", &|i| {
            i.global.sentinel.len() == 1 && i.global.master_names == ["m"]
        }),
        ("--cacert a --cert b --key c --sni d", &|i| {
            i.global.ca_file.is_some()
                && i.global.cert_file.is_some()
                && i.global.key_file.as_deref() == Some("c".as_ref())
                && i.global.server_name.as_deref() == Some("d")
        }),
        ("--insecure", &|i| i.global.insecure),
        ("--user u --password-file f", &|i| {
            i.global.user.as_deref() == Some("u") && i.global.password_file.is_some()
        }),
        ("--log l", &|i| i.global.log.is_some()),
        ("--theme mono", &|i| i.global.theme == Some(Theme::Mono)),
        ("--ascii --no-mouse --bell", &|i| i.global.ascii && i.global.no_mouse && i.global.bell),
    ];
    for (flag, holds) in flags {
        for command in [
            "@",
            "@ snapshot",
            "snapshot @",
            "nodes @",
            "@ locks",
            "locks @ release k",
            "locks release k @",
            "queues list @",
            "@ queues push q",
            "queues push @ q",
            "worker @ q",
            "lock @ run k --ttl 1s -- true",
            "lock run k @ --ttl 1s -- true",
            "check @",
            "audit @",
            // Whose own --cluster and --sentinel take no URL.
            if flag.contains("redis://") { "@ demo" } else { "demo @" },
            "@ config show",
            "config @ template",
            "config show @",
        ] {
            let line = command.replace('@', flag);
            assert!(holds(&good(&line)), "{line}");
        }
    }
    let all =
        good("--lock-pattern a --interval 1s locks --lock-pattern b --interval 2s list --lock-pattern c");
    assert_eq!(all.global.lock_patterns, ["a", "b", "c"]);
    assert_eq!(all.global.interval.as_deref(), Some("2s"), "of single values the last one counts");
    assert_eq!(good("--interval 1s --interval 3s").global.interval.as_deref(), Some("3s"));
    let both = good("--read-only locks --read-only release k --sentinel redis://s --master-name m");
    assert!(both.global.read_only);
}

#[test]
fn usage_errors_have_code_2_and_say_what_to_do() {
    for (line, words) in [
        ("lokcs", "Did you mean `redwarden locks`?"),
        ("lokcs --format json", "Did you mean `redwarden locks`?"),
        ("-u redis://a queus", "Did you mean `redwarden queues`?"),
        ("redis://a snapshto", "Did you mean `redwarden snapshot`?"),
        ("locks relase k --yes", "Did you mean `redwarden locks release`?"),
        ("config shwo", "Did you mean `redwarden config show`?"),
        ("localhost:6379", "Did you mean `redis://localhost:6379`?"),
        ("snapshot 10.0.0.1", "Did you mean `redis://10.0.0.1`?"),
        ("xyzzy", "Commands of `redwarden`: snapshot"),
        ("nodes foo", "redis://HOST"),
        ("me:hunter2@host", "redis://***@host"),
        ("--nope", "--nope"),
        ("locks release", "KEY"),
        ("locks release k --key-b64 aw==", "--key-b64"),
        ("locks release k --if-token a --token-b64 YQ==", "--token-b64"),
        ("locks release k --node a --all-nodes", "--all-nodes"),
        ("locks release --key-b64 %%", "not base64"),
        ("locks --format json release k", "redwarden locks list"),
        ("queues --for 1s push q", "redwarden queues list"),
        ("queues push a b --key-b64 cQ==", "--key-b64"),
        ("queues push q --left --right", "--right"),
        ("queues push q --count 0", "0"),
        ("worker", "QUEUE"),
        ("lock run k -- true", "--ttl"),
        ("lock run k --ttl 1s", "COMMAND"),
        ("lock run k --ttl 1ms -- true", "100ms"),
        ("lock run k --ttl soon -- true", "10s, 500ms"),
        ("lock", "run"),
        ("snapshot --format xml", "json"),
        ("snapshot --for 0s", "longer than zero"),
        ("--read-only locks release k --write", "exclude each other"),
        ("--master-name m", "--sentinel"),
        ("--theme pink", "mono"),
        ("demo --cluster=redis://me:hunter2@c", "without a URL"),
        ("demo --cluster --sentinel", "exclude each other"),
        ("demo --failover", "--cluster or --sentinel"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.use_stderr(), "{line}");
        assert!(error.to_string().contains(words), "{line}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{line}: {error}");
    }
    assert_eq!(parse_words(["locks", "release", ""]).expect_err("empty key").exit_code(), 2);
}

#[test]
fn a_password_is_never_repeated() {
    for line in [
        "demo redis://:hunter2@h",
        "worker q p redis://u:hunter2@h",
        "locks release k x=redis://:hunter2@h/1",
        "snapshot unix:///x?pass=hunter2 --nope",
        "audit unix:///x?pass=hunter2",
        "u:hunter2@h",
        "nodes hunter2@h",
    ] {
        let error = parse(line).expect_err(line);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{line}: {text}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    let debug = format!("{:?}", good("-u redis://:hunter2@h snapshot --cluster redis://:hunter2@c"));
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn help_and_version_go_to_stdout_with_code_0() {
    for line in ["-h", "--help", "locks -h", "locks release --help", "-V", "--version", "help queues push"] {
        let error = parse(line).expect_err(line);
        assert_eq!((error.exit_code(), error.use_stderr()), (0, false), "{line}");
    }
    let version = parse("-V").unwrap_err().to_string();
    assert!(version.starts_with(concat!("redwarden ", env!("CARGO_PKG_VERSION"), " (commit ")), "{version}");
    let help = parse("-h").unwrap_err().to_string();
    for word in ["[URL]...", "--lock-pattern", "--sentinel", "snapshot", "Exit codes", "-V"] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
    let help = parse("demo -h").unwrap_err().to_string();
    for words in ["three primaries and three replicas", "three Sentinels", "--failover"] {
        assert!(help.contains(words), "{words} is missing in {help}");
    }
    let help = parse("locks release -h").unwrap_err().to_string();
    for word in ["--if-token", "--dry-run", "--read-only", "[KEY]"] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
}

#[cfg(unix)]
#[test]
fn keys_are_exact_bytes() {
    use std::os::unix::ffi::OsStringExt;
    let key = OsString::from_vec(b"lock:\xff\x1b".to_vec());
    let args = ["redwarden", "locks", "release"].map(OsString::from).into_iter().chain([key]);
    let Command::Release(release) = cli::parse(args).unwrap().command else { panic!("not a release") };
    assert_eq!(release.key.as_slice(), b"lock:\xff\x1b");
}

//! Commands about the tasks of a queue and about several keys, and where their flags stand in the help.

use std::time::Duration;

use redwarden::cli::{Command, Destination, Format, Move, Peek, Pick, ReleaseMany, Wait, WaitFor, Where};
use redwarden::domain::queue::PushEnd;
use redwarden::family::TaskSet;

use super::{good, parse};

fn drop_one(key: &str) -> Move {
    Move {
        from: key.into(),
        to: Destination::Nowhere,
        pick: Pick::Oldest(1),
        place: Where::default(),
        push: None,
        dry_run: false,
        yes: false,
    }
}

#[test]
fn tasks_are_moved_requeued_and_dropped() {
    let on_a = Where { node: Some("a".into()), all_nodes: false, db: Some(3) };
    for (line, expected) in [
        ("queues drop q", drop_one("q")),
        ("queues drop q --all", Move { pick: Pick::Oldest(u64::MAX), ..drop_one("q") }),
        ("queues drop q --element bad", Move { pick: Pick::Element("bad".into()), ..drop_one("q") }),
        (
            "queues requeue q --count 7 --right",
            Move {
                to: Destination::Back,
                pick: Pick::Oldest(7),
                push: Some(PushEnd::Right),
                ..drop_one("q")
            },
        ),
        (
            "queues move a b --element-b64 YmFk --left --node a --db 3 --dry-run --yes",
            Move {
                to: Destination::List("b".into()),
                pick: Pick::Element("bad".into()),
                push: Some(PushEnd::Left),
                place: on_a,
                dry_run: true,
                yes: true,
                ..drop_one("a")
            },
        ),
    ] {
        assert_eq!(good(line).command, Command::Move(expected), "{line}");
    }
}

#[test]
fn tasks_are_peeked_at_locks_are_released_and_waited_for() {
    let everywhere = Where { node: None, all_nodes: true, db: None };
    let peek = Peek {
        key: "q".into(),
        place: everywhere.clone(),
        set: TaskSet::Failed,
        count: 20,
        format: Format::Json,
    };
    let many = ReleaseMany {
        keys: vec!["a".into(), "b".into()],
        filter: None,
        place: everywhere,
        format: Some(Format::Json),
        dry_run: true,
        yes: false,
    };
    let queue = Wait {
        until: WaitFor::QueueBelow { key: "q".into(), below: 3 },
        timeout: Duration::from_secs(60),
        place: Where { node: None, all_nodes: false, db: Some(1) },
    };
    let lock = Wait {
        until: WaitFor::LockFree { key: "k".into() },
        timeout: Duration::from_secs(300),
        place: Where { node: Some("a".into()), all_nodes: false, db: None },
    };
    for (line, expected) in [
        ("queues peek --key-b64 cQ== --all-nodes --set failed --count 20 --format json", Command::Peek(peek)),
        ("locks release a b a --all-nodes --format json --dry-run", Command::ReleaseMany(many)),
        ("wait --queue q --below 3 --timeout 1m --db 1", Command::Wait(queue)),
        ("wait --lock k --free --node a", Command::Wait(lock)),
    ] {
        assert_eq!(good(line).command, expected, "{line}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (line, words) in [
        ("queues drop q --left", "--left"),
        ("queues move a", "<TO>"),
        ("queues move a b --all --count 2", "--count"),
        ("queues requeue q --element x --element-b64 eA==", "--element-b64"),
        ("queues move a b --all-nodes", "--all-nodes"),
        ("queues canary q --all-nodes", "--all-nodes"),
        ("queues canary q --wait 2h", "no longer than an hour"),
        ("queues peek q --node a --all-nodes", "--all-nodes"),
        ("queues peek q --set some", "in-flight"),
        ("queues --format json move a b", "redwarden queues list"),
        ("wait --queue q", "--below"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(words), "{line}: {error}");
    }
}

/// Long flags of a command's help below `Global options`.
fn global_flags(command: &str) -> Vec<String> {
    let help = parse(&format!("{command} -h")).expect_err(command).to_string();
    let (_, global) = help.split_once("Global options:").unwrap_or_else(|| panic!("{command}: {help}"));
    let word = |line: &str| {
        line.trim_start().trim_start_matches("-u, ").split([' ', '[']).next().map(str::to_string)
    };
    global.lines().filter_map(word).filter(|word| word.starts_with("--")).collect()
}

#[test]
fn no_flag_of_a_command_stands_among_the_global_ones() {
    let expected = global_flags("snapshot");
    assert!(expected.len() > 20 && expected.contains(&"--url".to_string()), "{expected:?}");
    for command in [
        "nodes",
        "locks",
        "locks list",
        "locks release",
        "queues",
        "queues list",
        "queues push",
        "queues canary",
        "queues move",
        "queues requeue",
        "queues drop",
        "queues peek",
        "worker",
        "lock run",
        "wait",
        "check",
        "audit",
        "demo",
        "config template",
        "config show",
    ] {
        assert_eq!(global_flags(command), expected, "{command}");
    }
}

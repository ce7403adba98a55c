//! `queues move`, `requeue` and `drop`: batches, order, comparisons, the audit file, and what is refused.

use redwarden::launcher::Server;

use super::{Shell, cli};

const DEAD: &str = "redwarden:{jobs}:v1:failed";

fn list(server: &Server, key: &str) -> Vec<String> {
    cli(server, &["LRANGE", key, "0", "-1"]).lines().map(ToString::to_string).collect()
}

#[test]
fn dead_letters_go_back_oldest_first() {
    for eval in [&[][..], &["--rename-command", "EVAL", ""][..]] {
        let server = Server::start(eval).unwrap();
        let shell = Shell::new();
        let url = server.url();
        for i in 0..250 {
            cli(&server, &["LPUSH", DEAD, &format!("secret-task{i:03}")]);
        }
        let requeue =
            |args: &[&str]| shell.run(&[&["queues", "requeue", "jobs", "-u", &url][..], args].concat());
        let dry = requeue(&["--all", "--dry-run"]);
        assert_eq!(dry.code, 0, "{}", dry.err);
        assert!(dry.err.contains(&format!("100 x RPOPLPUSH {DEAD} jobs")), "{}", dry.err);
        assert!(dry.err.contains("in batches of 100"), "{}", dry.err);
        assert_eq!(requeue(&["--all"]).code, 2, "nobody confirms");
        assert_eq!((cli(&server, &["EXISTS", "jobs"]), shell.audit().len()), ("0".into(), 0));
        let done = requeue(&["--all", "--yes"]);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.contains("200 of 250") && done.err.contains("250 tasks moved back"), "{}", done.err);
        let expected: Vec<String> = (0..250).rev().map(|i| format!("secret-task{i:03}")).collect();
        assert_eq!(list(&server, "jobs"), expected, "the oldest is taken next");
        assert_eq!(cli(&server, &["EXISTS", DEAD]), "0");
        assert_eq!(shell.audit().len(), 6, "two lines a batch");
        assert!(!format!("{:?}", shell.audit()).contains("secret-task"), "payloads only as length and hash");
        let empty = requeue(&["--all", "--yes"]);
        assert_eq!(empty.code, 1);
        assert!(empty.err.contains("is empty"), "{}", empty.err);
    }
}

#[test]
fn one_list_is_drained_into_another_from_either_end() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    for i in 0..5 {
        cli(&server, &["LPUSH", "queue:from", &i.to_string()]);
    }
    let moved =
        shell.run(&["queues", "move", "queue:from", "to", "--count", "2", "--right", "--yes", "-u", &url]);
    assert_eq!(moved.code, 0, "{}", moved.err);
    assert_eq!(
        (list(&server, "queue:from"), list(&server, "to")),
        (vec!["4".into(), "3".into(), "2".into()], vec!["0".to_string(), "1".into()])
    );
    let rest = shell.run(&["queues", "move", "queue:from", "to", "--all", "--right", "--yes", "-u", &url]);
    assert_eq!(rest.code, 0, "{}", rest.err);
    assert_eq!(list(&server, "to"), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_poisoned_task_is_moved_or_removed_and_nothing_else() {
    for eval in [&[][..], &["--rename-command", "EVAL", ""][..]] {
        let server = Server::start(eval).unwrap();
        let shell = Shell::new();
        let url = server.url();
        for element in ["good", "poison", "good", "poison"] {
            cli(&server, &["LPUSH", "queue:q", element]);
        }
        let run = |args: &[&str]| shell.run(&[args, &["--yes", "-u", &url]].concat());
        let aside = run(&["queues", "move", "queue:q", "aside", "--element", "poison"]);
        assert_eq!(aside.code, 0, "{}", aside.err);
        assert_eq!(list(&server, "queue:q"), ["poison", "good", "good"]);
        assert_eq!(list(&server, "aside"), ["poison"]);
        let gone = run(&["queues", "drop", "queue:q", "--element", "poison"]);
        assert_eq!((gone.code, list(&server, "queue:q")), (0, vec!["good".to_string(), "good".into()]));
        assert!(gone.err.contains("cannot be undone"), "{}", gone.err);
        let none = run(&["queues", "move", "queue:q", "aside", "--element", "poison"]);
        assert_eq!(none.code, 1, "{}", none.err);
        assert_eq!(list(&server, "aside"), ["poison"], "no copy without a removal");
    }
}

#[test]
fn what_it_would_break_is_refused() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let job = r#"{"class":"Mailer","args":[],"jid":"b4a577edbccf1d805744efa9","retry":true,"queue":"default","created_at":1.5}"#;
    cli(&server, &["SADD", "queues", "default"]);
    cli(&server, &["LPUSH", "queue:default", job]);
    cli(&server, &["LPUSH", "queue:plain", "x"]);
    cli(&server, &["SET", "queue:string", "x"]);
    let processing = "redwarden:{q}:v1:processing:00000000-0000-4000-8000-000000000000";
    cli(&server, &["LPUSH", processing, "x"]);
    for (from, to, why) in [
        ("queue:default", "queue:plain", "sidekiq"),
        ("queue:plain", "queue:default", "sidekiq"),
        ("queue:plain", "queue:string", "is a string"),
        ("queue:plain", "queue:plain", "the same"),
        ("queue:plain", processing, "own keys"),
        (processing, "queue:plain", "book of a worker"),
    ] {
        let ran = shell.run(&["queues", "move", from, to, "--all", "--yes", "-u", &url]);
        assert_eq!(ran.code, 1, "{from} {to}: {}", ran.err);
        assert!(ran.err.to_lowercase().contains(why), "{from} {to}: {}", ran.err);
    }
    let ran = shell.run(&["queues", "drop", "queue:plain", "--yes", "--read-only", "-u", &url]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("read-only"), "{}", ran.err);
    assert_eq!(list(&server, "queue:plain"), ["x"]);
    assert!(shell.audit().is_empty());
    // Nothing dead is kept there; their own tools are named.
    let requeue = shell.run(&["queues", "requeue", "queue:default", "--all", "--yes", "-u", &url]);
    assert_eq!(requeue.code, 1, "{}", requeue.err);
    assert!(requeue.err.contains("Sidekiq::RetrySet.new.retry_all"), "{}", requeue.err);
    assert_eq!(list(&server, "queue:default"), [job]);
}

//! Real tasks: the user's command, its stdin, environment, exit code and output.

use redwarden::domain::queue::PushEnd;
use redwarden::launcher::Server;
use redwarden::worker::WorkerCommand;

use super::db::{Db, eventually};
use super::process::Process;
use super::{Adjust, Worker, append_to, lines, spec};

#[tokio::test]
async fn tasks_run_first_in_first_out_from_either_end() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    for (push, command) in [(PushEnd::Left, "LPUSH"), (PushEnd::Right, "RPUSH")] {
        let file = dir.path().join(command);
        let expected: Vec<String> = (0..30).map(|i| format!("{command}{i}")).collect();
        for element in &expected {
            db.run(&format!("{command} {command} {element}")).await;
        }
        let exec = Some(append_to(&file));
        let worker = Worker::start(spec(&server.endpoint(), command).push(push).exec(exec));
        eventually("all done", async || lines(&file).len() == 30).await;
        let view = worker.stop().await;
        assert_eq!(lines(&file), expected);
        assert_eq!((view.counts.done, view.counts.run_twice), (30, 0));
        assert_eq!(db.keys("*").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn older_servers_without_blmove() {
    let server = Server::start(&["--rename-command", "BLMOVE", ""]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    for (push, command) in [(PushEnd::Left, "LPUSH"), (PushEnd::Right, "RPUSH")] {
        let file = dir.path().join(command);
        for i in 0..5 {
            db.run(&format!("{command} {command} {i}")).await;
        }
        let exec = Some(append_to(&file));
        let worker = Worker::start(spec(&server.endpoint(), command).push(push).exec(exec));
        eventually("all done", async || lines(&file).len() == 5).await;
        assert_eq!(worker.stop().await.counts.done, 5);
        assert_eq!(lines(&file), ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test]
async fn without_the_right_to_move_at_once_tasks_come_one_by_one() {
    for missing in [&["LMOVE"][..], &["LMOVE", "BLMOVE", "RPOPLPUSH"]] {
        let renamed: Vec<&str> =
            missing.iter().flat_map(|command| ["--rename-command", *command, ""]).collect();
        let server = Server::start(&renamed).unwrap();
        let mut db = Db::open(&server.endpoint()).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ran");
        for i in 0..20 {
            db.run(&format!("LPUSH jobs t{i:02}")).await;
        }
        let mut spec = spec(&server.endpoint(), "jobs").exec(Some(append_to(&file)));
        spec.concurrency = 8;
        let worker = Worker::start(spec);
        eventually("all done", async || lines(&file).len() == 20).await;
        let counts = worker.stop().await.counts;
        assert_eq!((counts.done, counts.run_twice), (20, 0), "{missing:?}");
        let mut ran = lines(&file);
        ran.sort();
        assert_eq!(ran, (0..20).map(|i| format!("t{i:02}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn stdin_environment_exit_code_and_output() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let exec = r#"cat; printf ' [%s|%s|%s]' "$REDWARDEN_QUEUE" "$REDWARDEN_TASK_ID" "$REDWARDEN_ATTEMPT"; printf '\033[31mbad' >&2; head -c 100000 /dev/zero | tr '\0' x; exit 7"#;
    db.run(r#"LPUSH jobs {"id":"n1","x":1}"#).await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec.into())));
    eventually("it failed", async || worker.said("task n1 failed")).await;
    let line = worker.log.lock().unwrap().iter().find(|l| l.text.contains("failed")).unwrap().text.clone();
    assert!(line.contains("exit code 7") && line.contains("stderr: \\x1b[31mbad"), "{line}");
    assert!(line.len() < 10_000, "{}", line.len());
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.failed), (0, 1));
    assert_eq!(db.list("redwarden:{jobs}:v1:failed").await, [r#"{"id":"n1","x":1}"#], "never lost");
    assert_eq!(db.int("LLEN jobs").await, 0);

    let exec = r#"cat; printf ' [%s|%s|%s]' "$REDWARDEN_QUEUE" "$REDWARDEN_TASK_ID" "$REDWARDEN_ATTEMPT""#;
    db.run(r#"LPUSH jobs {"id":"n2"}"#).await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(Some(exec.into())));
    eventually("done", async || worker.said(r#"stdout: {"id":"n2"} [jobs|n2|1]"#)).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_large_payload_nobody_reads_and_a_command_that_leaves_something_behind() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let large = "y".repeat(1_000_000);
    db.run(&format!("LPUSH jobs {large}")).await;
    let exec = Some("sleep 3 & exit 0".into());
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(exec));
    eventually("done", async || worker.said("task of 1000000 bytes done")).await;
    assert_eq!(worker.stop().await.counts.done, 1);
}

#[tokio::test]
async fn the_command_does_not_inherit_secrets() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    let exec = format!("env > '{0}.part'; mv '{0}.part' '{0}'", file.display());
    let _process = Process::start(server.port(), "jobs", &exec, &dir.path().join("notes"));
    db.run("LPUSH jobs x").await;
    eventually("it ran", async || file.exists()).await;
    let env = std::fs::read_to_string(&file).unwrap();
    assert!(env.contains("REDWARDEN_QUEUE=jobs") && !env.contains("hunter2"), "{env}");
}

#[tokio::test]
async fn what_a_command_started_is_killed_with_it_when_it_takes_too_long() {
    // Neither the shell nor what it starts minds SIGTERM; or the shell does, and ends long before its grace is over.
    for (trap, grace) in [("", 100), ("exit 3", 20_000)] {
        let server = Server::start(&[]).unwrap();
        let mut db = Db::open(&server.endpoint()).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let stubborn = "trap \"\" TERM; while :; do sleep 0.05; done";
        let exec = format!(
            "trap '{trap}' TERM; sh -c '{stubborn}' & echo $! > '{0}.part'; mv '{0}.part' '{0}'; wait",
            file.display()
        );
        db.run("LPUSH jobs x").await;
        let mut spec = spec(&server.endpoint(), "jobs").exec(Some(exec));
        spec.policy.task_timeout = Some(std::time::Duration::from_millis(500));
        spec.policy.grace = std::time::Duration::from_millis(grace);
        let worker = Worker::start(spec);
        eventually("it was ended", async || worker.said("failed: ended after")).await;
        let pid = lines(&file)[0].clone();
        eventually("what it started has ended, too", async || ended(&pid)).await;
        assert_eq!(worker.stop().await.counts.timeouts, 1);
    }
}

/// The process is gone, or only waits to be reaped.
fn ended(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[tokio::test]
async fn a_second_stop_ends_the_command_and_puts_its_task_back() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let exec = Some(format!("sleep 600 & echo $! > '{0}.part'; mv '{0}.part' '{0}'; wait", file.display()));
    db.run("LPUSH jobs precious").await;
    let worker = Worker::start(spec(&server.endpoint(), "jobs").exec(exec));
    eventually("it runs", async || file.exists()).await;
    worker.tell(WorkerCommand::Stop).await;
    let view = worker.stop().await;
    assert_eq!((view.counts.done, view.counts.failed), (0, 0));
    assert_eq!(db.list("jobs").await, ["precious"]);
    let pid = lines(&file)[0].clone();
    eventually("what it started has ended, too", async || ended(&pid)).await;
}

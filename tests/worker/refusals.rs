//! What the worker refuses, with nothing touched.

use redwarden::act::{Audit, audit};
use redwarden::domain::{Bytes, Command};
use redwarden::launcher::Server;
use redwarden::worker::keys::Keys;
use redwarden::worker::{WorkerSpec, WorkerState, run_headless};
use tokio::sync::mpsc;

use super::db::{Db, eventually};
use super::{Adjust, Worker, spec};

async fn failure(spec: WorkerSpec) -> String {
    match Worker::start(spec).task.await.unwrap().state {
        WorkerState::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_type_own_keys_and_read_only_mode() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("SET q value").await;
    let why = failure(spec(&server.endpoint(), "q")).await;
    assert!(why.contains("string, not a list"), "{why}");
    let why = failure(spec(&server.endpoint(), "redwarden:{q}:v1:failed")).await;
    assert!(why.contains("own keys"), "{why}");
    let (_commands, inbox) = mpsc::channel(1);
    let view = run_headless(spec(&server.endpoint(), "list"), None, inbox, |_| {}).await;
    assert!(matches!(&view.state, WorkerState::Failed(why) if why.contains("read-only")), "{:?}", view.state);
    assert_eq!(db.keys("*").await, ["q"]);
}

#[tokio::test]
async fn a_librarys_queue_without_force() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let job = r#"{"class":"Mail","args":[1],"retry":true,"queue":"default","jid":"0123456789abcdef01234567","created_at":1700000000.5,"enqueued_at":1700000000.5}"#;
    db.send(Command::new("LPUSH queue:default").arg(job)).await;
    let exec = Some("true".to_string());
    let why = failure(spec(&server.endpoint(), "queue:default").exec(exec.clone())).await;
    assert!(why.contains("without force"), "{why}");
    assert_eq!(db.keys("*").await, ["queue:default"]);
    let worker =
        Worker::start(WorkerSpec { force: true, ..spec(&server.endpoint(), "queue:default").exec(exec) });
    eventually("forced", async || worker.said(" done in ")).await;
    assert_eq!(worker.stop().await.counts.done, 1);
}

#[tokio::test]
async fn missing_rights_are_named() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("ACL SETUSER weak on >pw ~* +@read +@connection +info +client").await;
    let mut endpoint = server.endpoint();
    endpoint.username = Some("weak".into());
    endpoint.password = Some(redwarden::config::Secret::new("pw"));
    let why = failure(spec(&endpoint, "q")).await;
    assert!(why.contains("NOPERM"), "{why}");
}

#[tokio::test]
async fn without_an_audit_file_nothing_is_taken() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.send(Command::new("LPUSH q").arg(super::test_task("a", 0, false))).await;
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    // A file where the directory should be: it cannot be made, not even by root.
    std::fs::write(&blocked, "").unwrap();
    let audit = Audit::in_dir(&blocked.join("state"));
    let why = failure(WorkerSpec { audit, ..spec(&server.endpoint(), "q") }).await;
    assert!(why.contains("audit file cannot be written"), "{why}");
    assert_eq!((db.keys("*").await, db.int("LLEN q").await), (vec!["q".to_string()], 1));
}

#[tokio::test]
async fn a_run_is_written_down_before_and_after() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for payload in ["good", "bad"] {
        db.send(Command::new("LPUSH q").arg(payload)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let exec = Some("read -r line; [ \"$line\" = good ] # hunter2".to_string());
    let audit = Audit::in_dir(dir.path());
    let worker = Worker::start(WorkerSpec { audit, ..spec(&server.endpoint(), "q").exec(exec) });
    eventually("both", async || worker.said(" done in ") && worker.said(" failed in ")).await;
    let entries = || -> Vec<_> {
        audit::read(&audit::path_in(dir.path())).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(entries().len(), 1, "it still runs");
    worker.stop().await;
    let entries = entries();
    assert_eq!(entries.len(), 2);
    assert!(entries[0]["phase"] == "before" && entries[1]["phase"] == "after", "{entries:?}");
    assert_eq!(entries[0]["id"], entries[1]["id"]);
    assert!(entries[0]["intent"] == "worker" && entries[0]["key"] == "q", "{entries:?}");
    assert_eq!(entries[1]["outcome"], "done");
    let counts = ["done", "failed", "recovered", "run_twice"].map(|name| entries[1][name].as_u64());
    assert_eq!(counts, [Some(1), Some(1), Some(0), Some(0)]);
    assert!(!format!("{entries:?}").contains("hunter2"), "a command may hold secrets");
}

/// The rights the README names for the worker are enough.
#[tokio::test]
async fn least_rights_are_enough() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let rights = "+type +llen +lrange +lindex +lrem +lpush +rpush +lpop +ltrim +blmove +exists +pexpire +set +del +zadd +zrange +zrem +eval";
    db.run(&format!("ACL SETUSER wkr on >pw ~jobs ~redwarden:{{jobs}}:* {rights}")).await;
    let mut endpoint = server.endpoint();
    endpoint.username = Some("wkr".into());
    endpoint.password = Some(redwarden::config::Secret::new("pw"));
    for (exec, force) in [(None, false), (Some("read -r line; [ \"$line\" != no ]".to_string()), true)] {
        let dead = uuid::Uuid::new_v4();
        db.run(&format!("ZADD redwarden:{{jobs}}:v1:workers 1 {dead}")).await;
        let left = format!("redwarden:{{jobs}}:v1:processing:{dead}");
        db.send(Command::new("LPUSH").arg(left.as_str()).arg(super::test_task("old", 0, false))).await;
        let bad = if exec.is_some() { "no".to_string() } else { super::test_task("bad", 0, true) };
        db.send(Command::new("LPUSH jobs").arg(bad)).await;
        let worker = Worker::start(WorkerSpec { force, ..spec(&endpoint, "jobs").exec(exec) });
        eventually("done", async || worker.said("task old done")).await;
        eventually("failed", async || worker.said("failed in")).await;
        let view = worker.stop().await;
        assert_eq!(
            (view.counts.done, view.counts.failed, view.counts.recovered, view.counts.run_twice),
            (1, 1, 1, 0),
            "{:?}",
            view.log
        );
    }
    let left = db.keys("*").await;
    assert!(left.iter().all(|k| k.contains(":failed") || k.ends_with(":workers")), "{left:?}");
}

#[tokio::test]
async fn our_keys_are_in_the_slot_of_their_queue() {
    let server = Server::start(&["--cluster-enabled", "yes"]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for queue in
        ["jobs", "{a}:b", "x{a}b{c}", "a}b", "{}a", "{}{x}", "a{b", "}{", "{", "", "sp ace", "\u{1}\u{ff}"]
    {
        let keys = Keys::new(&queue.into());
        let id = uuid::Uuid::new_v4();
        let mut slots = Vec::new();
        let ours = [keys.workers.clone(), keys.failed.clone(), keys.processing(id), keys.heartbeat(id)];
        for key in ours.into_iter().chain([Bytes::from(queue)]) {
            slots.push(db.send(Command::new("CLUSTER KEYSLOT").arg(key)).await.as_int().unwrap());
        }
        slots.dedup();
        assert_eq!(slots.len(), 1, "{queue:?}");
    }
}

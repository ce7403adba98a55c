//! `lock run` on real servers: held while the command runs, never longer than known, released only if ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![cfg(unix)]

#[path = "../support/db.rs"]
mod db;

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use db::{Db, eventually};
use redwarden::act::{Audit, audit};
use redwarden::config::Endpoint;
use redwarden::domain::NodeId;
use redwarden::launcher::Server;
use redwarden::lock_run::{self, LOST, LockRunError, LockRunOptions, NOT_ACQUIRED, UNAVAILABLE};
use redwarden::redis_io::WritePermit;
use rustix::process::{Pid, Signal, kill_process};

/// Of this process, so that no audit file of this machine is touched.
fn state_dir() -> &'static Path {
    static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    DIR.path()
}

fn options(key: &str, script: &str) -> LockRunOptions {
    LockRunOptions {
        node: NodeId::new("a"),
        audit: Audit::in_dir(state_dir()),
        key: key.into(),
        ttl: Duration::from_secs(10),
        wait: None,
        kill_on_loss: false,
        command: ["sh", "-c", script].map(Into::into).to_vec(),
        timeout: Duration::from_millis(500),
        secret_variables: vec!["MY_SECRET".into()],
    }
}

type Said = Arc<Mutex<Vec<String>>>;

async fn run_saying(endpoint: &Endpoint, options: LockRunOptions, said: &Said) -> Result<u8, LockRunError> {
    let sink = said.clone();
    let say = move |text: &str| sink.lock().unwrap().push(text.to_string());
    lock_run::run(endpoint, options, Some(WritePermit::for_own_servers()), say).await
}

async fn run(endpoint: &Endpoint, options: LockRunOptions) -> Result<u8, LockRunError> {
    run_saying(endpoint, options, &Said::default()).await
}

fn has_said(said: &Said, text: &str) -> bool {
    said.lock().unwrap().iter().any(|line| line.contains(text))
}

#[tokio::test]
async fn the_exit_code_is_passed_on_and_the_lock_released() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)] {
        assert_eq!(run(&server.endpoint(), options("lock:a", script)).await, Ok(code));
        assert_eq!(db.int("EXISTS lock:a").await, 0);
    }
}

#[tokio::test]
async fn the_command_knows_its_lock() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    let script = format!(
        "printf '%s %s' \"$REDWARDEN_LOCK_KEY\" \"$REDWARDEN_LOCK_TOKEN\" > '{0}.p'; mv '{0}.p' '{0}'; while [ -e '{0}' ]; do sleep 0.02; done",
        file.display()
    );
    let endpoint = server.endpoint();
    let task = tokio::spawn(async move { run(&endpoint, options("lock:a", &script)).await });
    eventually("it runs", async || file.exists()).await;
    let token = db.run("GET lock:a").await.as_bytes().unwrap().to_string();
    let ttl = db.int("PTTL lock:a").await;
    assert!((1..=10_000).contains(&ttl), "{ttl}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("lock:a {token}"));
    // Nobody else gets it meanwhile.
    let error = run(&server.endpoint(), options("lock:a", "exit 0")).await.unwrap_err();
    assert_eq!(error.exit_code(), NOT_ACQUIRED);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(task.await.unwrap(), Ok(0));
}

#[tokio::test]
async fn waiting_ends_with_the_lock_or_with_the_time() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("SET lock:a other PX 600").await;
    let wait = Some(Duration::from_secs(20));
    assert_eq!(run(&server.endpoint(), LockRunOptions { wait, ..options("lock:a", "exit 3") }).await, Ok(3));
    db.run("SET lock:a other").await;
    let wait = Some(Duration::from_millis(300));
    let error =
        run(&server.endpoint(), LockRunOptions { wait, ..options("lock:a", "exit 3") }).await.unwrap_err();
    assert_eq!(error.to_string(), "lock:a is held by another after waiting 300ms: the command was not run");
    assert_eq!(db.run("GET lock:a").await.as_bytes(), Some("other".into()));
    // A key of another type is somebody else's as well.
    db.run("LPUSH lock:list x").await;
    let error = run(&server.endpoint(), options("lock:list", "exit 3")).await.unwrap_err();
    assert_eq!(error.exit_code(), NOT_ACQUIRED);
}

#[tokio::test]
async fn renewals_keep_it_also_without_eval() {
    for args in [&[][..], &["--rename-command", "EVAL", ""]] {
        let server = Server::start(args).unwrap();
        let mut db = Db::open(&server.endpoint()).await;
        let dir = tempfile::tempdir().unwrap();
        let gate = dir.path().join("gate");
        let script = format!("while [ ! -e '{}' ]; do sleep 0.02; done", gate.display());
        let (endpoint, said) = (server.endpoint(), Said::default());
        let ttl = Duration::from_millis(900);
        let job = LockRunOptions { ttl, ..options("lock:a", &script) };
        let task = tokio::spawn({
            let said = said.clone();
            async move { run_saying(&endpoint, job, &said).await }
        });
        eventually("held", async || db.int("EXISTS lock:a").await == 1).await;
        let token = db.run("GET lock:a").await;
        let renewals = async |db: &mut Db| {
            let info = db.run("INFO commandstats").await.as_bytes().unwrap().to_string();
            let calls =
                info.split("cmdstat_pexpire:calls=").nth(1).and_then(|s| s.split(',').next()?.parse().ok());
            calls.unwrap_or(0_u64)
        };
        eventually("renewed for more than one TTL", async || renewals(&mut db).await >= 6).await;
        assert_eq!(db.run("GET lock:a").await, token);
        std::fs::write(&gate, "").unwrap();
        assert_eq!(task.await.unwrap(), Ok(0));
        assert_eq!(db.int("EXISTS lock:a").await, 0);
        assert_eq!(*said.lock().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_lost_lock_is_told_and_with_kill_on_loss_ends_the_command() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    for (kill_on_loss, thief) in
        [(true, "SET lock:a thief"), (true, "DEL lock:a"), (false, "SET lock:a thief")]
    {
        db.run("DEL lock:a").await;
        let gate = dir.path().join("gate");
        let _ = std::fs::remove_file(&gate);
        let script =
            format!("trap 'exit 9' TERM; while [ ! -e '{}' ]; do sleep 0.02; done; exit 4", gate.display());
        let ttl = Duration::from_millis(600);
        let job = LockRunOptions { ttl, kill_on_loss, ..options("lock:a", &script) };
        let (endpoint, said) = (server.endpoint(), Said::default());
        let task = tokio::spawn({
            let said = said.clone();
            async move { run_saying(&endpoint, job, &said).await }
        });
        eventually("held", async || db.int("EXISTS lock:a").await == 1).await;
        db.run(thief).await;
        eventually("told", async || has_said(&said, "the lock lock:a is lost")).await;
        if kill_on_loss {
            assert_eq!(task.await.unwrap().unwrap_err().exit_code(), LOST);
        } else {
            std::fs::write(&gate, "").unwrap();
            assert_eq!(task.await.unwrap(), Ok(4));
        }
        if thief.starts_with("SET") {
            assert_eq!(
                db.run("GET lock:a").await.as_bytes(),
                Some("thief".into()),
                "only our own token is released"
            );
        }
    }
}

#[tokio::test]
async fn a_silent_node_means_lost_when_the_ttl_has_run_out() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let ttl = Duration::from_millis(900);
    let job = LockRunOptions { ttl, kill_on_loss: true, ..options("lock:a", "exec sleep 600") };
    let (endpoint, said) = (server.endpoint(), Said::default());
    let task = tokio::spawn({
        let said = said.clone();
        async move { run_saying(&endpoint, job, &said).await }
    });
    eventually("held", async || db.int("EXISTS lock:a").await == 1).await;
    server.freeze();
    assert_eq!(task.await.unwrap().unwrap_err().exit_code(), LOST);
    assert!(has_said(&said, "no renewal was answered"), "{said:?}");
    server.thaw();
    eventually("it ended by itself", async || db.int("EXISTS lock:a").await == 0).await;
}

#[tokio::test]
async fn a_short_silence_is_survived() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let script = format!("while [ ! -e '{}' ]; do sleep 0.02; done", gate.display());
    let ttl = Duration::from_secs(20);
    let timeout = Duration::from_millis(200);
    let job = LockRunOptions { ttl, timeout, kill_on_loss: true, ..options("lock:a", &script) };
    let (endpoint, said) = (server.endpoint(), Said::default());
    let task = tokio::spawn({
        let said = said.clone();
        async move { run_saying(&endpoint, job, &said).await }
    });
    eventually("held", async || db.int("EXISTS lock:a").await == 1).await;
    server.freeze();
    eventually("told", async || has_said(&said, "could not be renewed yet")).await;
    server.thaw();
    eventually("told", async || has_said(&said, "is renewed again")).await;
    std::fs::write(&gate, "").unwrap();
    assert_eq!(task.await.unwrap(), Ok(0));
    assert_eq!(db.int("EXISTS lock:a").await, 0);
}

#[tokio::test]
async fn what_can_go_wrong_before_the_command_runs() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let mut job = options("lock:a", "");
    job.command = vec!["/nonexistent/program".into()];
    assert_eq!(run(&server.endpoint(), job).await.unwrap_err().exit_code(), 127);
    let mut job = options("lock:a", "");
    job.command = vec!["/etc/passwd".into()];
    assert_eq!(run(&server.endpoint(), job).await.unwrap_err().exit_code(), 126);
    assert_eq!(db.int("EXISTS lock:a").await, 0, "released again");
    let mut job = options("lock:a", "");
    job.command.clear();
    assert_eq!(run(&server.endpoint(), job).await.unwrap_err().exit_code(), 2);
    let ttl = Duration::from_millis(10);
    let error = run(&server.endpoint(), LockRunOptions { ttl, ..options("lock:a", "") }).await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = lock_run::run(&server.endpoint(), options("lock:a", ""), None, |_| {}).await.unwrap_err();
    assert_eq!(error, LockRunError::ReadOnly);
    let nobody = Endpoint::tcp("127.0.0.1", redwarden::launcher::free_port().unwrap());
    assert_eq!(run(&nobody, options("lock:a", "")).await.unwrap_err().exit_code(), UNAVAILABLE);
    db.run("ACL SETUSER weak on >pw ~* +@read +@connection").await;
    let mut endpoint = server.endpoint();
    endpoint.username = Some("weak".into());
    endpoint.password = Some(redwarden::config::Secret::new("pw"));
    let wait = Some(Duration::from_secs(60));
    let error = run(&endpoint, LockRunOptions { wait, ..options("lock:a", "") }).await.unwrap_err();
    assert!(error.to_string().contains("NOPERM"), "refused at once, not after the wait: {error}");
}

/// The rights the README names for `lock run` are enough.
#[tokio::test]
async fn least_rights_are_enough() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("ACL SETUSER locker on >pw ~lock:* +set +get +pexpire +del +eval").await;
    let mut endpoint = server.endpoint();
    endpoint.username = Some("locker".into());
    endpoint.password = Some(redwarden::config::Secret::new("pw"));
    let ttl = Duration::from_millis(300);
    let job = LockRunOptions { ttl, kill_on_loss: true, ..options("lock:a", "sleep 0.7") };
    assert_eq!(run(&endpoint, job).await, Ok(0));
    assert_eq!(db.int("EXISTS lock:a").await, 0);
}

/// `lock run` in a process of its own, which can get signals: this test binary, run again.
struct Process(Child);

impl Process {
    fn start(port: u16, wait_s: u64, script: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lock_run_process", "--nocapture", "--test-threads", "1"])
            .env("REDWARDEN_TEST_LOCK_RUN", "1")
            .env("TEST_PORT", port.to_string())
            .env("TEST_WAIT", wait_s.to_string())
            .env("TEST_SCRIPT", script)
            .env("REDISCLI_AUTH", "hunter2")
            .env("MY_SECRET", "hunter2")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.0.id().cast_signed()).unwrap(), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("it ends", async || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test: the other side of [`Process::start`].
#[test]
fn lock_run_process() {
    if std::env::var_os("REDWARDEN_TEST_LOCK_RUN").is_none() {
        return;
    }
    let var = |name: &str| std::env::var(name).unwrap();
    let endpoint = Endpoint::tcp("127.0.0.1", var("TEST_PORT").parse().unwrap());
    let mut job = options("lock:a", &var("TEST_SCRIPT"));
    job.wait = Some(Duration::from_secs(var("TEST_WAIT").parse().unwrap()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let code = match runtime.block_on(run(&endpoint, job)) {
        Ok(code) => code,
        Err(error) => error.exit_code(),
    };
    std::process::exit(code.into());
}

#[tokio::test]
async fn signals_go_to_the_command_and_secrets_do_not() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    for (signal, trap, code) in
        [(Signal::TERM, "TERM", 21), (Signal::INT, "INT", 22), (Signal::HUP, "HUP", 23)]
    {
        let up = dir.path().join(trap);
        let script = format!(
            "trap 'exit {code}' {trap}; env > '{0}.p'; mv '{0}.p' '{0}'; while :; do sleep 0.02; done",
            up.display()
        );
        let mut process = Process::start(server.port(), 0, &script);
        eventually("it runs", async || up.exists()).await;
        let env = std::fs::read_to_string(&up).unwrap();
        assert!(env.contains("REDWARDEN_LOCK_KEY=lock:a") && !env.contains("hunter2"), "{env}");
        process.signal(signal);
        assert_eq!(process.ended().await.code(), Some(code));
        assert_eq!(db.int("EXISTS lock:a").await, 0, "waited for, then released");
    }
}

#[tokio::test]
async fn a_signal_while_waiting_runs_nothing() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    db.run("SET lock:a other").await;
    let dir = tempfile::tempdir().unwrap();
    let ran = dir.path().join("ran");
    let mut process = Process::start(server.port(), 60, &format!("touch '{}'", ran.display()));
    eventually("it waits", async || {
        db.run("CLIENT LIST").await.as_bytes().unwrap().to_string().contains(":lock ")
    })
    .await;
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(143));
    assert!(!ran.exists());
    assert_eq!(db.run("GET lock:a").await.as_bytes(), Some("other".into()));
}

#[tokio::test]
async fn a_killed_lock_run_leaves_a_lock_that_ends_by_itself() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let up = dir.path().join("up");
    let script = format!("touch '{0}'; while [ -e '{0}' ]; do sleep 0.02; done", up.display());
    let mut process = Process::start(server.port(), 0, &script);
    eventually("it runs", async || up.exists()).await;
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    assert!((1..=10_000).contains(&db.int("PTTL lock:a").await));
}

fn entries(dir: &Path) -> Vec<serde_json::Value> {
    audit::read(&audit::path_in(dir)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn each_run_is_written_down_before_and_after() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let audited =
        |script: &str| LockRunOptions { audit: Audit::in_dir(dir.path()), ..options("lock:a", script) };
    assert_eq!(run(&server.endpoint(), audited("exit 7 # hunter2")).await, Ok(7));
    let mut key_taken = audited("exit 0");
    db.run("SET lock:b other").await;
    key_taken.key = "lock:b".into();
    assert_eq!(run(&server.endpoint(), key_taken).await.unwrap_err().exit_code(), NOT_ACQUIRED);
    let mut missing = audited("");
    missing.command = vec!["/there/is/no/such/program".into()];
    assert_eq!(run(&server.endpoint(), missing).await.unwrap_err().exit_code(), 127);
    let mut lost = audited("while [ -e \"$GATE\" ]; do sleep 0.02; done; exit 4");
    let gate = dir.path().join("gate");
    std::fs::write(&gate, "").unwrap();
    lost.command.insert(0, format!("GATE={}", gate.display()).into());
    lost.command.insert(0, "env".into());
    let endpoint = server.endpoint();
    let task = tokio::spawn(async move { run(&endpoint, lost).await });
    eventually("held", async || db.int("EXISTS lock:a").await == 1).await;
    db.run("SET lock:a thief").await;
    std::fs::remove_file(&gate).unwrap();
    assert_eq!(task.await.unwrap(), Ok(4));

    let entries = entries(dir.path());
    let told: Vec<_> =
        entries.iter().map(|e| (e["phase"].as_str().unwrap(), e["outcome"].as_str())).collect();
    let expected = [Some("done"), Some("not_acquired"), Some("not_done"), Some("lost")]
        .into_iter()
        .flat_map(|outcome| [("before", None), ("after", outcome)]);
    assert_eq!(told, expected.collect::<Vec<_>>());
    for pair in entries.chunks(2) {
        assert_eq!(pair[0]["id"], pair[1]["id"]);
        assert!(pair[0]["intent"] == "lock-run" && pair[0]["node"] == "a", "{pair:?}");
    }
    assert!(entries[1]["key"] == "lock:a" && entries[1]["exit_code"] == 7, "{entries:?}");
    assert_eq!(entries[7]["exit_code"], 4);
    assert!(entries[0]["commands"][0].as_str().unwrap().starts_with("SET lock:a "), "{}", entries[0]);
    assert!(!format!("{entries:?}").contains("hunter2"), "a command may hold secrets");
    let table = audit::table(audit::read(&audit::path_in(dir.path())).unwrap());
    assert!(table[0].contains("lock-run") && table[0].contains("exit code 7"), "{table:?}");
}

#[tokio::test]
async fn without_an_audit_file_nothing_is_taken_or_run() {
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    let dir = tempfile::tempdir().unwrap();
    let (ran, blocked) = (dir.path().join("ran"), dir.path().join("file"));
    // A file where the directory should be: it cannot be made, not even by root.
    std::fs::write(&blocked, "").unwrap();
    let script = format!("touch '{}'", ran.display());
    let job = LockRunOptions { audit: Audit::in_dir(&blocked.join("state")), ..options("lock:a", &script) };
    let error = run(&server.endpoint(), job).await.unwrap_err();
    assert_eq!(error.exit_code(), UNAVAILABLE);
    assert!(error.to_string().contains("audit file cannot be written"), "{error}");
    assert!(!ran.exists());
    let stats = db.run("INFO commandstats").await.as_bytes().unwrap().to_string();
    assert!(!stats.contains("cmdstat_set:"), "nothing was sent");
}

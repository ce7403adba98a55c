//! Locks of a real library: one process holds, another one waits, and redwarden releases.

use std::path::{Path, PathBuf};

use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::db::{Db, eventually};
use super::debian::Debian;
use super::driver::Driver;
use super::node::Node;
use super::python::Python;
use super::shell::{Ran, Shell};

/// A server, two processes of the library on it, and redwarden's headless commands.
pub(crate) struct Scene {
    pub(crate) db: Db,
    pub(crate) holder: Driver,
    pub(crate) waiter: Driver,
    shell: Shell,
    pub(crate) server: Server,
}

/// Where the programs and the lists of packages are.
pub(crate) fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries").join(path)
}

impl Scene {
    /// With the packages of `python/{packages}.txt` and the program `python/{program}.py`.
    pub(crate) async fn python(packages: &str, program: &str, arguments: &[&str]) -> Self {
        let python = Python::with(&beside(&format!("python/{packages}.txt")));
        let program = format!("{program}.py");
        Self::new(|server| python.driver(server, &program, arguments)).await
    }

    /// With the packages of `node/{packages}` and the program `node/{program}.js`.
    pub(crate) async fn node(packages: &str, program: &str, arguments: &[&str]) -> Self {
        let node = Node::with(&beside(&format!("node/{packages}")));
        let program = format!("{program}.js");
        Self::new(|server| node.driver(server, &program, arguments)).await
    }

    /// With PHP's `library` of Debian's and the program `php/{program}.php`.
    pub(crate) async fn php(library: &str, program: &str, arguments: &[&str]) -> Self {
        let php = Debian::php(library);
        let program = format!("{program}.php");
        Self::new(|server| php.driver(server, &program, arguments)).await
    }

    async fn new(driver: impl Fn(&Server) -> Driver) -> Self {
        let server = Server::start(&[]).unwrap();
        let (holder, waiter) = (driver(&server), driver(&server));
        Self { db: Db::open(&server.endpoint()).await, holder, waiter, shell: Shell::new(), server }
    }

    /// One takes the lock, the other one waits for it: it has tried and does not have it.
    pub(crate) async fn contend(&mut self) {
        assert_eq!(self.holder.ask("acquire", &[]), json!(true));
        let before = tries(&mut self.db).await;
        self.waiter.ask("wait", &[]);
        let db = &mut self.db;
        eventually("the waiter tries", async || tries(db).await > before).await;
        assert_eq!(self.waiter.ask("waited", &[]), Value::Null, "it does not wait");
    }

    /// The locks as `redwarden locks` shows them, by key.
    pub(crate) fn locks(&self, more: &[&str]) -> Vec<Value> {
        let url = self.server.url();
        let ran = self.shell.run(&[&["locks", "--format", "json", "-u", &url], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let mut locks = ran.json()["locks"].as_array().unwrap().clone();
        locks.sort_by_key(|lock| lock["key"].to_string());
        locks
    }

    /// Any command of redwarden.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.shell.run(args)
    }

    /// The only lock.
    pub(crate) fn lock(&self) -> Value {
        only(self.locks(&[]))
    }

    /// The lock in this key, beside others.
    pub(crate) fn lock_in(&self, key: &str) -> Value {
        only(self.locks(&[]).into_iter().filter(|lock| lock["key"] == key).collect())
    }

    /// The only lock, after it was watched for so long.
    pub(crate) fn watched(&self, long: &str) -> Value {
        only(self.locks(&["--for", long]))
    }

    /// Waits until so many jobs have stood at the gate.
    pub(crate) async fn busy(&mut self, jobs: i64) {
        let db = &mut self.db;
        let wanted = jobs.to_string();
        eventually("a job at the gate", async || {
            db.run("GET gate-started").await.as_bytes().is_some_and(|n| n.as_slice() == wanted.as_bytes())
        })
        .await;
    }

    pub(crate) async fn open_gate(&mut self) {
        self.db.run("SET gate-open 1").await;
    }

    /// `redwarden locks release KEY --yes`.
    pub(crate) fn release(&self, key: &str) -> Ran {
        self.release_with(key, &[])
    }

    /// The same with more flags.
    pub(crate) fn release_with(&self, key: &str, more: &[&str]) -> Ran {
        self.shell.run(&[&["locks", "release", key, "--yes", "-u", &self.server.url()], more].concat())
    }

    /// Releases a lock and waits until the waiter has it. Returns what the release said.
    pub(crate) fn hand_over(&mut self, key: &str) -> String {
        let ran = self.release(key);
        assert_eq!(ran.code, 0, "{}", ran.err);
        self.waiter.until("waited", &json!(true));
        ran.err
    }
}

fn only(locks: Vec<Value>) -> Value {
    match <[Value; 1]>::try_from(locks) {
        Ok([lock]) => lock,
        Err(locks) => panic!("not one lock: {locks:#?}"),
    }
}

/// How many commands were sent that may take a lock; ours read by others.
async fn tries(db: &mut Db) -> u64 {
    let info = db.run("INFO commandstats").await.as_bytes().unwrap();
    let info = String::from_utf8(info.as_slice().to_vec()).unwrap();
    let taking = ["set", "setnx", "hsetnx", "eval", "evalsha", "zadd", "watch"];
    info.lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .filter(|(command, _)| taking.contains(command))
        .map(|(_, rest)| rest.split(',').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// Waits until so many clients are blocked.
pub(crate) async fn blocked(db: &mut Db, how_many: u64) {
    let wanted = format!("blocked_clients:{how_many}");
    eventually(&wanted, async || {
        let info = db.run("INFO clients").await.as_bytes().unwrap();
        String::from_utf8_lossy(info.as_slice()).lines().any(|line| line == wanted)
    })
    .await;
}

/// Asserts that a lock is of this family, in this key and state.
#[track_caller]
pub(crate) fn assert_lock(lock: &Value, family: &str, key: &str, state: &str) {
    let is = [&lock["family"], &lock["key"], &lock["state"]];
    assert_eq!(is, [family, key, state], "{lock:#}");
    assert!(lock["token"].is_string() || lock["token_b64"].is_string(), "{lock:#}");
}

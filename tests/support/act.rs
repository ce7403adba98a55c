//! Helpers for tests of actions: a server, a raw connection, requests, a private audit file.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use redwarden::act::{ActionEvent, Audit, NotDone, Outcome, PreparedAction, Request, Seen, Services};
use redwarden::config::Endpoint;
use redwarden::domain::lock::{Token, Ttl};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Command, LockId, NodeId, QueueId, Reply, Stamp};
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Long and varied enough to prove identity.
pub const TOKEN: &str = "3f8a61c2-9a7e-4a1f-8a55-0c8a2f0d7b11";

/// A server with what actions need around it.
pub struct Bench {
    pub server: Server,
    pub state: tempfile::TempDir,
}

impl Bench {
    pub fn start(args: &[&str]) -> Self {
        Self { server: Server::start(args).unwrap(), state: tempfile::tempdir().unwrap() }
    }

    pub fn services(&self) -> Services {
        self.services_at(self.server.endpoint())
    }

    pub fn services_at(&self, endpoint: Endpoint) -> Services {
        Services {
            directory: Arc::new(move |_| Some(endpoint.clone())),
            routes: Arc::new(|_| None),
            permit: Some(WritePermit::for_own_servers()),
            families: redwarden::family::registry::LockFamilies::default(),
            audit: Audit::in_dir(self.state.path()),
            timeout: TIMEOUT,
        }
    }

    pub fn services_as(&self, user: &str) -> Services {
        self.services_at(Endpoint {
            username: Some(user.into()),
            password: Some(redwarden::config::Secret::new("pw")),
            ..self.server.endpoint()
        })
    }

    pub async fn raw(&self) -> Writer {
        raw(&self.server.endpoint()).await
    }

    pub fn audit_lines(&self) -> Vec<serde_json::Value> {
        let path = Audit::in_dir(self.state.path()).path().to_path_buf();
        match redwarden::act::audit::read(&path) {
            Ok(lines) => lines.map(Result::unwrap).collect(),
            Err(_) => Vec::new(),
        }
    }
}

pub async fn raw(endpoint: &Endpoint) -> Writer {
    Writer::open(endpoint, ClientRole::Demo, TIMEOUT, WritePermit::for_own_servers()).await.unwrap()
}

/// Splits at spaces.
pub fn cmd(text: &str) -> Command {
    Command::new(text)
}

pub async fn run(writer: &mut Writer, text: &str) -> Reply {
    let reply = writer.call(&cmd(text)).await.unwrap();
    assert!(reply.as_error().is_none(), "{text}: {reply:?}");
    reply
}

pub async fn exists(writer: &mut Writer, key: &str) -> bool {
    writer.call(&Command::new("EXISTS").arg(key)).await.unwrap() == Reply::Int(1)
}

pub async fn pttl(writer: &mut Writer, key: &str) -> i64 {
    writer.call(&Command::new("PTTL").arg(key)).await.unwrap().as_int().unwrap()
}

pub fn lock(key: impl Into<Bytes>) -> LockId {
    LockId { node: NodeId::new("n1"), db: 0, key: key.into() }
}

pub fn seen(token: impl Into<Bytes>) -> Seen {
    Seen {
        family: "setnx",
        key_type: "string".into(),
        token: Token::Known(token.into()),
        ttl: Ttl::Never,
        read_at: Stamp::now(),
    }
}

pub fn release(key: &str, token: &str) -> Request {
    Request::Release { lock: lock(key), seen: seen(token) }
}

pub fn enqueue(key: &str, payloads: &[&str], force: bool) -> Request {
    Request::Enqueue {
        queue: QueueId { node: NodeId::new("n1"), db: 0, key: key.into() },
        payloads: payloads.iter().map(|p| Bytes::from(*p)).collect(),
        push: PushEnd::Left,
        library: None,
        force,
    }
}

/// Prepares and executes.
pub async fn act(services: &Services, request: Request) -> Outcome {
    let action: PreparedAction = services.prepare(request).await.unwrap();
    redwarden::act::execute(action).await.1
}

pub fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. })
}

pub fn not_done(outcome: &Outcome) -> &NotDone {
    match outcome {
        Outcome::NotDone(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Waits for an event, at most ten seconds.
pub async fn next(events: &mut tokio::sync::mpsc::Receiver<ActionEvent>) -> ActionEvent {
    tokio::time::timeout(Duration::from_secs(15), events.recv())
        .await
        .expect("no event")
        .expect("executor ended")
}

/// Polls until the condition holds, at most ten seconds.
pub async fn until<F: AsyncFnMut() -> bool>(what: &str, holds: F) {
    until_within(10, what, holds).await;
}

/// Polls until the condition holds, at most so many seconds.
pub async fn until_within<F: AsyncFnMut() -> bool>(seconds: u64, what: &str, mut holds: F) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

//! A plain client for tests, and waiting without sleeping blindly.

#![allow(dead_code, reason = "each test binary uses its share")]

use std::time::{Duration, Instant};

use redwarden::config::Endpoint;
use redwarden::domain::{Bytes, Command, Reply};
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

pub(crate) struct Db(Writer);

impl Db {
    pub(crate) async fn open(endpoint: &Endpoint) -> Self {
        let permit = WritePermit::for_own_servers();
        let open = Writer::open(endpoint, ClientRole::Demo, Duration::from_secs(10), permit);
        Self(open.await.expect("a connection"))
    }

    /// Runs a command written as in redis-cli, arguments split at spaces.
    pub(crate) async fn run(&mut self, command: &str) -> Reply {
        self.send(Command::new(command)).await
    }

    pub(crate) async fn send(&mut self, command: Command) -> Reply {
        self.0.call(&command).await.expect("a reply")
    }

    pub(crate) async fn int(&mut self, command: &str) -> i64 {
        self.run(command).await.as_int().expect("an integer")
    }

    pub(crate) async fn list(&mut self, key: &str) -> Vec<String> {
        let reply = self.run(&format!("LRANGE {key} 0 -1")).await;
        let items = reply.as_array().expect("a list");
        items
            .iter()
            .map(|r| r.as_bytes().as_ref().and_then(Bytes::as_utf8).unwrap_or("?").to_string())
            .collect()
    }

    pub(crate) async fn keys(&mut self, pattern: &str) -> Vec<String> {
        let reply = self.run(&format!("KEYS {pattern}")).await;
        let items = reply.as_array().expect("a list");
        items.iter().map(|r| r.as_bytes().expect("a key").to_string()).collect()
    }
}

/// Polls until the condition holds; fails loudly after half a minute.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

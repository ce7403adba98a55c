//! A cluster of two whose slots move while somebody acts, and services that know both nodes.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::sync::Arc;
use std::time::Duration;

use redwarden::act::{Audit, Services};
use redwarden::config::{Address, Endpoint, Secret};
use redwarden::domain::slots::slot_of;
use redwarden::domain::{Bytes, Command, LockId, NodeId};
use redwarden::launcher::{Cluster, ClusterShape};
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

/// Two primaries, a private audit file, and a user who may run no scripts.
pub struct Pair {
    pub cluster: Cluster,
    pub state: tempfile::TempDir,
}

impl Pair {
    pub async fn start() -> Self {
        let shape = ClusterShape { primaries: 2, ..ClusterShape::default() };
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(&shape)).await.unwrap().unwrap();
        let pair = Self { cluster, state: tempfile::tempdir().unwrap() };
        for i in 0..2 {
            pair.say(i, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
        }
        pair
    }

    pub fn endpoint(&self, index: usize) -> Endpoint {
        self.cluster.server(index).unwrap().endpoint()
    }

    pub fn node(&self, index: usize) -> NodeId {
        NodeId::new(&self.endpoint(index).address.to_string())
    }

    pub fn port(&self, index: usize) -> u16 {
        self.cluster.server(index).unwrap().port()
    }

    pub async fn raw(&self, index: usize) -> Writer {
        let permit = WritePermit::for_own_servers();
        Writer::open(&self.endpoint(index), ClientRole::Demo, Duration::from_secs(5), permit).await.unwrap()
    }

    /// Runs words on a node; the answer as text.
    pub async fn say(&self, index: usize, words: &str) -> String {
        let reply = self.raw(index).await.call(&Command::new(words)).await.unwrap();
        assert!(reply.as_error().is_none(), "{words}: {reply:?}");
        reply.as_bytes().map(|b| b.escaped()).unwrap_or_default()
    }

    /// The same with ASKING before.
    pub async fn ask(&self, index: usize, words: &str) -> String {
        let mut raw = self.raw(index).await;
        raw.ask();
        let reply = raw.call(&Command::new(words)).await.unwrap();
        assert!(reply.as_error().is_none(), "{words}: {reply:?}");
        reply.as_bytes().map(|b| b.escaped()).unwrap_or_default()
    }

    /// A lock whose name hashes to a slot of that node.
    pub fn key_on(&self, index: usize) -> String {
        (0..10_000).map(|n| format!("lock:{n}")).find(|k| self.owner(k) == index).unwrap()
    }

    pub fn owner(&self, key: &str) -> usize {
        self.cluster.owner_of(slot_of(key.as_bytes())).unwrap()
    }

    pub fn lock(&self, index: usize, key: &str) -> LockId {
        LockId { node: self.node(index), db: 0, key: Bytes::from(key) }
    }

    /// Services that know these nodes, as this user.
    pub fn services(&self, known: &[usize], user: Option<&str>) -> Services {
        let with = |mut endpoint: Endpoint| {
            if let Some(user) = user {
                endpoint.username = Some(user.into());
                endpoint.password = Some(Secret::new("pw"));
            }
            endpoint
        };
        let nodes: Vec<(NodeId, Endpoint)> =
            known.iter().map(|i| (self.node(*i), with(self.endpoint(*i)))).collect();
        let routes = nodes.clone();
        Services {
            directory: Arc::new(move |id| {
                nodes.iter().find(|(known, _)| known == id).map(|(_, endpoint)| endpoint.clone())
            }),
            routes: Arc::new(move |address: &Address| {
                routes.iter().find(|(_, endpoint)| endpoint.address == *address).map(|(id, _)| id.clone())
            }),
            permit: Some(WritePermit::for_own_servers()),
            families: redwarden::family::registry::LockFamilies::default(),
            audit: Audit::in_dir(self.state.path()),
            timeout: Duration::from_secs(5),
        }
    }

    pub fn audit_lines(&self) -> Vec<serde_json::Value> {
        let path = Audit::in_dir(self.state.path()).path().to_path_buf();
        redwarden::act::audit::read(&path).unwrap().map(Result::unwrap).collect()
    }

    /// The slot of this key begins to move; its keys stay until [`Pair::carry`].
    pub async fn begin_move(&self, key: &str, from: usize, to: usize) {
        let slot = slot_of(key.as_bytes());
        let (source, target) = (self.cluster.id(from).unwrap(), self.cluster.id(to).unwrap());
        self.say(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}")).await;
        self.say(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}")).await;
    }

    /// Carries one key over.
    pub async fn carry(&self, key: &str, from: usize, to: usize) {
        let port = self.port(to);
        assert_eq!(self.say(from, &format!("MIGRATE 127.0.0.1 {port} {key} 0 5000")).await, "OK");
    }

    /// The slot of this key has arrived.
    pub async fn end_move(&self, key: &str, to: usize) {
        let (slot, target) = (slot_of(key.as_bytes()), self.cluster.id(to).unwrap());
        for i in [to, 1 - to] {
            self.say(i, &format!("CLUSTER SETSLOT {slot} NODE {target}")).await;
        }
    }
}

//! The replica on which a primary's keys are searched, where the user asked for that: which one, and the connection to
//! it. What a key holds is read from the primary all the same. SCAN names no key, so that a cluster's replica answers
//! it as it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::fleet::Shared;
use crate::config::Endpoint;
use crate::domain::node::{NodeFacts, NodeState, Reason, Role};
use crate::domain::snapshot::{Board, SearchedOn};
use crate::domain::{Bytes, NodeId, NodeSnapshot, Reply};
use crate::redis_io::{CallError, ClientRole, Reader, connect};

/// A replica that failed is left alone for so long.
const LEAVE_FOR: Duration = Duration::from_secs(30);
/// At the start the search waits so long, at most, for nodes that were not heard yet.
const WAIT_FOR_ALL: Duration = Duration::from_secs(3);
/// Time until the next look for a replica while it waits.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// A primary sends something every `repl-ping-replica-period` (10 s).
const SILENT: Duration = Duration::from_secs(20);

const NONE_FOLLOWS: &str = "none of its replicas is watched, up and in step with it";
const FAILED: &str = "its replica does not let itself be searched";

/// See the module.
#[derive(Default)]
pub(super) struct Scout {
    post: Option<Post>,
    /// Replicas that failed, until when they are left alone.
    left: HashMap<NodeId, Instant>,
    waiting_since: Option<Instant>,
}

/// A connection to a replica.
struct Post {
    node: NodeId,
    reader: Reader,
    selected: u32,
    rtt: Duration,
}

/// What to do with the search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Orders {
    /// Go on; `anew`: on another server than before, where the cursor means nothing.
    Search { on: SearchedOn, anew: bool },
    /// Nodes were not heard yet, and one of them may be a replica: until then.
    Wait(Instant),
}

impl Scout {
    /// Sees to it that the connection leads to a replica that is fit. `primary`: what the node that is searched for
    /// says of itself.
    pub(super) async fn keep(&mut self, shared: &Shared, primary: &NodeFacts) -> Orders {
        let now = Instant::now();
        self.left.retain(|_, until| *until > now);
        let board = shared.now();
        let fit: Vec<&NodeId> = fit(&board, primary).filter(|id| !self.left.contains_key(*id)).collect();
        if self.post.as_ref().is_some_and(|post| fit.contains(&&post.node)) {
            return self.orders(false, "");
        }
        let had = self.post.take().is_some();
        for node in fit {
            let Some(endpoint) = shared.peers.endpoint(node) else { continue };
            match Post::open(node, &endpoint, shared.config.timeout).await {
                Ok(post) => {
                    self.post = Some(post);
                    return self.orders(true, "");
                }
                Err(_) => self.leave(node.clone()),
            }
        }
        let unheard = board.iter().any(|n| n.status.reason == Some(Reason::Connecting));
        let since = *self.waiting_since.get_or_insert(now);
        if unheard && !had && now < since + WAIT_FOR_ALL {
            return Orders::Wait(now + ASK_AGAIN);
        }
        self.orders(had, if self.left.is_empty() { NONE_FOLLOWS } else { FAILED })
    }

    fn orders(&self, anew: bool, why: &'static str) -> Orders {
        let on = match &self.post {
            Some(post) => SearchedOn::Replica(post.node.clone()),
            None => SearchedOn::NoReplica(why),
        };
        Orders::Search { on, anew }
    }

    /// Lets go of the replica: the node is no primary that is searched.
    pub(super) fn rest(&mut self) {
        self.post = None;
    }

    /// True when the search reads a replica.
    pub(super) fn is_posted(&self) -> bool {
        self.post.is_some()
    }

    fn leave(&mut self, node: NodeId) {
        self.left.insert(node, Instant::now() + LEAVE_FOR);
    }

    /// A step of SCAN in a database of the replica, and about what it cost; `None`: it does not let itself be
    /// searched, and is left.
    pub(super) async fn scan(
        &mut self,
        shared: &Shared,
        db: u32,
        cursor: &Bytes,
        pattern: Option<&str>,
        count: u32,
    ) -> Option<(Reply, Duration)> {
        let post = self.post.as_mut()?;
        let (started, node) = (Instant::now(), post.node.clone());
        let answer = post.scan(db, cursor, pattern, count).await;
        post.rtt = post.rtt.min(started.elapsed());
        let cost = started.elapsed().saturating_sub(post.rtt);
        shared.peers.spend(&node, cost);
        match answer {
            Ok(reply) if reply.as_error().is_none() => Some((reply, cost)),
            _ => {
                // The next look finds another one, or none.
                self.leave(node.clone());
                None
            }
        }
    }
}

impl Post {
    async fn open(node: &NodeId, endpoint: &Endpoint, timeout: Duration) -> Result<Self, CallError> {
        // A database that may not be selected is no reason to take it for dead.
        let endpoint = Endpoint { db: 0, ..endpoint.clone() };
        let mut reader = connect(&endpoint, ClientRole::Poll, timeout).await?;
        let started = Instant::now();
        reader.ping().await?;
        Ok(Self { node: node.clone(), reader, selected: 0, rtt: started.elapsed() })
    }

    async fn scan(
        &mut self,
        db: u32,
        cursor: &Bytes,
        pattern: Option<&str>,
        count: u32,
    ) -> Result<Reply, CallError> {
        if self.selected != db {
            let selected = self.reader.select(db).await?;
            if selected.as_error().is_some() {
                return Ok(selected);
            }
            self.selected = db;
        }
        self.reader.scan(cursor, pattern, count).await
    }
}

/// The replicas of this primary that are up and in step with it, in the order of the fleet.
fn fit<'b>(board: &'b Board, primary: &NodeFacts) -> impl Iterator<Item = &'b NodeId> {
    let history = primary.replication_id.clone().filter(|_| primary.role == Some(Role::Primary));
    board.iter().filter(move |node| follows(node, history.as_deref())).map(|node| &node.meta.id)
}

fn follows(node: &NodeSnapshot, history: Option<&str>) -> bool {
    let Some(facts) = node.facts.as_deref().filter(|_| node.status.state == NodeState::Up) else {
        return false;
    };
    facts.role == Some(Role::Replica)
        && history.is_some()
        && facts.replication_id.as_deref() == history
        && facts.primary_link_up == Some(true)
        && facts.syncing != Some(true)
        && !facts.loading
        && facts.primary_heard.is_none_or(|ago| ago < SILENT)
}

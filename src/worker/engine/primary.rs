//! Finds the queue's primary again: after a failover it is another server, and which one is proven by its history.
//!
//! A promoted replica keeps the replication id of the primary it followed as `master_replid2` (Redis 4 and later).
//! Only such a node is taken for the successor; any other primary holds other queues.

use super::super::trouble::Trouble;
use super::Engine;
use crate::config::Endpoint;
use crate::domain::{Command, Reply};
use crate::redis_io::{ClientRole, WritePermit, Writer};

/// What is known of the primary's history.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Its `master_replid`.
    replid: Option<String>,
    /// INFO is not permitted: not asked again.
    denied: bool,
}

impl Lineage {
    /// Reads the history of a primary we work on.
    pub(super) async fn look(&mut self, writer: &mut Writer) -> Result<(), Trouble> {
        if self.denied {
            return Ok(());
        }
        match writer.call(&Command::new("INFO replication")).await? {
            Reply::Error(e) => self.denied = e.is_denied(),
            reply => {
                let found = Replication::read(&reply);
                // It was demoted under us: writes would be refused from now on.
                if found.is_replica() {
                    return Err(Trouble::Lost("it is a replica now".into()));
                }
                self.remember(found);
            }
        }
        Ok(())
    }

    fn remember(&mut self, found: Replication) {
        self.replid = found.replid.or_else(|| self.replid.take());
    }
}

/// INFO replication, as far as it matters here.
#[derive(Debug, Default)]
struct Replication {
    role: Option<String>,
    replid: Option<String>,
    /// The primary that this one followed before it was promoted.
    former: Option<String>,
}

impl Replication {
    fn read(reply: &Reply) -> Self {
        let bytes = reply.as_bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.as_slice());
        let mut found = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.trim_end().split_once(':')) {
            match name {
                "role" => found.role = Some(value.to_string()),
                "master_replid" => found.replid = Some(value.to_string()),
                "master_replid2" => found.former = Some(value.to_string()),
                _ => {}
            }
        }
        found
    }

    fn is_replica(&self) -> bool {
        self.role.as_deref() == Some("slave")
    }

    /// True when this node is the primary of that history, or took it over.
    fn succeeds(&self, replid: &str) -> bool {
        !self.is_replica()
            && (self.former.as_deref() == Some(replid) || self.replid.as_deref() == Some(replid))
    }
}

impl Engine {
    /// Connects to the queue's primary: where it was, where its node is now, or where it went.
    pub(super) async fn open_primary(&mut self, permit: WritePermit) -> Result<Writer, Trouble> {
        let db = self.source.queue.db;
        let configured = (self.shared.spec.directory)(&self.source.queue.node);
        let mut own: Vec<Endpoint> = self.endpoint.clone().into_iter().collect();
        own.extend(configured.map(|endpoint| Endpoint { db, ..endpoint }));
        own.dedup();
        let mut histories: Vec<String> = self.lineage.replid.clone().into_iter().collect();
        let mut trouble = None;
        for endpoint in own {
            match self.look_at(&endpoint, permit).await {
                Ok((writer, found)) if !found.is_replica() => {
                    return Ok(self.settle_on(endpoint, writer, found));
                }
                Ok((_, found)) => {
                    // What it follows by now is the history of its primary.
                    histories.extend(found.replid);
                    let why = format!("{} is a replica, and its primary is not watched", endpoint.address);
                    trouble.get_or_insert(Trouble::Lost(why));
                }
                Err(why) => drop(trouble.get_or_insert(why)),
            }
        }
        // Only nodes that are watched are dialled: an address that a server tells may be anybody's.
        if !histories.is_empty() {
            for endpoint in (self.shared.spec.peers)() {
                let endpoint = Endpoint { db, ..endpoint };
                if let Ok((writer, found)) = self.look_at(&endpoint, permit).await
                    && histories.iter().any(|replid| found.succeeds(replid))
                {
                    return Ok(self.settle_on(endpoint, writer, found));
                }
            }
        }
        Err(trouble.unwrap_or_else(|| Trouble::Never("that node is not configured any more".into())))
    }

    async fn look_at(
        &mut self,
        endpoint: &Endpoint,
        permit: WritePermit,
    ) -> Result<(Writer, Replication), Trouble> {
        let timeout = self.shared.spec.timeout;
        let mut writer = Writer::open(endpoint, ClientRole::Worker, timeout, permit).await?;
        if self.lineage.denied {
            return Ok((writer, Replication::default()));
        }
        let found = match writer.call(&Command::new("INFO replication")).await? {
            Reply::Error(e) => {
                self.lineage.denied = e.is_denied();
                Replication::default()
            }
            reply => Replication::read(&reply),
        };
        Ok((writer, found))
    }

    fn settle_on(&mut self, endpoint: Endpoint, writer: Writer, found: Replication) -> Writer {
        if self.endpoint.as_ref().is_some_and(|before| before.address != endpoint.address) {
            self.note(format!("goes on with {}, which is the primary now", endpoint.address));
            // Ids of connections belong to the server that gave them.
            self.former.clear();
        }
        self.lineage.remember(found);
        self.endpoint = Some(endpoint);
        writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Replication {
        Replication::read(&Reply::Bulk(text.into()))
    }

    #[test]
    fn a_successor_is_told_by_its_history() {
        let old = "role:master\r\nmaster_replid:aaa\r\nmaster_replid2:000\r\n";
        assert!(read(old).succeeds("aaa"));
        assert!(read("role:master\nmaster_replid:bbb\nmaster_replid2:aaa\n").succeeds("aaa"));
        assert!(!read("role:master\nmaster_replid:ccc\nmaster_replid2:000\n").succeeds("aaa"));
        let replica = read("role:slave\nmaster_replid:aaa\n");
        assert!(replica.is_replica() && !replica.succeeds("aaa"));
    }
}

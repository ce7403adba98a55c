//! The connection of one action: opened when its dialog opens, kept until it ends.

use super::plan::{Back, Target};
use super::route::{MOST_HOPS, Stop};
use super::services::{Services, named};
use super::{NotDone, Plan};
use crate::domain::bytes::escape_text;
use crate::domain::node::Reason;
use crate::domain::slots::slot_of;
use crate::domain::{Bytes, Command, NodeId};
use crate::redis_io::run_plan::{Means, means_of};
use crate::redis_io::{ClientRole, Writer};

/// A connection that may write, on a primary, with what it can do.
pub(super) struct Session {
    pub(super) writer: Writer,
    pub(super) means: Means,
    pub(super) run_id: Option<String>,
    /// A cluster node that knows sharded pub/sub (7.0).
    pub(super) sharded: bool,
    /// The node it is on: in a cluster perhaps another one than the key was seen on.
    pub(super) node: NodeId,
    /// The key's slot is on its way to this node.
    pub(super) asking: bool,
    /// A node of a cluster: all keys of a plan must be in one slot.
    pub(super) in_cluster: bool,
}

impl Session {
    /// Connects to this node or, in a cluster, to the one that has the subject by now. Refuses in read-only mode
    /// before anything is dialled, and on replicas.
    pub(super) async fn open(
        services: &Services,
        node: &NodeId,
        db: u32,
        subject: &Bytes,
    ) -> Result<Self, String> {
        let mut stop = Stop::at(node);
        for _ in 0..MOST_HOPS {
            match Self::open_at(services, &stop, db, subject).await? {
                Ok(session) => return Ok(session),
                Err(next) => stop = next,
            }
        }
        Err(stop.endless())
    }

    /// Connects to this node. `Err` within: another one has the subject.
    async fn open_at(
        services: &Services,
        stop: &Stop,
        db: u32,
        subject: &Bytes,
    ) -> Result<Result<Self, Stop>, String> {
        let Stop { node, asking } = stop;
        let permit = services.permit.ok_or_else(|| NotDone::ReadOnlyMode.to_string())?;
        let endpoint = services.endpoint(node, db)?;
        let fail = |error| named(node, &error);
        let mut writer =
            Writer::open(&endpoint, ClientRole::Act, services.timeout, permit).await.map_err(fail)?;
        if *asking {
            writer.ask();
        }
        let sections = [Command::new("INFO server"), Command::new("INFO replication")];
        let info = writer.pipeline(&sections).await.map_err(fail)?;
        let text: String = info
            .iter()
            .filter_map(crate::domain::Reply::as_bytes)
            .map(|b| String::from_utf8_lossy(b.as_slice()).into_owned())
            .collect();
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        if field("role") == Some("slave") {
            let host = field("master_host").unwrap_or("?");
            let primary = escape_text(&format!("{host}:{}", field("master_port").unwrap_or("?")));
            return Err(NotDone::Replica(format!("its primary is {primary}")).to_string());
        }
        let run_id = field("run_id").map(str::to_string);
        let in_cluster = field("redis_mode").or(field("server_mode")) == Some("cluster");
        let major = field("redis_version").and_then(|v| v.split('.').next()?.parse::<u32>().ok());
        let sharded = in_cluster && major.is_some_and(|major| major >= 7);
        match means_of(&mut writer, subject).await.map_err(fail)? {
            Ok(means) => {
                let (node, asking) = (node.clone(), *asking);
                Ok(Ok(Self { writer, means, run_id, sharded, node, asking, in_cluster }))
            }
            Err(redirect) => Ok(Err(stop.next(services, &endpoint, &redirect)?)),
        }
    }

    /// What a plan on this connection aims at.
    pub(super) fn target(&self, db: u32) -> Target {
        Target { node: self.node.clone(), db, run_id: self.run_id.clone() }
    }

    /// Refuses a plan whose keys no node of the cluster has together; says where it runs if that is elsewhere.
    pub(super) fn check(&self, plan: &mut Plan, seen_on: &NodeId) -> Result<(), NotDone> {
        if self.node != *seen_on {
            let how = if self.asking { "is on its way" } else { "has moved" };
            plan.effects.push(format!("its slot {how} from {seen_on} to {}: it runs there", self.node));
        }
        let keys = plan.keys();
        let slot = |key: &Bytes| slot_of(key.as_slice());
        let apart = keys.iter().find(|key| self.in_cluster && slot(key) != slot(&plan.subject));
        match apart {
            None => Ok(()),
            Some(other) => Err(NotDone::CrossSlot(format!(
                "{} is in slot {} of the cluster and {other} in slot {}: both cannot be changed in one step",
                plan.subject,
                slot(&plan.subject),
                slot(other)
            ))),
        }
    }

    /// Makes sure the connection is alive before anything is sent: a lost one is opened again where that
    /// loses nothing, on the same server process only.
    pub(super) async fn ready(self, services: &Services, plan: &Plan) -> Result<Self, NotDone> {
        let mut session = self;
        let Err(error) = session.writer.call(&Command::new("PING")).await else { return Ok(session) };
        let watched = plan.undo_of.as_ref().is_some_and(|restore| match &restore.back {
            Back::Value(_) => true,
            Back::Parts(parts) => parts.alone,
        });
        if watched {
            let why = "the connection that watched the key since its release is gone, so \"not used since\" cannot be proven";
            return Err(NotDone::NotSent(format!("{why} ({error})")));
        }
        if plan.unchanged {
            let why = "the connection that watched the key since the dialog opened is gone: ask again";
            return Err(NotDone::NotSent(format!("{why} ({error})")));
        }
        if plan.client().is_some() && plan.target.run_id.is_none() {
            let why =
                "the connection broke, and whether the same server process answers now cannot be proven";
            return Err(NotDone::NotSent(format!("{why} ({error})")));
        }
        if error.reason == Reason::Timeout {
            return Err(NotDone::NotSent(error.to_string()));
        }
        Self::again(services, plan).await
    }

    /// Another connection for a plan whose own was closed, to the same server process only. Where the slot has moved
    /// since, the plan must be made anew.
    pub(super) async fn again(services: &Services, plan: &Plan) -> Result<Self, NotDone> {
        let target = &plan.target;
        let fresh =
            Self::open(services, &target.node, target.db, &plan.subject).await.map_err(NotDone::NotSent)?;
        if target.run_id.is_some() && fresh.run_id != target.run_id {
            return Err(NotDone::OtherServer);
        }
        Ok(fresh)
    }
}

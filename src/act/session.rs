//! The connection of one action: opened when its dialog opens, kept until it ends.

use super::plan::Back;
use super::services::{Services, named};
use super::{NotDone, Plan};
use crate::domain::bytes::escape_text;
use crate::domain::node::Reason;
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
}

impl Session {
    /// Connects. Refuses in read-only mode before anything is dialled, and on replicas.
    pub(super) async fn open(
        services: &Services,
        node: &NodeId,
        db: u32,
        subject: &Bytes,
    ) -> Result<Self, String> {
        let permit = services.permit.ok_or_else(|| NotDone::ReadOnlyMode.to_string())?;
        let endpoint = services.endpoint(node, db)?;
        let fail = |error| named(node, &error);
        let mut writer =
            Writer::open(&endpoint, ClientRole::Act, services.timeout, permit).await.map_err(fail)?;
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
        let major = field("redis_version").and_then(|v| v.split('.').next()?.parse::<u32>().ok());
        let sharded = field("redis_mode") == Some("cluster") && major.is_some_and(|major| major >= 7);
        let means = means_of(&mut writer, subject).await.map_err(fail)?;
        Ok(Self { writer, means, run_id, sharded })
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
        let target = &plan.target;
        let fresh =
            Self::open(services, &target.node, target.db, &plan.subject).await.map_err(NotDone::NotSent)?;
        if target.run_id.is_some() && fresh.run_id != target.run_id {
            return Err(NotDone::OtherServer);
        }
        Ok(fresh)
    }
}

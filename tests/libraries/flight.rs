//! A canary of ours among a real library's own workers, and whether anything of it is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redwarden::act::canary::{Stage, Trail, clean};
use redwarden::act::{Audit, Outcome, Request, Services, execute};
use redwarden::config::{CanaryTask, Config};
use redwarden::domain::glob::Glob;
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, Command, NodeId, QueueId, Reply};
use redwarden::family::registry::{Canaries, LockFamilies};
use redwarden::launcher::Server;
use redwarden::redis_io::WritePermit;

use super::db::Db;

/// Long enough for a worker that polls.
const PATIENT: Duration = Duration::from_secs(60);

/// A task of the user's that does no harm.
pub(crate) fn task(family: &str, name: &str, args: Option<&str>) -> CanaryTask {
    CanaryTask {
        family: family.into(),
        queue: None,
        task: Some(name.into()),
        args: args.map(|args| serde_json::from_str(args).unwrap()),
        payload: None,
    }
}

/// What became of a canary.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Stages other than waiting, in their order.
    pub(crate) stages: Vec<Stage>,
    /// What was said of the cleaning, if it did not go without a word.
    pub(crate) cleaning: Option<String>,
}

impl Flight {
    /// Where it ended.
    pub(crate) fn end(&self) -> &Stage {
        self.stages.last().expect("an end")
    }
}

/// Sends a canary, follows it to its end and cleans up.
pub(crate) async fn fly(server: &Server, family: &'static str, key: &str, tasks: Vec<CanaryTask>) -> Flight {
    fly_for(server, family, key, tasks, PATIENT).await
}

/// The same with another patience.
pub(crate) async fn fly_for(
    server: &Server,
    family: &'static str,
    key: &str,
    tasks: Vec<CanaryTask>,
    limit: Duration,
) -> Flight {
    let state = tempfile::tempdir().unwrap();
    let endpoint = server.endpoint();
    let services = Services {
        directory: Arc::new(move |_| Some(endpoint.clone())),
        routes: Arc::new(|_| None),
        permit: Some(WritePermit::for_own_servers()),
        families: LockFamilies::default(),
        canaries: Canaries::new(&Config { canaries: tasks, ..Config::default() }),
        audit: Audit::in_dir(state.path()),
        timeout: Duration::from_secs(5),
    };
    let queue = QueueId { node: NodeId::new("n1"), db: 0, key: key.into() };
    let id = uuid::Uuid::new_v4().to_string();
    let request = Request::Canary { queue, family, push: PushEnd::Left, application: Bytes::default(), id };
    let action = services.prepare(request).await.unwrap();
    let sent = action.canary().unwrap().clone();
    let (plan, outcome) = execute(action).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let mut trail = Trail::new(&services, &plan, &sent, limit);
    let mut stages = Vec::new();
    loop {
        let Some((stage, _)) = trail.step().await else { continue };
        let ended = stage.is_end();
        if !matches!(stage, Stage::Waiting(_)) {
            stages.push(stage.clone());
        }
        if ended {
            let cleaning = clean(&services, &plan, &sent.canary, &stage).await;
            return Flight { stages, cleaning };
        }
    }
}

/// All keys with what is in them, but for those that the library writes to all the time.
pub(crate) async fn keyspace(db: &mut Db, its_own: &[&str]) -> BTreeMap<String, Bytes> {
    let own: Vec<Glob> = its_own.iter().map(|glob| Glob::new(glob)).collect();
    let names = db.run("KEYS *").await;
    let mut all = BTreeMap::new();
    for name in names.as_array().unwrap().iter().filter_map(Reply::as_bytes) {
        if own.iter().any(|glob| glob.matches(name.as_slice())) {
            continue;
        }
        if let Some(value) = db.send(Command::new("DUMP").arg(name.clone())).await.as_bytes() {
            all.insert(name.escaped(), value);
        }
    }
    all
}

/// Keys whose names tell of a canary.
pub(crate) async fn left(db: &mut Db) -> Vec<String> {
    db.keys("*redwarden*").await
}

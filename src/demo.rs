//! The demo: a private fleet of throw-away servers with simulated clients, as the dashboard sees it: three nodes, a
//! cluster, or a Sentinel group.
//!
//! The dashboard must be able to die in any way, `kill -9` included, and leave nothing behind. So it owns no server
//! itself: it runs our own binary once more as a supervisor, in a process group of its own, and holds the other end
//! of its stdin. The supervisor owns servers, clients and directory; when its stdin ends, it takes them down.
//! Only a `kill -9` of the supervisor itself would leave its servers running.

mod cast;
mod fleet;
mod locks;
mod place;
mod queues;
mod stage;
mod supervisor;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::{Demo, Stage};
use crate::config::secrets::SECRET_VARIABLES;
use crate::config::{Cluster, NodeConfig, Sentinel, Topology};
use crate::domain::{NodeId, NodeMeta};
use crate::launcher::{self, LaunchError};
use supervisor::Line;

pub use supervisor::supervise;

/// First argument of the supervisor's process; which fleet follows. Not a command for people.
pub const SUPERVISOR_ARGUMENT: &str = "demo-supervisor";

/// Last argument of a supervisor that lets a primary die.
const FAILOVER: &str = "failover";

/// How long a leaving dashboard waits for the supervisor to clean up. It does so also when nobody waits.
const GOODBYE: Duration = Duration::from_secs(5);

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No server binary.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The supervisor could not be run.
    #[error("could not start the demo: {0}")]
    Io(#[from] std::io::Error),
    /// The supervisor gave up; its words.
    #[error("could not start the demo: {0}")]
    Supervisor(String),
}

/// What a server of the demo is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Holds data.
    Data,
    /// Watches those that do.
    Sentinel,
}

/// One server of the demo.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DemoNode {
    /// Name shown in the dashboard.
    pub name: String,
    /// Loopback port.
    pub port: u16,
    /// Its process when the demo began.
    pub pid: u32,
    /// What it is for.
    pub duty: Duty,
}

impl DemoNode {
    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// A running demo. Dropping it takes everything down and waits a moment for that.
#[derive(Debug)]
pub struct DemoFleet {
    /// URLs of the nodes.
    pub urls: Vec<String>,
    /// The nodes.
    pub nodes: Vec<DemoNode>,
    /// The directory that holds everything the demo writes.
    pub dir: PathBuf,
    stage: Stage,
    supervisor: Child,
    /// Open as long as the demo shall run.
    lifeline: Option<ChildStdin>,
}

impl DemoFleet {
    /// The nodes as the configuration wants them; none where the topology tells them.
    pub fn node_configs(&self) -> Vec<NodeConfig> {
        self.nodes
            .iter()
            .filter(|_| self.stage == Stage::Nodes)
            .map(|node| {
                let endpoint = crate::config::Endpoint::tcp("127.0.0.1", node.port);
                let meta = NodeMeta {
                    id: NodeId::new(&node.name),
                    address: endpoint.address.to_string(),
                    db: endpoint.db,
                    group: None,
                };
                NodeConfig { meta, endpoint }
            })
            .collect()
    }

    /// Whom to ask for the nodes of a cluster or a Sentinel group.
    pub fn topology(&self) -> Topology {
        let seeds = |duty| {
            let nodes = self.nodes.iter().filter(move |node| node.duty == duty);
            nodes.map(|node| crate::config::Endpoint::tcp("127.0.0.1", node.port)).collect()
        };
        match self.stage {
            Stage::Nodes => Topology::default(),
            Stage::Cluster => {
                let cluster = Cluster { name: "demo".into(), seeds: seeds(Duty::Data), ..Cluster::default() };
                Topology { clusters: vec![cluster], ..Topology::default() }
            }
            Stage::Sentinel => {
                let sentinel = Sentinel { seeds: seeds(Duty::Sentinel), ..Sentinel::default() };
                Topology { sentinels: vec![sentinel], ..Topology::default() }
            }
        }
    }
}

impl Drop for DemoFleet {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let deadline = Instant::now() + GOODBYE;
        // Never killed: that would orphan its servers. It ends by itself, watched or not.
        while matches!(self.supervisor.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// True when this process was started as the supervisor and should call [`supervise`] at once.
pub fn is_supervisor() -> bool {
    supervised().is_some()
}

/// What this process supervises, by its arguments.
fn supervised() -> Option<Demo> {
    let args: Option<Vec<String>> = std::env::args_os().skip(1).map(|arg| arg.into_string().ok()).collect();
    let args = args?;
    let (first, words) = args.split_first()?;
    let stage = match words.first()?.as_str() {
        "nodes" => Stage::Nodes,
        "cluster" => Stage::Cluster,
        "sentinel" => Stage::Sentinel,
        _ => return None,
    };
    let failover = match words.get(1..)? {
        [] => false,
        [word] if word == FAILOVER => true,
        _ => return None,
    };
    (first == SUPERVISOR_ARGUMENT).then_some(Demo { stage, failover })
}

/// Starts the demo with our own binary as supervisor. Blocks until all servers answer: three nodes take some 100 ms,
/// a cluster or a Sentinel group two or three seconds.
pub fn start(wish: Demo) -> Result<DemoFleet, DemoError> {
    launcher::find_server()?;
    start_with(&std::env::current_exe()?, wish)
}

/// [`start`] with the given redwarden binary as supervisor; for tests, which are other binaries.
pub fn start_with(redwarden: &Path, wish: Demo) -> Result<DemoFleet, DemoError> {
    let mut command = Command::new(redwarden);
    command
        .arg(SUPERVISOR_ARGUMENT)
        .arg(match wish.stage {
            Stage::Nodes => "nodes",
            Stage::Cluster => "cluster",
            Stage::Sentinel => "sentinel",
        })
        .args(wish.failover.then_some(FAILOVER))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // It must not hold on to the terminal, nor write on the dashboard.
        .stderr(Stdio::null());
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
    own_process_group(&mut command);
    let mut supervisor = command.spawn()?;
    let lifeline = supervisor.stdin.take();
    let mut text = String::new();
    if let Some(out) = supervisor.stdout.take() {
        BufReader::new(out).read_line(&mut text)?;
    }
    // From here on each way out drops a fleet and so cleans up.
    let mut fleet = DemoFleet {
        urls: Vec::new(),
        nodes: Vec::new(),
        dir: PathBuf::new(),
        stage: wish.stage,
        supervisor,
        lifeline,
    };
    match serde_json::from_str(&text) {
        Ok(Line::Up { nodes, dir }) => {
            fleet.urls = nodes.iter().map(DemoNode::url).collect();
            fleet.nodes = nodes;
            fleet.dir = dir;
            Ok(fleet)
        }
        Ok(Line::Failed { error }) => Err(DemoError::Supervisor(error)),
        Err(_) => Err(DemoError::Supervisor("the supervisor ended before its servers were up".into())),
    }
}

/// Ctrl-C, Ctrl-Z and a closing terminal signal the dashboard's group; the supervisor must outlive it.
fn own_process_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
    }
}

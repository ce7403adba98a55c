//! The demo: a private fleet of three throw-away servers with simulated clients, as the dashboard sees it.
//!
//! The dashboard must be able to die in any way, `kill -9` included, and leave nothing behind. So it owns no server
//! itself: it runs our own binary once more as a supervisor, in a process group of its own, and holds the other end
//! of its stdin. The supervisor owns servers, clients and directory; when its stdin ends, it takes them down.
//! Only a `kill -9` of the supervisor itself would leave its servers running.

mod cast;
mod locks;
mod queues;
mod stage;
mod supervisor;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::NodeConfig;
use crate::config::secrets::SECRET_VARIABLES;
use crate::domain::{NodeId, NodeMeta};
use crate::launcher::{self, LaunchError};
use supervisor::Line;

pub use supervisor::supervise;

/// First and only argument of the supervisor's process. Not a command for people.
pub const SUPERVISOR_ARGUMENT: &str = "demo-supervisor";

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

/// One server of the demo.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DemoNode {
    /// Name shown in the dashboard.
    pub name: String,
    /// Loopback port.
    pub port: u16,
    /// Its process.
    pub pid: u32,
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
    /// URLs of the three nodes.
    pub urls: Vec<String>,
    /// The nodes.
    pub nodes: Vec<DemoNode>,
    /// The directory that holds everything the demo writes.
    pub dir: PathBuf,
    supervisor: Child,
    /// Open as long as the demo shall run.
    lifeline: Option<ChildStdin>,
}

impl DemoFleet {
    /// The nodes as the configuration wants them.
    pub fn node_configs(&self) -> Vec<NodeConfig> {
        self.nodes
            .iter()
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
    let mut args = std::env::args_os().skip(1);
    args.next().is_some_and(|a| a == SUPERVISOR_ARGUMENT) && args.next().is_none()
}

/// Starts the demo with our own binary as supervisor. Blocks until all servers answer, some 100 ms.
pub fn start() -> Result<DemoFleet, DemoError> {
    launcher::find_server()?;
    start_with(&std::env::current_exe()?)
}

/// [`start`] with the given redwarden binary as supervisor; for tests, which are other binaries.
pub fn start_with(redwarden: &Path) -> Result<DemoFleet, DemoError> {
    let mut command = Command::new(redwarden);
    command
        .arg(SUPERVISOR_ARGUMENT)
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
    let mut fleet =
        DemoFleet { urls: Vec::new(), nodes: Vec::new(), dir: PathBuf::new(), supervisor, lifeline };
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

//! A Sentinel group of our own: a primary, its replicas, and the Sentinels that watch it.

use std::path::Path;
use std::time::Duration;

use super::server::data_args;
use super::{LaunchError, Server, TlsFiles, free_port, settle, wire};
use crate::config::Endpoint;
use crate::domain::Reply;

/// What group to make.
#[derive(Clone, Debug)]
pub struct SentinelShape {
    /// Name of the primary, as Sentinel calls it.
    pub name: String,
    /// Replicas.
    pub replicas: usize,
    /// Sentinels, 1 to 9.
    pub sentinels: usize,
    /// Sentinels that must agree that the primary is down.
    pub quorum: usize,
    /// Silence after which a Sentinel takes the primary for down.
    pub down_after: Duration,
    /// All speak TLS with each other and announce their TLS ports.
    pub tls: Option<TlsFiles>,
    /// Added to the command line of the primary and the replicas.
    pub args: Vec<String>,
}

impl Default for SentinelShape {
    /// `mymaster`, one replica and three Sentinels of which two must agree, after half a second.
    fn default() -> Self {
        Self {
            name: "mymaster".into(),
            replicas: 1,
            sentinels: 3,
            quorum: 2,
            down_after: Duration::from_millis(500),
            tls: None,
            args: Vec::new(),
        }
    }
}

/// A Sentinel group of ours. Dropping it kills its processes and removes their directories.
#[derive(Debug)]
pub struct SentinelGroup {
    name: String,
    data: Vec<Member>,
    sentinels: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    server: Server,
    /// The port that Sentinel tells of: the TLS port where there is one.
    announced: u16,
}

impl SentinelGroup {
    /// Starts a group; returns when each Sentinel knows the replicas and the other Sentinels.
    pub fn start(shape: &SentinelShape) -> Result<Self, LaunchError> {
        Self::start_in(&std::env::temp_dir(), shape)
    }

    /// [`SentinelGroup::start`] with all directories made inside `parent`.
    pub fn start_in(parent: &Path, shape: &SentinelShape) -> Result<Self, LaunchError> {
        let primary = start_data(parent, shape, None)?;
        let port = primary.announced;
        let mut data = vec![primary];
        for _ in 0..shape.replicas {
            data.push(start_data(parent, shape, Some(port))?);
        }
        let mut group = Self { name: shape.name.clone(), data, sentinels: Vec::new() };
        settle(|| group.unlinked())?;
        for _ in 0..shape.sentinels.clamp(1, 9) {
            group.sentinels.push(start_sentinel(parent, shape, port)?);
        }
        settle(|| group.missing())?;
        Ok(group)
    }

    /// Name of the primary, as Sentinel calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The servers with data: first the one that was made the primary, then the replicas.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.data.iter().map(|member| &member.server)
    }

    /// A server with data by its place in [`SentinelGroup::servers`].
    pub fn server(&self, index: usize) -> Option<&Server> {
        self.data.get(index).map(|member| &member.server)
    }

    /// The same, to kill and restart it.
    pub fn server_mut(&mut self, index: usize) -> Option<&mut Server> {
        self.data.get_mut(index).map(|member| &mut member.server)
    }

    /// The Sentinels.
    pub fn sentinels(&self) -> impl Iterator<Item = &Server> {
        self.sentinels.iter().map(|member| &member.server)
    }

    /// A Sentinel, to kill and restart it.
    pub fn sentinel_mut(&mut self, index: usize) -> Option<&mut Server> {
        self.sentinels.get_mut(index).map(|member| &mut member.server)
    }

    /// Plain endpoints of the servers with data.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.servers().map(Server::endpoint).collect()
    }

    /// The port by which Sentinel calls a server with data.
    pub fn announced_port(&self, index: usize) -> Option<u16> {
        self.data.get(index).map(|member| member.announced)
    }

    /// The port by which Sentinels call a Sentinel.
    pub fn announced_sentinel_port(&self, index: usize) -> Option<u16> {
        self.sentinels.get(index).map(|member| member.announced)
    }

    /// The primary as the first Sentinel that answers sees it: its place in [`SentinelGroup::servers`].
    pub fn primary(&self) -> Option<usize> {
        (0..self.sentinels.len()).find_map(|sentinel| self.primary_told_by(sentinel))
    }

    /// The same as this Sentinel sees it: during a failover they differ for a while.
    pub fn primary_told_by(&self, sentinel: usize) -> Option<usize> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.name];
        let answer = wire::call(self.sentinels.get(sentinel)?.server.port(), &words).ok()?;
        let port = answer.as_array()?.get(1)?.as_int()?;
        self.data.iter().position(|m| i64::from(m.announced) == port || i64::from(m.server.port()) == port)
    }

    fn unlinked(&self) -> Option<String> {
        let replicas = self.data.len() - 1;
        let info = self.server(0).map(|s| wire::text(s.port(), &["INFO", "replication"]));
        match info {
            Some(Ok(info)) if info.matches("state=online").count() == replicas => None,
            Some(Err(why)) => Some(why),
            _ => Some("the replicas are not linked yet".into()),
        }
    }

    /// What is missing until all Sentinels see the whole group.
    fn missing(&self) -> Option<String> {
        self.sentinels().find_map(|sentinel| {
            let port = sentinel.port();
            let reply = match wire::call(port, &["SENTINEL", "MASTER", &self.name]) {
                Ok(reply) => reply,
                Err(error) => return Some(format!("Sentinel on port {port}: {error}")),
            };
            let field = |name: &str| field(&reply, name).unwrap_or_default();
            let whole = field("flags") == "master"
                && field("num-slaves") == (self.data.len() - 1).to_string()
                && field("num-other-sentinels") == (self.sentinels.len() - 1).to_string();
            (!whole).then(|| {
                let (replicas, others) = (field("num-slaves"), field("num-other-sentinels"));
                format!("the Sentinel on port {port} knows {replicas} replicas and {others} others")
            })
        })
    }
}

fn field(reply: &Reply, name: &str) -> Option<String> {
    let mut pairs = reply.as_array()?.chunks(2);
    let pair = pairs.find(|pair| pair.first().and_then(Reply::as_bytes).is_some_and(|k| k == name.into()))?;
    Some(pair.get(1)?.as_bytes()?.escaped())
}

fn start_data(parent: &Path, shape: &SentinelShape, primary: Option<u16>) -> Result<Member, LaunchError> {
    let tls_port = shape.tls.as_ref().map(|_| free_port()).transpose()?;
    let args = |dir: &Path, port: u16| {
        let mut args = data_args(dir, port, &["--repl-diskless-sync-delay", "0"]);
        if let Some(primary) = primary {
            args.extend(["--replicaof".into(), format!("127.0.0.1 {primary}")]);
        }
        if let (Some(tls), Some(port)) = (&shape.tls, tls_port) {
            args.extend(tls.args(port));
        }
        args.extend(shape.args.iter().cloned());
        Ok(args)
    };
    let server = Server::start_on(parent, free_port, args)?;
    let announced = tls_port.unwrap_or_else(|| server.port());
    Ok(Member { server, announced })
}

/// A Sentinel keeps what it learns in its configuration file, so it needs one.
fn start_sentinel(parent: &Path, shape: &SentinelShape, primary: u16) -> Result<Member, LaunchError> {
    let tls_port = shape.tls.as_ref().map(|_| free_port()).transpose()?;
    let args = |dir: &Path, port: u16| {
        let (name, quorum) = (&shape.name, shape.quorum);
        let down_after = shape.down_after.as_millis();
        let mut lines = vec![
            format!("port {port}"),
            "bind 127.0.0.1".into(),
            format!("dir {}", dir.display()),
            format!("logfile {}", dir.join("log").display()),
            format!("sentinel monitor {name} 127.0.0.1 {primary} {quorum}"),
            format!("sentinel down-after-milliseconds {name} {down_after}"),
            format!("sentinel failover-timeout {name} {}", (down_after * 10).max(5000)),
        ];
        if let (Some(tls), Some(port)) = (&shape.tls, tls_port) {
            lines.extend(tls.options(port).into_iter().map(|(name, value)| format!("{name} {value}")));
        }
        let conf = dir.join("sentinel.conf");
        std::fs::write(&conf, lines.join("\n") + "\n")?;
        Ok(vec![conf.display().to_string(), "--sentinel".into()])
    };
    let server = Server::start_on(parent, free_port, args)?;
    let announced = tls_port.unwrap_or_else(|| server.port());
    Ok(Member { server, announced })
}

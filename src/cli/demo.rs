//! `demo`: as clap sees it, and what it asks for.

use clap::Args;
use clap::error::ErrorKind;

use super::{Command, GlobalArgs, Usage};

/// `demo`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Demo {
    /// Which fleet.
    pub stage: Stage,
    /// `--failover`: a primary dies and comes back.
    pub failover: bool,
}

/// Fleet of the demo.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stage {
    /// Three independent nodes.
    #[default]
    Nodes,
    /// `--cluster`.
    Cluster,
    /// `--sentinel`.
    Sentinel,
}

/// Here `--cluster` and `--sentinel` take no URL: see [`super::args::command`].
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// With --cluster or --sentinel: 15 s after the start a primary dies, and 20 s later it comes back.
    #[arg(long)]
    pub(super) failover: bool,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

impl DemoArgs {
    pub(super) fn into_command(self) -> Result<(GlobalArgs, Command), Usage> {
        let Self { failover, mut global } = self;
        let conflict = |message: &str| Err((ErrorKind::ArgumentConflict, message.to_string()));
        let (cluster, sentinel) = (std::mem::take(&mut global.cluster), std::mem::take(&mut global.sentinel));
        if cluster.iter().chain(&sentinel).any(|url| !url.expose().is_empty()) {
            return conflict("the demo makes a fleet of its own: give --cluster or --sentinel without a URL");
        }
        let stage = match (cluster.is_empty(), sentinel.is_empty()) {
            (true, true) if failover => {
                return conflict(
                    "--failover needs --cluster or --sentinel: nobody takes over for a single node",
                );
            }
            (true, true) => Stage::Nodes,
            (false, true) => Stage::Cluster,
            (true, false) => Stage::Sentinel,
            (false, false) => {
                return conflict("--cluster and --sentinel exclude each other: give one of them");
            }
        };
        Ok((global, Command::Demo(Demo { stage, failover })))
    }
}

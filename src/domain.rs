//! Plain data and pure rules about nodes, locks and queues. Knows neither Redis connections nor the screen.

pub mod bytes;
pub mod command;
pub mod diagnostics;
pub mod finding;
pub mod fleet;
pub mod glob;
pub mod group;
pub mod group_health;
pub mod health;
pub mod holds;
pub mod lock;
pub mod node;
pub mod presence;
pub mod queue;
pub mod quorum;
pub mod redaction;
pub mod reply;
pub mod rules;
pub mod slots;
pub mod snapshot;
pub mod stale;
pub mod stamp;

pub use bytes::Bytes;
pub use command::Command;
pub use diagnostics::Diagnostics;
pub use finding::{Finding, Severity};
pub use fleet::{FleetView, Verdict};
pub use group::{GroupId, GroupSnapshot};
pub use lock::{Lock, LockId};
pub use node::{NodeId, NodeMeta};
pub use queue::{Queue, QueueId};
pub use quorum::{Quorum, QuorumVerdict};
pub use reply::Reply;
pub use rules::Rules;
pub use snapshot::NodeSnapshot;
pub use stamp::Stamp;

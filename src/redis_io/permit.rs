//! The right to write, as a value: without it no [`super::Writer`] can be built.

use crate::config::Config;

/// Proof that writes are allowed. Made from the configuration only.
#[derive(Clone, Copy, Debug)]
pub struct WritePermit(());

impl WritePermit {
    /// A permit, unless the configuration says read-only.
    pub fn from_config(config: &Config) -> Option<Self> {
        (!config.read_only).then_some(Self(()))
    }

    /// For the demo's own throw-away servers and for tests, which write to servers they started themselves.
    pub fn for_own_servers() -> Self {
        Self(())
    }
}

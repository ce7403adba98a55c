//! Who plays what on which node of the demo.

use std::time::Duration;

use super::locks::{Habit, LockPart};
use super::queues::{Drain, QueuePart};
use super::stage::Role;

/// Names of the nodes.
pub(super) const NODES: [&str; 3] = ["orders", "billing", "media"];

/// What a simulated client does.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Takes locks in one way or another.
    Lock(LockPart),
    /// Fills and drains a queue.
    Queue(QueuePart),
    /// Waits on a queue with BRPOP.
    Consumer {
        /// The queue.
        queue: &'static str,
    },
}

impl Part {
    /// The key it is about.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Lock(lock) => lock.key,
            Self::Queue(queue) => queue.key,
            Self::Consumer { queue } => queue,
        }
    }
}

/// The roles of each node, in the order of [`NODES`].
pub(super) fn scenes() -> [Vec<Role>; 3] {
    let orders = vec![
        lock("checkout-1", "orders:lock", Habit::TakenAndReleased { hold: secs(6), gap: secs(5) }, secs(20)),
        lock("importer-2", "lock:import:customers", Habit::NeverExpires, secs(0)),
        lock("pricing-1", "lock:pricing:eu", Habit::Renewed { every: secs(3) }, secs(10)),
        queue("mailer-1", "queue:emails", 40, 7.0, Drain::Steady(7.0)),
        queue("mailer-2", "queue:dead", 37, 0.0, Drain::Never),
    ];
    let billing = vec![
        lock("billing-worker-1", "lock:billing:invoice-run", Habit::Renewed { every: secs(4) }, secs(15)),
        lock("report-3", "lock:report:nightly", Habit::HolderDied, secs(600)),
        lock("ledger-1", "nightly_lock", Habit::TakenAndReleased { hold: secs(9), gap: secs(3) }, secs(30)),
        queue(
            "webhooks-1",
            "queue:webhooks",
            400,
            3.0,
            Drain::Bursts { from: 5_000, rate: 60.0, until: 200 },
        ),
    ];
    let media = vec![
        lock(
            "cache-warmer",
            "lock:cache:warm",
            Habit::TakenAndReleased { hold: secs(4), gap: secs(4) },
            secs(8),
        ),
        lock("transcoder-1", "lock:media:transcode:8812", Habit::Renewed { every: secs(5) }, secs(20)),
        queue("thumbs-1", "queue:thumbnails", 3_000, 2.0, Drain::Refilled { rate: 8.0, to: 3_000 }),
        queue("importer-1", "import_queue", 0, 0.2, Drain::ByOthers),
        Role { name: "importer-3", part: Part::Consumer { queue: "import_queue" } },
    ];
    [orders, billing, media]
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn lock(name: &'static str, key: &'static str, habit: Habit, ttl: Duration) -> Role {
    Role { name, part: Part::Lock(LockPart { key, ttl, habit }) }
}

fn queue(name: &'static str, key: &'static str, backlog: u32, in_rate: f64, drain: Drain) -> Role {
    Role { name, part: Part::Queue(QueuePart { key, backlog, in_rate, drain }) }
}

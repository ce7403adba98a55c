//! Who works for a queue: what the registries of the libraries tell of a worker, and how that is said.

use super::Context;
use crate::domain::queue::Detail;
use crate::domain::worker_sign::WorkerSign;

/// Tasks of one worker that are named; more are counted.
const MOST_RUNS: usize = 6;

/// One worker, process or connection. All texts are escaped.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    /// As the library calls it.
    pub(super) name: String,
    /// Host.
    pub(super) host: Option<String>,
    /// Process id.
    pub(super) pid: Option<String>,
    /// False when its heartbeat ran out though the registry still names it; `None`: not known.
    pub(super) alive: Option<bool>,
    /// Time of its last heartbeat, milliseconds since the epoch.
    pub(super) beat_ms: Option<i64>,
    /// What else is known of it, such as how many tasks it runs at once.
    pub(super) state: Option<String>,
    /// What it runs, or still holds when it is gone, with the time it began, milliseconds since the epoch.
    pub(super) runs: Vec<(String, Option<i64>)>,
    /// What the holders of locks are known by, where that is more than its name.
    pub(super) sign: Option<WorkerSign>,
}

impl Worker {
    /// The line of the details: `worker`, or `gone` with the tasks it holds.
    pub(super) fn detail(&self, ctx: &Context) -> Detail {
        let mut words = vec![self.who()];
        words.extend(self.state.clone());
        let beat = self.beat_ms.map(|ms| since(ms, ctx));
        match (self.alive, beat) {
            (Some(false), Some(beat)) => words.push(format!("no heartbeat for {beat}")),
            (Some(false), None) => words.push("its heartbeat ran out".into()),
            (_, Some(beat)) => words.push(format!("heartbeat {beat} ago")),
            (_, None) => {}
        }
        if !self.runs.is_empty() {
            let verb = if self.alive == Some(false) { "holds" } else { "runs" };
            let mut each: Vec<String> = self
                .runs
                .iter()
                .take(MOST_RUNS)
                .map(|(what, began)| match began {
                    Some(ms) => format!("{what} since {}", since(*ms, ctx)),
                    None => what.clone(),
                })
                .collect();
            let more = self.runs.len().saturating_sub(MOST_RUNS);
            if more > 0 {
                each.push(format!("{more} more"));
            }
            words.push(format!("{verb} {}", each.join(", ")));
        }
        let label = if self.alive == Some(false) { "gone" } else { "worker" };
        let detail = Detail::new(label, words.join(", "));
        match &self.sign {
            Some(sign) => detail.signed(sign.clone()),
            None => detail.of_worker(&self.name, self.alive),
        }
    }

    fn who(&self) -> String {
        let at = match (&self.host, &self.pid) {
            (Some(host), Some(pid)) => format!(" on {host}, pid {pid}"),
            (Some(host), None) => format!(" on {host}"),
            (None, Some(pid)) => format!(", pid {pid}"),
            (None, None) => String::new(),
        };
        format!("{}{at}", self.name)
    }
}

/// The workers of a site as one of its queues sees them, each with whether it takes from it: how many live, and a line
/// for each. One that is gone does not tell any more from which queues it took: it is named at all of them.
pub(super) fn seen_by<'a>(
    crew: impl Iterator<Item = (bool, &'a Worker)> + Clone,
    all_asked: bool,
    ctx: &Context,
) -> (Option<u64>, Vec<Detail>) {
    let mine = crew.clone().filter(|(takes, _)| *takes).map(|(_, worker)| worker);
    let gone = crew.map(|(_, worker)| worker).filter(|w| w.alive == Some(false));
    let there = mine.clone().filter(|w| w.alive != Some(false));
    (live(mine, all_asked), there.chain(gone).map(|w| w.detail(ctx)).collect())
}

/// How many of them live; `None` when one of them is not known or not all were asked.
pub(super) fn live<'a>(workers: impl Iterator<Item = &'a Worker>, all_asked: bool) -> Option<u64> {
    let mut live = 0;
    for worker in workers {
        live += u64::from(worker.alive?);
    }
    all_asked.then_some(live)
}

/// Time since a moment by the server's clock, in one unit.
pub(super) fn since(ms: i64, ctx: &Context) -> String {
    let seconds = ctx.server_ms.saturating_sub(ms).max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

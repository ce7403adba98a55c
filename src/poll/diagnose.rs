//! What a node tells beyond INFO, at a pace of its own: cheap, bounded, and rarer where it costs more.

mod clients;
mod config;
mod features;
mod latency;
mod slowlog;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cost::CostMeter;
use crate::domain::diagnostics::{Diagnostics, Told};
use crate::domain::node::NodeFacts;
use crate::domain::{Bytes, Reply, Stamp};
use crate::redis_io::{CallError, Reader};

/// Time between two looks. Slow log, latency events and configuration cost a Redis 7.0 about 0.05 ms together.
const EVERY: Duration = Duration::from_secs(10);
/// What is not permitted, or not known there, is asked for again after this time: each try is a line in the ACL log.
const REFUSED_EVERY: Duration = Duration::from_secs(300);
/// CLIENT LIST costs about 1 ms per 1,000 clients: the time between two looks grows by [`EVERY`] for each so many.
const CLIENTS_AT_EASE: u64 = 500;
/// Above this CLIENT LIST would hold up everybody for 10 ms and more: it is only asked for while tasks wait.
const CLIENTS_AT_MOST: u64 = 10_000;

/// When each part is to be read again; `None`: now.
#[derive(Default)]
struct Due {
    slowlog: Option<Instant>,
    latency: Option<Instant>,
    config: Option<Instant>,
    clients: Option<Instant>,
    features: Option<Instant>,
}

/// What was told so far, and when to ask again.
#[derive(Default)]
pub(super) struct Diagnosis {
    told: Arc<Diagnostics>,
    due: Due,
}

/// A look at one node: what it is done with.
pub(super) struct Visit<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) facts: Option<&'a NodeFacts>,
    /// Tasks wait in some queue: who takes them is worth more than a few ms.
    pub(super) backlog: bool,
    pub(super) cost: &'a mut CostMeter,
    pub(super) rtt: Duration,
}

impl Diagnosis {
    pub(super) fn told(&self) -> &Arc<Diagnostics> {
        &self.told
    }

    /// Everything is read again at the next look.
    pub(super) fn hurry(&mut self) {
        self.due = Due::default();
    }

    /// It is another server process: nothing is known of it.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Reads what is due. The text of CLIENT LIST, if it was read, serves whoever looks for consumers as well.
    pub(super) async fn look(&mut self, mut visit: Visit<'_>) -> Result<Option<Reply>, CallError> {
        let now = Stamp::now();
        let mut told = Diagnostics::clone(&self.told);
        let read = self.read_logs(&mut visit, &mut told, now).await;
        // What was read before a call failed is kept.
        let read = match read {
            Ok(()) => self.read_clients(&mut visit, &mut told, now).await,
            Err(error) => Err(error),
        };
        if told != *self.told {
            self.told = Arc::new(told);
        }
        read
    }

    async fn read_logs(
        &mut self,
        visit: &mut Visit<'_>,
        told: &mut Diagnostics,
        now: Stamp,
    ) -> Result<(), CallError> {
        if take_turn(&mut self.due.slowlog, now.mono, EVERY) {
            let [len, newest] = visit.measured(2, async |r| r.slowlog().await).await?;
            told.slowlog = slowlog::parse(&len, &newest);
            told.read_at = Some(now);
            put_off(&mut self.due.slowlog, &told.slowlog, now.mono);
        }
        if take_turn(&mut self.due.latency, now.mono, EVERY) {
            let latest = visit.measured(1, async |r| r.latency_latest().await).await?;
            told.latency = latency::parse(&latest);
            put_off(&mut self.due.latency, &told.latency, now.mono);
        }
        if take_turn(&mut self.due.config, now.mono, EVERY) {
            let replies = visit.measured(1, async |r| r.parameters().await).await?;
            told.config = config::parse(&replies);
            put_off(&mut self.due.config, &told.config, now.mono);
        }
        // These do not change while the process lives.
        if take_turn(&mut self.due.features, now.mono, Duration::from_secs(86_400)) {
            let [commands, hello] = visit.measured(2, async |r| r.features().await).await?;
            told.features = features::commands(&commands);
            told.hello = features::hello(&hello);
            put_off(&mut self.due.features, &told.features, now.mono);
        }
        Ok(())
    }

    async fn read_clients(
        &mut self,
        visit: &mut Visit<'_>,
        told: &mut Diagnostics,
        now: Stamp,
    ) -> Result<Option<Reply>, CallError> {
        let connected = visit.facts.and_then(|f| f.connected_clients).unwrap_or(0);
        let share = u32::try_from(connected / CLIENTS_AT_EASE + 1).unwrap_or(u32::MAX);
        let withheld = connected > CLIENTS_AT_MOST && !visit.backlog;
        if withheld {
            if !matches!(told.clients, Told::NotPermitted(_)) {
                told.clients =
                    Told::Withheld("more than 10,000 clients: CLIENT LIST would hold everybody up");
            }
            return Ok(None);
        }
        if !take_turn(&mut self.due.clients, now.mono, EVERY.saturating_mul(share)) {
            return Ok(None);
        }
        let list = visit.measured(1, async |r| r.client_list().await).await?;
        told.clients = clients::parse(&list);
        told.clients_at = Some(now);
        put_off(&mut self.due.clients, &told.clients, now.mono);
        Ok(Some(list))
    }
}

impl Visit<'_> {
    async fn measured<T>(
        &mut self,
        commands: usize,
        call: impl AsyncFnOnce(&mut Reader) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let started = Instant::now();
        let result = call(self.reader).await;
        self.cost.add(commands, started.elapsed(), self.rtt);
        result
    }
}

/// True when it is time; then the next time is fixed, also for the case that the call fails.
fn take_turn(due: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    if due.is_some_and(|at| now < at) {
        return false;
    }
    *due = Some(now + every);
    true
}

fn put_off<T>(due: &mut Option<Instant>, told: &Told<T>, now: Instant) {
    if matches!(told, Told::NotPermitted(_) | Told::Unsupported(_)) {
        *due = Some(now + REFUSED_EVERY);
    }
}

/// Why a reply tells nothing.
fn refused<T>(reply: &Reply, command: &'static str) -> Told<T> {
    match reply.as_error() {
        Some(error) if error.is_denied() => Told::NotPermitted(command),
        // An answer in a shape that we do not know is as good as none.
        _ => Told::Unsupported(command),
    }
}

/// At most so many bytes of a text, escaped.
fn cut(bytes: &[u8], most: usize) -> String {
    let head = bytes.get(..most).unwrap_or(bytes);
    let mut text = crate::domain::bytes::escape(head);
    if head.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

/// The host of `host:port`, escaped; an IPv6 address keeps its colons.
fn host(address: &[u8]) -> String {
    match address.iter().rposition(|b| *b == b':') {
        // A unix socket is told as its path and port 0.
        Some(_) if address.starts_with(b"/") => "unix socket".into(),
        Some(at) => cut(address.get(..at).unwrap_or_default(), 64),
        None => cut(address, 64),
    }
}

fn unsigned(reply: Option<&Reply>) -> Option<u64> {
    u64::try_from(reply?.as_int()?).ok()
}

fn text(reply: Option<&Reply>) -> Option<Bytes> {
    reply?.as_bytes()
}

//! A peek runs beside the screen, on a connection of its own that can only read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::effect::PeekWish;
use crate::app::event::Event;
use crate::config::Config;
use crate::config::endpoint::Directory;
use crate::decode::Redactor;
use crate::family::Registry;
use crate::peek::{Peek, Subject, peek};
use crate::redis_io::{ClientRole, connect};

/// Tasks of each end.
const TASKS: u32 = 5;

/// What a peek needs.
#[derive(Clone)]
pub(super) struct Peeking {
    directory: Directory,
    timeout: Duration,
    redactor: Arc<Redactor>,
    /// With the kinds of queues that the user describes.
    registry: Arc<Registry>,
}

impl Peeking {
    pub(super) fn new(config: &Config, directory: Directory) -> Self {
        let redactor = Arc::new(Redactor::new(config.redact.iter().map(String::as_str)));
        let registry = Arc::new(Registry::new(config));
        Self { directory, timeout: config.timeout, redactor, registry }
    }

    async fn look(&self, wish: &PeekWish) -> Result<Peek, String> {
        let PeekWish { queue, family, application, push, set } = wish;
        let endpoint = (self.directory)(&queue.node).ok_or("its node is gone")?;
        let family = self.registry.queue_family(family).ok_or("its kind is not known")?;
        let endpoint = crate::config::Endpoint { db: queue.db, ..endpoint };
        let reader = connect(&endpoint, ClientRole::Poll, self.timeout).await;
        let mut reader = reader.map_err(|e| e.to_string())?;
        let subject = Subject { family, key: &queue.key, application, push: *push };
        peek(&mut reader, subject, *set, TASKS, &self.redactor).await
    }
}

/// Looks, and sends what was seen.
pub(super) fn spawn(peeking: Peeking, wish: PeekWish, inbox: mpsc::Sender<Event>) {
    tokio::spawn(async move {
        let seen = peeking.look(&wish).await.map(Arc::new);
        let _ = inbox.send(Event::Peeked(wish.queue, wish.set, seen)).await;
    });
}

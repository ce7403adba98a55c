//! Session after session until the worker ends: connect, fence off the last session, serve, back off, sign off.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::check;
use super::super::record;
use super::super::session::{Session, wait_command};
use super::super::take::Taker;
use super::super::trouble::{Trouble, pause_before};
use super::super::view::WorkerState;
use super::Engine;
use crate::domain::{Command, Reply};
use crate::redis_io::{ClientRole, WritePermit, Writer};

/// Tries to reach the node at the end, when nothing runs any more.
const LAST_TRIES: u32 = 3;

impl Engine {
    /// Works on its queue until it is stopped or can't go on; returns which.
    pub(in crate::worker) async fn run(mut self, permit: WritePermit) -> WorkerState {
        // Orders that were given before we listened.
        self.heed();
        let record = match record::begin(&self.shared.spec, &self.source).await {
            Ok(open) => {
                self.work(permit).await;
                Some(open)
            }
            Err(why) => {
                self.ending = Some(WorkerState::Failed(why.to_string()));
                None
            }
        };
        self.shared.gate.leave(self.lane);
        let end = self.ending.take().unwrap_or(WorkerState::Stopped);
        let counts = self.shared.board().view.queues[self.lane].counts;
        if let Some(record) = record
            && let Err(gap) = record.end(record::end(&counts, &end)).await
        {
            self.note(gap);
        }
        self.shared.board().lane_state(self.lane, end.clone());
        end
    }

    async fn work(&mut self, permit: WritePermit) {
        let mut last_tries = 0;
        loop {
            let trouble = match self.session(permit).await {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            self.connected = false;
            self.shared.gate.leave(self.lane);
            let over = match &trouble {
                Trouble::Never(_) => true,
                Trouble::Refused(_) => !self.proven,
                Trouble::Lost(_) => false,
            };
            if over && self.ending.is_none() {
                self.ending = Some(WorkerState::Failed(trouble.text().into()));
            }
            if self.ending.is_some() && self.tasks.is_empty() {
                last_tries += 1;
                if !self.served || last_tries > LAST_TRIES {
                    self.leave_behind(trouble.text());
                    return;
                }
            }
            if self.ending.is_none() {
                let state = WorkerState::Reconnecting(trouble.text().into());
                let news = self.shared.board().lane_state(self.lane, state);
                if news {
                    self.note(format!("{}; trying again", trouble.text()));
                }
            }
            let pause = pause_before(self.attempt);
            self.attempt = self.attempt.saturating_add(1);
            self.wait(pause).await;
        }
    }

    /// The node can't be reached at the end: nothing is lost, and that is said.
    fn leave_behind(&mut self, why: &str) {
        if self.hand.len() > 0 {
            self.note(format!(
                "{} tasks stay in {}: a later worker takes them over, finished ones run again ({why})",
                self.hand.len(),
                self.me.processing()
            ));
        }
    }

    /// Connects, works, and at the end puts back and signs off. An error: the session is over, not the worker.
    async fn session(&mut self, permit: WritePermit) -> Result<(), Trouble> {
        let (timeout, replicas) = (self.shared.spec.timeout, self.shared.spec.policy.wait_replicas);
        let control = self.open_primary(permit).await?;
        let Some(endpoint) = self.endpoint.clone() else { return Ok(()) };
        if !self.served {
            for note in check::may_take(&self.shared.spec, &self.source, &endpoint).await? {
                self.note(note);
            }
        }
        let fetching = Writer::open(&endpoint, ClientRole::Worker, timeout, permit).await?;
        let wait = wait_command(replicas, timeout);
        let mut session = Session::new(control, self.me.clone(), self.served, wait.clone());
        let mut taker = Taker::new(fetching, self.me.clone(), timeout, Arc::clone(&self.hurry), wait);
        self.fence(&mut session.writer, &mut taker).await?;
        self.serve(&mut session, taker).await?;
        match session.retire().await {
            Ok(0) => {}
            Ok(n) => self.note(format!("{n} unfinished tasks put back")),
            Err(e) => self.leave_behind(e.text()),
        }
        Ok(())
    }

    /// Ends the connections of the last session on the server, where that is permitted: what it still has of them
    /// in its buffers has then either run or never will, and the processing list says the truth.
    async fn fence(&mut self, control: &mut Writer, taker: &mut Taker) -> Result<(), Trouble> {
        let info = Command::new("CLIENT INFO");
        let infos = [control.call(&info).await?, taker.writer().call(&info).await?];
        let old = self.former.len();
        let kills: Vec<Command> = self
            .former
            .iter()
            // The address, too: after a restart of the server the number may be somebody else's.
            .map(|(id, addr)| Command::new("CLIENT KILL ID").arg(id.as_str()).arg("ADDR").arg(addr.as_str()))
            .collect();
        self.former.extend(infos.iter().filter_map(id_and_address));
        control.pipeline(&kills).await?;
        self.former.drain(..old);
        Ok(())
    }

    /// Waits without a connection; what runs goes on, and commands are heard.
    async fn wait(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                _ = self.orders.changed() => self.heed(),
                Some(joined) = self.tasks.join_next_with_id() => self.joined(joined),
            }
        }
    }
}

/// From CLIENT INFO, Redis 6.2 and later.
fn id_and_address(reply: &Reply) -> Option<(String, String)> {
    let text = reply.as_bytes()?;
    let text = text.as_utf8()?;
    let field = |name: &str| text.split(' ').find_map(|f| f.strip_prefix(name)).map(ToString::to_string);
    Some((field("id=")?, field("addr=")?))
}

//! Failed tasks that are due again.

use std::time::Duration;

use super::{Session, elements, int, our_ms, server_ms};
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::script::{eval, is_eval_refused, transaction};
use crate::worker::trouble::Trouble;

const TAKE_DUE: &str = include_str!("../../../assets/scripts/worker_take_due.lua");

/// What a look for a retry found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Due {
    /// These members are in our list now.
    Found(Vec<Bytes>),
    /// The next one is due then.
    In(Duration),
    /// None rests, or our heartbeat has run out.
    Nothing,
}

impl Session {
    /// Takes the retries that are due, the first of them first and no more than `most`.
    pub(in crate::worker) async fn take_due(&mut self, most: usize) -> Result<Due, Trouble> {
        let keys = [&self.me.retries(), &self.me.retrying(), &self.me.heartbeat()];
        if !self.scripts {
            return self.take_due_watched(keys).await;
        }
        match self.writer.call(&eval(TAKE_DUE, &keys, &[our_ms().into(), (most as u64).into()])).await? {
            Reply::Error(e) if is_eval_refused(&e) => {
                self.scripts = false;
                self.take_due_watched(keys).await
            }
            Reply::Error(e) => Err((&e).into()),
            Reply::Int(ms) => {
                Ok(u64::try_from(ms).map_or(Due::Nothing, |ms| Due::In(Duration::from_millis(ms))))
            }
            reply => Ok(Due::Found(elements(Some(&reply))?)),
        }
    }

    async fn take_due_watched(
        &mut self,
        [retries, retrying, heartbeat]: [&Bytes; 3],
    ) -> Result<Due, Trouble> {
        let now = self.server_ms().await?;
        let first = Command::new("ZRANGE").arg(retries.clone()).arg(0_i64).arg(0_i64).arg("WITHSCORES");
        let replies = self
            .writer
            .pipeline(&[
                Command::new("WATCH").arg(retries.clone()).arg(heartbeat.clone()),
                Command::new("EXISTS").arg(heartbeat.clone()),
                first,
            ])
            .await?;
        if let Some(e) = replies.iter().find_map(Reply::as_error) {
            return Err(e.into());
        }
        let alive = int(replies.get(1))? != 0;
        let found = replies.get(2).and_then(scored).filter(|_| alive);
        let wait = found.as_ref().map(|(_, score)| (score - now as f64).ceil());
        let (Some((member, _)), Some(..=0.0)) = (found, wait) else {
            self.writer.call(&Command::new("UNWATCH")).await?;
            return Ok(wait.map_or(Due::Nothing, |ms| Due::In(Duration::from_millis(ms as u64))));
        };
        let moves = vec![
            Command::new("LPUSH").arg(retrying.clone()).arg(member.clone()),
            Command::new("ZREM").arg(retries.clone()).arg(member.clone()),
        ];
        match transaction(&mut self.writer, moves).await? {
            Ok(Some(_)) => Ok(Due::Found(vec![member])),
            Ok(None) => Ok(Due::In(Duration::ZERO)),
            Err(e) => Err((&e).into()),
        }
    }

    /// The server's clock in ms; ours where TIME is denied.
    pub(super) async fn server_ms(&mut self) -> Result<i64, Trouble> {
        let time = self.writer.call(&Command::new("TIME")).await?;
        Ok(server_ms(Some(&time)).unwrap_or_else(our_ms))
    }
}

/// The first member with its score, from RESP2 (flat) or RESP3 (pairs).
fn scored(reply: &Reply) -> Option<(Bytes, f64)> {
    let items = reply.as_array()?;
    let pair = match items.first()? {
        Reply::Array(pair) => pair.as_slice(),
        _ => items,
    };
    let score = match pair.get(1)? {
        Reply::Double(score) => *score,
        reply => reply.as_bytes()?.as_utf8()?.parse().ok()?,
    };
    Some((pair.first()?.as_bytes()?, score))
}

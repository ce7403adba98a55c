//! `redwarden queues canary QUEUE`: one test task in the format of the queue's library, followed to its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::peek::found;
use super::release::{confirmed, report};
use super::transfer::describe;
use super::watch::settled;
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_UNKNOWN, EXIT_USAGE, Out};
use crate::act::audit::Audit;
use crate::act::canary::{Stage, TEST_QUEUE, Trail, clean};
use crate::act::{Outcome, Request, Services, executor};
use crate::cli::{Canary as Wish, Format};
use crate::config::Config;
use crate::domain::stamp::short;
use crate::domain::{Queue, QueueId};
use crate::family::registry::{Canaries, LockFamilies};
use crate::poll::Fleet;
use crate::redis_io::WritePermit;

/// Runs the command. 0: it is done, or taken where a library tells no more; 1: refused, failed, or nobody took it;
/// 2: usage; 3: not known, or it did not end in time.
pub async fn canary(config: Arc<Config>, wish: Wish, out: &mut Out<'_>) -> std::io::Result<u8> {
    // Which library's queue it is tells the search.
    let fleet = Fleet::spawn(config.clone());
    let view = settled(&fleet, None).await;
    let queue = match found(&view, &wish.key, &wish.place).as_slice() {
        [queue] => Queue::clone(queue),
        [] => {
            let key = &wish.key;
            out.say(format!(
                "{key}: no queue with this key was found; `redwarden queues` lists those that are"
            ));
            return Ok(EXIT_NOT_DONE);
        }
        several => {
            let places: Vec<String> =
                several.iter().map(|q| format!("{} (db {})", q.id.node, q.id.db)).collect();
            let places = places.join(", ");
            out.say(format!("{} is on {places}: choose one with --node or --db", wish.key));
            return Ok(EXIT_USAGE);
        }
    };
    let services = Services {
        directory: fleet.directory(),
        routes: fleet.routes(),
        permit: WritePermit::from_config(&config),
        families: LockFamilies::new(&config),
        canaries: Canaries::new(&config),
        audit: Audit::in_dir(&config.state_dir),
        timeout: config.timeout,
    };
    send(&config, &services, &queue, &wish, out).await
}

async fn send(
    config: &Config,
    services: &Services,
    queue: &Queue,
    wish: &Wish,
    out: &mut Out<'_>,
) -> std::io::Result<u8> {
    let place = format!("{} on {}", queue.id.key, queue.id.node);
    let id = uuid::Uuid::new_v4().to_string();
    let request = Request::Canary {
        queue: queue.id.clone(),
        family: queue.family,
        push: queue.push,
        application: queue.application.clone(),
        id,
    };
    let action = match services.prepare(request).await {
        Ok(action) => action,
        Err(why) => {
            out.say(format!("{place}: no test task was sent: {why}"));
            out.say(format!("a test task for redwarden's own worker: redwarden queues push {TEST_QUEUE}"));
            return Ok(EXIT_NOT_DONE);
        }
    };
    let Some(sent) = action.canary().cloned() else { return Ok(EXIT_NOT_DONE) };
    describe(&action.prepared().plan, out);
    if wish.dry_run {
        return Ok(EXIT_OK);
    }
    // It is harmless and the command says all: only on production somebody is asked.
    if config.production {
        match confirmed(wish.yes, "Send it?", out) {
            Some(true) => {}
            Some(false) => {
                out.say("not sent: cancelled");
                return Ok(EXIT_NOT_DONE);
            }
            None => {
                out.say("not sent: this profile is production; --yes confirms");
                return Ok(EXIT_USAGE);
            }
        }
    }
    let (plan, outcome) = executor::execute(action).await;
    if !matches!(outcome, Outcome::Done { .. }) {
        return Ok(report(&place, "sent", &outcome, out));
    }
    let id = &sent.canary.id;
    out.say(format!("{id}: sent to {place}"));
    let mut trail = Trail::new(services, &plan, &sent, wish.wait);
    let mut picked = None;
    let mut stopped = std::pin::pin!(tokio::signal::ctrl_c());
    let (end, after) = loop {
        let news = tokio::select! {
            news = trail.step() => news,
            // It is taken away all the same.
            _ = &mut stopped => Some((trail.given_up(), trail.elapsed())),
        };
        let Some((stage, after)) = news else { continue };
        if !matches!(stage, Stage::Waiting(_) | Stage::NotTaken | Stage::Unknown(_)) {
            picked = picked.or(Some(after));
        }
        out.say(format!("{id}: {stage} (after {})", short(after)));
        if stage.is_end() {
            break (stage, after);
        }
    };
    let left = clean(services, &plan, &sent.canary, &end).await;
    if let Some(words) = &left {
        out.say(words);
    }
    match wish.format {
        Format::Json => {
            let json = to_json(&queue.id, queue.family, id, &end, after, picked, left.as_deref());
            writeln!(out.data, "{json:#}")?;
        }
        Format::Table => writeln!(out.data, "{id} {} {}", end.code(), end.worker().unwrap_or("-"))?,
    }
    out.data.flush()?;
    Ok(match end {
        Stage::Done(_) | Stage::Taken => EXIT_OK,
        Stage::Failed(..) | Stage::NotTaken => EXIT_NOT_DONE,
        _ => EXIT_UNKNOWN,
    })
}

fn to_json(
    queue: &QueueId,
    family: &str,
    id: &str,
    end: &Stage,
    after: Duration,
    picked: Option<Duration>,
    left: Option<&str>,
) -> Value {
    let why = match end {
        Stage::Failed(_, why) | Stage::Unknown(why) => Some(why),
        _ => None,
    };
    json!({
        "node": queue.node.as_str(), "db": queue.db, "key": queue.key.escaped(), "family": family, "id": id,
        "stage": end.code(), "worker": end.worker(), "why": why, "after_s": after.as_secs_f64(),
        "picked_after_s": picked.map(|d| d.as_secs_f64()), "cleaning": left,
    })
}

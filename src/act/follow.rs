//! After an action: what became of the lock, where the pushed test tasks are, what an unknown outcome left behind.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::found::{Found, look};
use super::plan::Plan;
use super::request::TaskPlace;
use super::services::Services;
use super::undo::Shelf;
use super::{ActionEvent, Ticket};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, QueueId, Reply};
use crate::redis_io::Reader;

/// A followed task, or a node that does not answer, is given up after this.
const GIVE_UP: Duration = Duration::from_secs(600);
/// Time between two looks at a followed task.
const PACE: Duration = Duration::from_millis(500);
/// Elements looked at from one end.
const LPOS_LOOKS: u32 = 1000;
/// Longer elements are not searched for.
const MAX_LPOS: usize = 4096;
/// Tasks followed for each action.
const MAX_FOLLOWED: usize = 3;

type Events = mpsc::Sender<ActionEvent>;

/// Re-reads a released lock after one and two seconds and says what it finds, each finding once.
///
/// Ends without a word once the release was undone: the token in the key is then ours to have put there.
pub(super) async fn after_release(
    services: &Services,
    shelf: &Shelf,
    ticket: Ticket,
    plan: &Plan,
    events: &Events,
) {
    let mut told = None;
    for _ in 0..2 {
        let found = look_in_a_second(services, plan).await;
        // Asked after the look: what an undo put there was marked before it was sent.
        if shelf.is_undone(ticket) {
            return;
        }
        if told.as_ref() != Some(&found) {
            let sentence = stuck(&found);
            told = Some(found);
            if events.send(ActionEvent::Afterwards(ticket, sentence)).await.is_err() {
                return;
            }
        }
    }
}

/// [`after_release`] for who cannot undo it: all sentences at its end.
pub(super) async fn watch_release(services: &Services, plan: &Plan) -> Vec<String> {
    let mut told: Vec<Found> = Vec::new();
    for _ in 0..2 {
        let found = look_in_a_second(services, plan).await;
        if told.last() != Some(&found) {
            told.push(found);
        }
    }
    told.iter().map(stuck).collect()
}

async fn look_in_a_second(services: &Services, plan: &Plan) -> Found {
    tokio::time::sleep(Duration::from_secs(1)).await;
    match services.reader(&plan.target.node, plan.target.db, &plan.subject).await {
        Ok(mut reader) => look(&mut reader, plan).await,
        Err(why) => Found::Unreadable(why),
    }
}

/// What a re-read after a release found, a sentence.
pub(super) fn stuck(found: &Found) -> String {
    match found {
        Found::Gone => "the release stuck: the key is free".into(),
        Found::Same => "it was re-taken by the same token: its holder is alive".into(),
        Found::Another => "it was taken by another holder".into(),
        Found::Count(count) => format!("the count is {count} now"),
        Found::Unreadable(why) => format!("what became of it could not be read: {why}"),
    }
}

/// Waits until the node answers again after an unknown outcome and says what is there. Repeats nothing.
pub(super) async fn resolve(services: &Services, ticket: Ticket, plan: &Plan, events: &Events) {
    let sentence = resolved(services, plan, events).await;
    let _ = events.send(ActionEvent::Afterwards(ticket, sentence)).await;
}

/// [`resolve`], as a sentence.
pub(super) async fn resolved(services: &Services, plan: &Plan, events: &Events) -> String {
    let started = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        if started.elapsed() > GIVE_UP || events.is_closed() {
            break "the node has not answered since: what became of it is still unknown".to_string();
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
        let Ok(mut reader) = services.reader(&plan.target.node, plan.target.db, &plan.subject).await else {
            continue;
        };
        if reader.ping().await.is_err() {
            continue;
        }
        break format!("the node answers again: {}", what_is_there(&mut reader, plan).await);
    }
}

async fn what_is_there(reader: &mut Reader, plan: &Plan) -> String {
    if plan.intent == "enqueue" {
        let Some(payload) = plan.steps.first().and_then(|step| step.args.get(2)) else {
            return "nothing was to be pushed".into();
        };
        return match place(reader, &plan.subject, payload, None).await {
            Some(TaskPlace::Waiting(Some(_))) => "the element is in the list: it was pushed".into(),
            _ => "the element was not found in the list: not pushed, or taken already".into(),
        };
    }
    match (look(reader, plan).await, plan.intent) {
        (Found::Unreadable(why), _) => format!("the key could not be read: {why}"),
        (Found::Gone, "release") => "the key is gone: released, or let go of by its holder".into(),
        (Found::Same, "release") => "the same token still holds it: it was not released".into(),
        (Found::Same, "undo") => "the token is back".into(),
        (Found::Gone, "undo") => "the key is free: it was not put back, or has run out since".into(),
        (Found::Same, "expire") => match reader.pttl(&plan.subject).await {
            Ok(Reply::Int(-1)) => "it still has no TTL: nothing was changed".into(),
            Ok(Reply::Int(_)) => "it has a TTL now".into(),
            _ => "its TTL could not be read".into(),
        },
        (Found::Gone, _) => "the key is gone".into(),
        (Found::Same, _) => "the same token holds it".into(),
        (Found::Another, _) => "another token holds it".into(),
        (Found::Count(count), _) => format!("the count is {count} now"),
    }
}

/// Test tasks among pushed elements: `(id, element)`, the first few.
pub(super) fn test_tasks(payloads: &[Bytes]) -> Vec<(String, Bytes)> {
    payloads
        .iter()
        .filter(|payload| payload.len() <= MAX_LPOS)
        .filter_map(|payload| Some((test_task_id(payload)?, payload.clone())))
        .take(MAX_FOLLOWED)
        .collect()
}

/// The id of a redwarden test task.
pub fn test_task_id(payload: &Bytes) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(payload.as_slice()).ok()?;
    (value.get("kind")?.as_str()? == "redwarden.test")
        .then(|| value.get("id")?.as_str().map(str::to_string))?
}

/// Follows pushed test tasks until each is taken, or for ten minutes.
pub(super) async fn follow(
    services: &Services,
    queue: &QueueId,
    push: PushEnd,
    mut tasks: Vec<(String, Bytes)>,
    events: &Events,
) {
    let started = Instant::now();
    let mut told: Vec<Option<TaskPlace>> = vec![None; tasks.len()];
    let mut reader: Option<Reader> = None;
    while !tasks.is_empty() && !events.is_closed() {
        let over = started.elapsed() > GIVE_UP;
        if reader.is_none() {
            reader = services.reader(&queue.node, queue.db, &queue.key).await.ok();
        }
        let mut ended = Vec::new();
        for (index, (id, payload)) in tasks.iter().enumerate() {
            let found = match &mut reader {
                _ if over => Some(TaskPlace::Unknown),
                Some(connection) => place(connection, &queue.key, payload, Some(push)).await,
                None => None,
            };
            let Some(found) = found else {
                // The connection broke: it is made again at the next look.
                reader = None;
                break;
            };
            if told.get(index) != Some(&Some(found)) {
                if let Some(slot) = told.get_mut(index) {
                    *slot = Some(found);
                }
                let event = ActionEvent::Followed { queue: queue.clone(), task: id.clone(), place: found };
                if events.send(event).await.is_err() {
                    return;
                }
            }
            if !matches!(found, TaskPlace::Waiting(_)) {
                ended.push(index);
            }
        }
        for index in ended.into_iter().rev() {
            tasks.remove(index);
            told.remove(index);
        }
        if !tasks.is_empty() {
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Where an element stands, looked for from both ends. `None`: the connection broke.
pub(super) async fn place(
    reader: &mut Reader,
    key: &Bytes,
    payload: &Bytes,
    push: Option<PushEnd>,
) -> Option<TaskPlace> {
    let replies = reader.find_in_list(key, payload, LPOS_LOOKS).await.ok()?;
    let [first, last, depth] = replies.as_slice() else { return Some(TaskPlace::Unknown) };
    let depth = depth.as_int().and_then(|n| u64::try_from(n).ok());
    if first.as_error().is_some() || last.as_error().is_some() {
        return Some(TaskPlace::Unknown);
    }
    let index = first.as_int().or(last.as_int()).and_then(|n| u64::try_from(n).ok());
    Some(match (index, depth) {
        (Some(index), Some(depth)) => TaskPlace::Waiting(Some(match push {
            Some(PushEnd::Left) | None => depth.saturating_sub(index + 1),
            Some(PushEnd::Right) => index,
        })),
        (None, Some(depth)) if depth <= 2 * u64::from(LPOS_LOOKS) => TaskPlace::Taken,
        // It may stand in the middle of a long list.
        _ => TaskPlace::Waiting(None),
    })
}

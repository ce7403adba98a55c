//! Makes a plan out of a request: looks at the server when the dialog opens and refuses what cannot be proven.

use std::time::Duration;

use super::plan::{Guard, Plan, Target, Undo};
use super::services::{Services, named};
use super::session::Session;
use super::{NotDone, Prepared, Request, Seen, inspect_queue};
use crate::domain::lock::{MAX_TOKEN, Token, Ttl};
use crate::domain::queue::PushEnd;
use crate::domain::{Bytes, Command, LockId, QueueId, Reply};
use crate::family::recipe::{CONNECTION, Proof};
use crate::family::{LockFamily, Recipe};
use crate::redis_io::run_plan::{Means, refused, watch};

/// A longer value is not hashed on the server: this much takes 7.0 about 0.9 ms, a mebibyte 3 ms (SLOWLOG).
const MAX_DIGEST: u64 = 256 * 1024;
/// A lock that frees itself within this time is better waited for.
const SHORT_TTL: Duration = Duration::from_secs(15);
/// Elements in one command: Lua's stack and the server's time bound it.
const PUSH_BATCH: usize = 100;
/// Elements in one action.
const MAX_PUSH: usize = 10_000;

/// A plan with the connection it will run on.
pub struct PreparedAction {
    pub(super) prepared: Prepared,
    pub(super) session: Session,
    pub(super) services: Services,
}

impl PreparedAction {
    /// The plan and whether it wants force.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

/// Prepares a request. `Err` is a sentence, escaped; nothing was changed.
pub(super) async fn build(services: &Services, request: Request) -> Result<PreparedAction, String> {
    if services.permit.is_none() {
        return Err(NotDone::ReadOnlyMode.to_string());
    }
    let (seen_on, (mut prepared, session)) = match request {
        Request::Release { lock, seen } => (lock.node.clone(), release(services, &lock, &seen).await?),
        Request::Expire { lock, seen, ttl } => {
            (lock.node.clone(), expire(services, &lock, &seen, ttl).await?)
        }
        Request::Enqueue { queue, payloads, push, library, force } => {
            (queue.node.clone(), enqueue(services, &queue, &payloads, push, library, force).await?)
        }
        Request::Transfer(wish) => {
            (wish.queue.node.clone(), super::transfer::prepare(services, &wish).await?)
        }
        Request::Undo { .. } => {
            return Err("only the session that released a lock can undo it".into());
        }
    };
    session.check(&mut prepared.plan, &seen_on).map_err(|why| why.to_string())?;
    Ok(PreparedAction { prepared, session, services: services.clone() })
}

/// A plan without guards, steps and sentences yet.
pub(super) fn blank(services: &Services, intent: &'static str, target: Target, subject: &Bytes) -> Plan {
    Plan {
        id: uuid::Uuid::new_v4(),
        intent,
        target,
        subject: subject.clone(),
        guards: Vec::new(),
        unchanged: false,
        steps: Vec::new(),
        valid_for: services.valid_for(),
        effects: Vec::new(),
        warnings: Vec::new(),
        undo: Undo::No(""),
        undo_of: None,
    }
}

async fn release(services: &Services, lock: &LockId, seen: &Seen) -> Result<(Prepared, Session), String> {
    let family = family_of(services, seen)?;
    let (mut plan, session, pttl, recipe) = if &*seen.key_type == "string" {
        // A family that refuses does so before anything is asked of the server.
        let recipe = family.release(seen.family, &lock.key, &seen.token, &[])?;
        let proof = recipe.proof();
        let (plan, session, pttl) = guarded(services, "release", lock, seen, proof).await?;
        (plan, session, pttl, recipe)
    } else if &*seen.key_type == CONNECTION {
        connected(services, lock, seen, family).await?
    } else {
        looked_up(services, lock, seen, family).await?
    };
    plan.guards.extend(recipe.guards);
    for step in recipe.steps {
        // In a cluster Redisson's clients may listen to the shard's channel instead; a message to both is harmless.
        if recipe.sharded && session.sharded && step.name() == "PUBLISH" {
            let mut sharded = step.clone();
            if let Some(name) = sharded.args.first_mut() {
                *name = "SPUBLISH".into();
            }
            plan.steps.push(sharded);
        }
        plan.steps.push(step);
    }
    plan.effects.extend(recipe.effects);
    if !recipe.tells {
        plan.effects.push("its holder is not told: if it is alive it goes on without the lock".into());
    }
    plan.warnings.extend(recipe.warnings);
    if let Undo::No(why) = recipe.undo {
        plan.warnings.push(why.into());
    }
    plan.undo = recipe.undo;
    // One of several holders ends before its key does.
    let own = match &seen.ttl {
        Ttl::Left(left) if &*seen.key_type == "zset" => {
            Some(left.saturating_sub(seen.read_at.mono.elapsed()))
        }
        _ => None,
    };
    let key = u64::try_from(pttl).ok().map(Duration::from_millis);
    if let Some(left) = key.into_iter().chain(own).min().filter(|left| *left <= SHORT_TTL) {
        plan.warnings.push(format!("it frees itself in {}: wait instead?", short(left)));
    }
    if matches!(seen.token, Token::Long { .. }) {
        plan.warnings.push("its value is too long to be kept: this release cannot be undone".into());
    }
    Ok((Prepared { plan, needs_force: None }, session))
}

/// The family that releases what was seen.
fn family_of<'s>(services: &'s Services, seen: &Seen) -> Result<&'s dyn LockFamily, String> {
    services.families.find(seen.family, &seen.key_type).ok_or_else(|| {
        format!(
            "no release is known for {} in a key of type {}",
            seen.family,
            crate::domain::bytes::escape_text(&seen.key_type)
        )
    })
}

/// A plan for a lock that is no string: its family looks at the server and gives the guards that prove identity.
async fn looked_up(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    family: &dyn LockFamily,
) -> Result<(Plan, Session, i64, Recipe), String> {
    let mut session = Session::open(services, &lock.node, lock.db, &lock.key).await?;
    let plan = blank(services, "release", session.target(lock.db), &lock.key);
    let mut reads = family.release_reads(&lock.key, &seen.token);
    reads.push(Command::new("PTTL").arg(lock.key.clone()));
    let mut replies = session.writer.pipeline(&reads).await.map_err(|e| named(&lock.node, &e))?;
    let pttl = replies.pop().unwrap_or(Reply::Nil);
    for (read, reply) in reads.iter().zip(&replies) {
        let about_it = read.args.get(1) == Some(&lock.key);
        match reply {
            Reply::Error(e) if about_it && e.is_denied() => {
                return Err(NotDone::Denied(read.name()).to_string());
            }
            Reply::Error(e) if about_it && e.code == "WRONGTYPE" => {
                return Err(NotDone::WrongType.to_string());
            }
            Reply::Error(e) if about_it => return Err(NotDone::Refused(e.to_string()).to_string()),
            _ => {}
        }
    }
    let pttl = match pttl {
        Reply::Int(-2) => return Err(NotDone::Gone.to_string()),
        Reply::Int(pttl) => pttl,
        Reply::Error(e) if e.is_denied() => return Err(NotDone::Denied("PTTL".into()).to_string()),
        _ => return Err(format!("{}: the answers were not understood", lock.node)),
    };
    let recipe = family.release(seen.family, &lock.key, &seen.token, &replies)?;
    Ok((plan, session, pttl, recipe))
}

/// A plan for a lock that is a connection: the client is looked for when the dialog opens.
async fn connected(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    family: &dyn LockFamily,
) -> Result<(Plan, Session, i64, Recipe), String> {
    let mut session = Session::open(services, &lock.node, lock.db, &lock.key).await?;
    if session.node != lock.node {
        return Err(format!(
            "{}: the cluster answers for its name on {}: close the connection by hand, with CLIENT KILL on {}",
            lock.node, session.node, lock.node
        ));
    }
    let plan = blank(services, "release", session.target(lock.db), &lock.key);
    let list = session.writer.call(&Command::new("CLIENT LIST")).await.map_err(|e| named(&lock.node, &e))?;
    match &list {
        Reply::Error(e) if e.is_denied() => return Err(NotDone::Denied("CLIENT|LIST".into()).to_string()),
        Reply::Error(e) => return Err(NotDone::Refused(e.to_string()).to_string()),
        _ => {}
    }
    let recipe = family.release(seen.family, &lock.key, &seen.token, &[list])?;
    Ok((plan, session, -1, recipe))
}

async fn expire(
    services: &Services,
    lock: &LockId,
    seen: &Seen,
    ttl: Duration,
) -> Result<(Prepared, Session), String> {
    let millis = u64::try_from(ttl.as_millis()).ok().filter(|ms| *ms > 0 && *ms < 1 << 50);
    let millis = millis.ok_or("the TTL must be at least one millisecond")?;
    if &*seen.key_type != "string" {
        return Err(format!(
            "its key is a {} that may hold more than this lock: a TTL would end all of it",
            crate::domain::bytes::escape_text(&seen.key_type)
        ));
    }
    let constant =
        family_of(services, seen).is_ok_and(|f| f.is_constant(seen.family, &lock.key, &seen.token));
    let proof = if constant { Proof::Untouched } else { Proof::Value };
    let (mut plan, session, pttl) = guarded(services, "expire", lock, seen, proof).await?;
    if let Ok(left) = u64::try_from(pttl) {
        return Err(format!("it has a TTL already: {} are left", short(Duration::from_millis(left))));
    }
    plan.guards.push(Guard::NoTtl { key: lock.key.clone() });
    plan.steps.push(Command::new("PEXPIRE").arg(lock.key.clone()).arg(millis));
    plan.effects
        .push(format!("the lock frees itself {} after this, unless its holder renews it", short(ttl)));
    plan.warnings.push("a holder that is alive and needs longer loses the lock without being told".into());
    Ok((Prepared { plan, needs_force: None }, session))
}

/// A plan whose guards prove that the lock is the one seen, its session, and the PTTL now.
async fn guarded(
    services: &Services,
    intent: &'static str,
    lock: &LockId,
    seen: &Seen,
    proof: Proof,
) -> Result<(Plan, Session, i64), String> {
    if let Token::Unknown(why) = &seen.token {
        return Err(format!(
            "its value could not be read ({why}): nothing would prove that it still is the lock shown"
        ));
    }
    let mut session = Session::open(services, &lock.node, lock.db, &lock.key).await?;
    let mut plan = blank(services, intent, session.target(lock.db), &lock.key);
    let key = &lock.key;
    let digest = matches!(&seen.token, Token::Long { len, .. } if *len <= MAX_DIGEST)
        && session.means == Means::Script;
    plan.unchanged = match &seen.token {
        Token::Long { .. } => !digest,
        known => match proof {
            Proof::Count => false,
            Proof::Untouched => true,
            Proof::Value => !known.proves_identity(),
        },
    };
    if plan.unchanged {
        watch(&mut session.writer, std::slice::from_ref(key)).await.map_err(|why| why.to_string())?;
    }
    let now = look(&mut session, lock).await?;
    match &seen.token {
        Token::Known(value) => {
            if now.head != *value || now.len != value.len() as u64 {
                return Err(changed_hands(&now));
            }
            plan.guards.push(Guard::StringEquals { key: key.clone(), value: value.clone() });
            if plan.unchanged {
                plan.warnings.push(
                    "its value is short or constant and proves no identity: that nobody touched the key since this dialog opened is proven by WATCH"
                        .into(),
                );
            }
        }
        Token::Long { head, len } => {
            if now.head != *head || now.len != *len {
                return Err(changed_hands(&now));
            }
            if digest {
                let sha1 = digest_of(&mut session, lock, *len).await?;
                plan.guards.push(Guard::StringDigest { key: key.clone(), len: *len, sha1 });
                plan.warnings.push(format!(
                    "only the first {MAX_TOKEN} of its {len} bytes were fetched: length and SHA-1 of the whole were taken as this dialog opened"
                ));
            } else {
                plan.guards.push(Guard::StringLen { key: key.clone(), len: *len });
                plan.warnings.push(format!(
                    "only the first {MAX_TOKEN} of its {len} bytes were fetched: that nobody touched the key since this dialog opened is proven by WATCH"
                ));
            }
        }
        Token::Unknown(_) => {}
    }
    Ok((plan, session, now.pttl))
}

fn changed_hands(look: &Look) -> String {
    if look.pttl == -2 {
        NotDone::Gone.to_string()
    } else {
        "it changed hands since it was shown: nothing was done".into()
    }
}

struct Look {
    pttl: i64,
    len: u64,
    head: Bytes,
}

async fn look(session: &mut Session, lock: &LockId) -> Result<Look, String> {
    let key = &lock.key;
    let reads = [
        Command::new("PTTL").arg(key.clone()),
        Command::new("STRLEN").arg(key.clone()),
        Command::new("GETRANGE").arg(key.clone()).arg(0_i64).arg(MAX_TOKEN as i64 - 1),
    ];
    let replies = session.writer.pipeline(&reads).await.map_err(|e| named(&lock.node, &e))?;
    for (read, reply) in reads.iter().zip(&replies) {
        match reply {
            Reply::Error(e) if e.is_denied() => return Err(NotDone::Denied(read.name()).to_string()),
            Reply::Error(e) if e.code == "WRONGTYPE" => return Err(NotDone::WrongType.to_string()),
            Reply::Error(e) => return Err(refused(&read.name(), e).to_string()),
            _ => {}
        }
    }
    match replies.as_slice() {
        [Reply::Int(-2), ..] => Err(NotDone::Gone.to_string()),
        [Reply::Int(pttl), Reply::Int(len), Reply::Bulk(head)] => {
            Ok(Look { pttl: *pttl, len: u64::try_from(*len).unwrap_or_default(), head: head.clone() })
        }
        _ => Err(format!("{}: the answers were not understood", lock.node)),
    }
}

/// SHA-1 of the whole value, computed where it is.
async fn digest_of(session: &mut Session, lock: &LockId, len: u64) -> Result<String, String> {
    const SCRIPT: &str = "if redis.call('STRLEN',KEYS[1])~=tonumber(ARGV[1]) then return '' end return redis.sha1hex(redis.call('GET',KEYS[1]))";
    let eval = Command::new("EVAL").arg(SCRIPT).arg(1_i64).arg(lock.key.clone()).arg(len);
    match session.writer.call(&eval).await.map_err(|e| named(&lock.node, &e))? {
        Reply::Bulk(sha1) if sha1.len() == 40 => Ok(sha1.escaped()),
        Reply::Error(error) => Err(NotDone::Refused(error.to_string()).to_string()),
        _ => Err("it changed hands since it was shown: nothing was done".into()),
    }
}

async fn enqueue(
    services: &Services,
    queue: &QueueId,
    payloads: &[Bytes],
    push: PushEnd,
    library: Option<&'static str>,
    force: bool,
) -> Result<(Prepared, Session), String> {
    if payloads.is_empty() || payloads.len() > MAX_PUSH {
        return Err(format!("between 1 and {MAX_PUSH} elements can be pushed at once"));
    }
    let mut reader = services.reader(&queue.node, queue.db, &queue.key).await?;
    let found = inspect_queue(&mut reader, &queue.key, queue.db).await.map_err(|e| named(&queue.node, &e))?;
    drop(reader);
    if let Some(refusal) = found.refusal() {
        return Err(refusal);
    }
    let session = Session::open(services, &queue.node, queue.db, &queue.key).await?;
    let mut plan = blank(services, "enqueue", session.target(queue.db), &queue.key);
    plan.guards.push(Guard::TypeIs { key: queue.key.clone(), key_type: "list", absent_ok: true });
    let name = match push {
        PushEnd::Left => "LPUSH",
        PushEnd::Right => "RPUSH",
    };
    for batch in payloads.chunks(PUSH_BATCH) {
        let mut step = Command::new(name).arg(queue.key.clone());
        step.args.extend(batch.iter().cloned());
        plan.steps.push(step);
    }
    let what = if payloads.len() == 1 { "1 element".into() } else { format!("{} elements", payloads.len()) };
    plan.effects.push(match found.depth {
        Some(0) => format!("pushes {what} to the empty list"),
        Some(depth) => format!("pushes {what}; {depth} stand before"),
        None => format!("pushes {what}"),
    });
    plan.warnings.extend(found.notes());
    let known = library
        .filter(|_| found.library().is_none())
        .map(|library| format!("it is a queue of {library}: its workers may take this task and fail on it"));
    let against = match (known, found.needs_force()) {
        (Some(known), Some(why)) => Some(format!("{known}; {why}")),
        (known, why) => known.or(why),
    };
    if force {
        plan.warnings.extend(against.iter().cloned());
    }
    Ok((Prepared { plan, needs_force: against.filter(|_| !force) }, session))
}

/// A duration in at most two units.
pub(super) fn short(d: Duration) -> String {
    let d = if d.as_secs() > 0 {
        Duration::from_secs(d.as_secs())
    } else {
        Duration::from_millis(d.as_millis() as u64)
    };
    let text = humantime::format_duration(d).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

//! `redwarden locks release KEY`: the plan of the dialog without the dialog.

use std::io::BufRead as _;
use std::sync::Arc;

use super::place::{Candidate, PlaceError, ambiguous, candidates, services};
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out};
use crate::act::executor::{self, Executed};
use crate::act::{Guard, Outcome, Plan, PreparedAction, Request, Seen};
use crate::cli::Release;
use crate::config::{Config, NodeConfig};
use crate::domain::bytes::escape_text;
use crate::domain::lock::{Token, Ttl};
use crate::domain::queue::PushEnd;
use crate::domain::stamp::short;
use crate::domain::{Bytes, Lock, LockId, NodeId, Reply, Stamp};
use crate::family::portalocker::Portalocker;
use crate::family::registry::{Kind, LockFamilies};
use crate::family::{Context, Dialect, KeyFact, Read, Registry};

/// What was released, with its place in words.
type Watched = Vec<(String, Executed)>;

/// Runs the command; returns its exit code, which follows from the outcome alone: a lock that was taken again was
/// released.
pub async fn release(config: Arc<Config>, nodes: &[NodeConfig], wish: Release, out: &mut Out<'_>) -> u8 {
    let mut problems = Vec::new();
    let found = match candidates(&config, nodes, &wish.place, &wish.key, &mut problems).await {
        Ok(found) => found,
        Err(error) => return refuse(&error, out),
    };
    for problem in &problems {
        out.say(problem);
    }
    let registry = Registry::new(&config);
    let (mut holding, mut without) = (Vec::new(), Vec::new());
    for mut candidate in found {
        if candidate.exists || connection(&registry, &mut candidate, &wish.key).await.is_some() {
            holding.push(candidate);
        } else {
            without.push(candidate);
        }
    }
    if holding.len() > 1 && !wish.place.all_nodes {
        return refuse(&ambiguous(&wish.key, &holding, true), out);
    }
    if holding.is_empty() {
        let still_waited_for = waited_for(&config, nodes, &without, &wish).await;
        if !still_waited_for.is_empty() {
            let mut worst = EXIT_OK;
            for (node, action) in still_waited_for {
                out.say(format!("{} on {node}:", wish.key));
                told(&action.prepared().plan, out);
                let place = format!("{} on {node}", wish.key);
                // Nothing was released: there is nothing to look at afterwards.
                worst = worst.max(finish(&place, action, &wish, &mut Watched::new(), out).await);
            }
            return worst;
        }
        // A node that could not be asked may hold it: then this is not "gone".
        out.say(format!("{}: not released: no node that answered has it", wish.key));
        return EXIT_NOT_DONE;
    }
    let (mut worst, mut watched) = (EXIT_OK, Watched::new());
    for candidate in holding {
        worst = worst.max(release_one(&config, nodes, candidate, &wish, &mut watched, out).await);
    }
    tell_afterwards(&watched, out).await;
    worst.max(if problems.is_empty() || !wish.place.all_nodes { EXIT_OK } else { EXIT_NOT_DONE })
}

async fn release_one(
    config: &Arc<Config>,
    nodes: &[NodeConfig],
    mut candidate: Candidate,
    wish: &Release,
    watched: &mut Watched,
    out: &mut Out<'_>,
) -> u8 {
    let place = format!("{} on {}", wish.key, candidate.node);
    let lock = match look(&Registry::new(config), &mut candidate, &wish.key)
        .await
        .and_then(|lock| chosen(lock, config, wish))
    {
        Ok(lock) => lock,
        Err(why) => {
            out.say(format!("{place}: not released: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    let token = match (&wish.if_token, &lock.token) {
        (Some(token), Token::Known(value)) if token != value => {
            out.say(format!("{place}: not released: another token holds it now: {value}"));
            return EXIT_NOT_DONE;
        }
        // Longer than is ever fetched: the plan holds its digest, which is compared below.
        (Some(_), Token::Long { .. }) => lock.token.clone(),
        (Some(token), _) => Token::Known(token.clone()),
        (None, seen) => seen.clone(),
    };
    if wish.if_token.is_none() && !token.proves_identity() {
        out.say(format!(
            "{place}: its value is short or constant: identity cannot be proven; released only if nobody touches it from now on (--if-token says what you saw)"
        ));
    }
    let seen = Seen {
        family: lock.family,
        key_type: lock.key_type.clone(),
        token,
        ttl: lock.ttl.clone(),
        read_at: lock.read_at,
    };
    let request = Request::Release { lock: lock.id.clone(), seen };
    let action = match services(config, nodes).prepare(request).await {
        Ok(action) => action,
        Err(why) => {
            out.say(format!("{place}: not released: {why}"));
            return EXIT_NOT_DONE;
        }
    };
    if let (Some(token), Token::Long { .. }) = (&wish.if_token, &lock.token)
        && !is_digest_of(&action.prepared().plan, token)
    {
        out.say(format!(
            "{place}: not released: its value is another one, or too long to be compared with the token"
        ));
        return EXIT_NOT_DONE;
    }
    describe(&action.prepared().plan, &lock, out);
    if wish.if_token.is_none() && lock.holders.len() > 1 {
        let others = lock.holders_total.unwrap_or(lock.holders.len() as u64) - 1;
        out.say(format!("  {others} more hold it and stay: --if-token chooses which of them is meant"));
    }
    finish(&place, action, wish, watched, out).await
}

/// Where the lock is gone and clients still wait for it, for a family that was named: the plans that wake them.
async fn waited_for(
    config: &Config,
    nodes: &[NodeConfig],
    without: &[Candidate],
    wish: &Release,
) -> Vec<(NodeId, PreparedAction)> {
    let Some(id) = &wish.family else { return Vec::new() };
    let Some(family) = LockFamilies::new(config).find_id(id, "hash") else { return Vec::new() };
    let mut found = Vec::new();
    for candidate in without {
        let lock = LockId { node: candidate.node.clone(), db: candidate.endpoint.db, key: wish.key.clone() };
        let seen = Seen {
            family,
            key_type: "hash".into(),
            token: Token::Known(wish.if_token.clone().unwrap_or_else(|| "".into())),
            ttl: Ttl::Never,
            read_at: Stamp::now(),
        };
        let request = Request::Release { lock, seen };
        if let Ok(action) = services(config, nodes).prepare(request).await
            && action.prepared().plan.intent == "wake"
        {
            found.push((candidate.node.clone(), action));
        }
    }
    found
}

/// Asks, executes and says what became of it.
async fn finish(
    place: &str,
    action: PreparedAction,
    wish: &Release,
    watched: &mut Watched,
    out: &mut Out<'_>,
) -> u8 {
    if wish.dry_run {
        return EXIT_OK;
    }
    let wakes = action.prepared().plan.intent == "wake";
    let (question, done) = if wakes { ("Wake them?", "told") } else { ("Release it?", "released") };
    match confirmed(wish.yes, question, out) {
        Some(true) => {}
        Some(false) => {
            out.say(format!("not {done}: cancelled"));
            return EXIT_NOT_DONE;
        }
        None => {
            out.say(format!("not {done}: nobody is there to confirm; --yes does it without asking"));
            return EXIT_USAGE;
        }
    }
    let (outcome, released) = executor::execute_release(action).await;
    watched.extend(released.map(|released| (place.to_owned(), released)));
    report(place, done, &outcome, out)
}

/// Says of all that was released whether that stuck.
async fn tell_afterwards(watched: &Watched, out: &mut Out<'_>) {
    let looks = watched.iter().map(|(_, released)| released.afterwards());
    let found = futures_util::future::join_all(looks).await;
    for ((place, _), sentences) in watched.iter().zip(found) {
        for sentence in sentences {
            out.say(format!("{place}: {sentence}"));
        }
    }
}

/// Reads the lock once, as the dashboard does.
pub(super) async fn look(
    registry: &Registry,
    candidate: &mut Candidate,
    key: &Bytes,
) -> Result<Lock, String> {
    if !candidate.exists
        && let Some(lock) = connection(registry, candidate, key).await
    {
        return Ok(lock);
    }
    let failed = |e: crate::redis_io::CallError| e.to_string();
    let kind = candidate.reader.read(&[Read::Type(key.clone())], Dialect::default()).await;
    let key_type: Arc<str> = match kind.map_err(failed)?.first() {
        Some(Reply::Status(name)) => name.as_str().into(),
        // TYPE is denied: the reads will say what it is not.
        _ => "string".into(),
    };
    // Named by a person: as good as a lock pattern.
    let fact = KeyFact { key: key.clone(), key_type, lock_pattern: true, queue_pattern: false };
    let Some(Kind::Lock(family)) = registry.recognise(&fact) else {
        return Err(format!("it is no lock: its type is {}", escape_text(&fact.key_type)));
    };
    let reads = family.reads(key, None);
    let replies = candidate.reader.read(&reads, Dialect::default()).await.map_err(failed)?;
    let ctx = context(candidate);
    let lock = family.interpret(&fact, None, &replies, &ctx).ok_or("it is gone, or no lock")?;
    Ok(Lock {
        id: LockId { node: candidate.node.clone(), db: candidate.endpoint.db, key: key.clone() },
        ..lock
    })
}

/// The lock as a user wants it released: one of its holders, one of its possible families.
fn chosen(lock: Lock, config: &Config, wish: &Release) -> Result<Lock, String> {
    let lock = match &wish.if_token {
        Some(token) => lock.of_holder(token).unwrap_or(lock),
        None => lock,
    };
    let Some(id) = &wish.family else { return Ok(lock) };
    let family = LockFamilies::new(config).find_id(id, &lock.key_type).ok_or_else(|| {
        let possible: Vec<&str> = lock.candidates.iter().map(|(id, _)| *id).collect();
        format!(
            "no lock family {} has its locks in keys of type {}; it looks like {}",
            escape_text(id),
            escape_text(&lock.key_type),
            possible.join(", ")
        )
    })?;
    Ok(Lock { family, ..lock })
}

/// A lock that is a client's connection, by its name; `None` too where CLIENT LIST is not permitted.
pub(super) async fn connection(registry: &Registry, candidate: &mut Candidate, key: &Bytes) -> Option<Lock> {
    if !registry.seeks_connections() {
        return None;
    }
    let Ok(Reply::Bulk(list)) = candidate.reader.client_list().await else { return None };
    let ctx = context(candidate);
    Portalocker::locks(&list, &|_| None, &ctx)
        .into_iter()
        .find(|(fact, _)| fact.key == *key)
        .map(|(_, lock)| lock)
}

fn context(candidate: &Candidate) -> Context {
    let at = Stamp::now();
    let wall = at.wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Context {
        node: candidate.node.clone(),
        db: candidate.endpoint.db,
        at,
        server_ms: i64::try_from(wall.as_millis()).unwrap_or(0),
        push: PushEnd::Left,
        is_new: false,
        rate_window: std::time::Duration::ZERO,
    }
}

/// True when the plan releases only a value that is this token, by length and SHA-1.
fn is_digest_of(plan: &Plan, token: &Bytes) -> bool {
    plan.guards.iter().any(|guard| match guard {
        Guard::StringDigest { len, sha1, .. } => *len == token.len() as u64 && *sha1 == token.sha1(),
        _ => false,
    })
}

/// What will be done, on stderr: stdout stays data.
fn describe(plan: &Plan, lock: &Lock, out: &mut Out<'_>) {
    let token = match &lock.token {
        Token::Known(value) => value.escaped(),
        Token::Long { head, len } => format!("{head}... ({len} bytes)"),
        Token::Unknown(why) => format!("unknown: {why}"),
    };
    let now = Stamp::now().mono;
    let ttl = match (&lock.ttl, lock.ttl_left(now)) {
        (crate::domain::lock::Ttl::Never, _) => "never expires".to_string(),
        (_, Some(left)) => format!("frees itself in {}", short(left)),
        (_, None) => "TTL unknown".to_string(),
    };
    out.say(format!(
        "{} on {} (db {}): token {token}; {ttl}",
        plan.subject, plan.target.node, plan.target.db
    ));
    told(plan, out);
}

/// Commands, effects and warnings.
fn told(plan: &Plan, out: &mut Out<'_>) {
    for step in &plan.steps {
        out.say(format!("  {step}"));
    }
    for line in plan.effects.iter().chain(&plan.warnings) {
        out.say(format!("  {line}"));
    }
}

/// `Some(answer)` of a person, `Some(true)` for `--yes`, `None` when nobody is there.
pub(super) fn confirmed(yes: bool, question: &str, out: &mut Out<'_>) -> Option<bool> {
    if yes {
        return Some(true);
    }
    if !out.interactive {
        return None;
    }
    let _ = write!(out.talk, "{question} [y/N] ");
    let _ = out.talk.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Says what became of it; the exit code follows from the outcome alone.
pub(super) fn report(place: &str, done: &str, outcome: &Outcome, out: &mut Out<'_>) -> u8 {
    match outcome {
        Outcome::Done { .. } => out.say(format!("{place}: {done}")),
        Outcome::NotDone(why) => out.say(format!("{place}: not {done}: {why}")),
        Outcome::Partly { ran, error } => {
            out.say(format!("{place}: not {done}: stopped after {ran} steps: {error}"));
        }
        Outcome::Unknown(why) => {
            out.say(format!("{place}: outcome unknown: {why}; look again before you repeat it"));
        }
    }
    outcome.exit_code()
}

pub(super) fn refuse(error: &PlaceError, out: &mut Out<'_>) -> u8 {
    match error {
        PlaceError::Usage(text) => {
            out.say(text);
            EXIT_USAGE
        }
        PlaceError::Nowhere(text) => {
            out.say(text);
            EXIT_NOT_DONE
        }
    }
}

//! A stream: one entry with fields of the user's. It stays in the stream, as every entry does.

use serde_json::Value;

use super::{Canary, Place, Tells, Told, Wish, needs, tagged};
use crate::act::plan::Guard;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::stream::groups;

const STAYS: &str = "an entry stays in its stream until it is trimmed: taking away one that a group was not given makes its lag unknown";

/// What the dialog asks: who is to be asked about the entry.
pub(in crate::family) fn reads(key: &Bytes) -> Vec<Read> {
    vec![Read::StreamGroups(key.clone())]
}

/// Names of the groups that there are.
pub(in crate::family) fn names(reply: Option<&Reply>) -> Vec<Bytes> {
    groups(reply).into_iter().map(|group| group.name).collect()
}

/// An entry of the user's.
pub(in crate::family) fn canary(family: &str, wish: &Wish<'_>) -> Result<Canary, String> {
    let payload = wish.task.and_then(|task| task.payload.as_ref());
    let payload = payload.ok_or_else(|| needs(family, "payload = '{\"FIELD\": \"...{id}...\"}'"))?;
    let id = tagged(wish.id);
    let fields: Value = serde_json::from_slice(payload.fill(id.as_bytes()).as_slice()).unwrap_or_default();
    let fields = fields.as_object().filter(|fields| !fields.is_empty());
    let fields = fields.ok_or("the configured payload is no JSON object: a stream's entries have fields")?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    Ok(entry(wish, fields, &names(wish.replies.first())))
}

/// The entry. Its id is ours, so that the groups can be compared with it.
pub(super) fn entry(wish: &Wish<'_>, fields: Vec<(String, String)>, groups: &[Bytes]) -> Canary {
    let digits: String = wish.id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let within = u64::from_str_radix(&digits, 16).unwrap_or(1).max(1);
    let entry = format!("{}-{within}", wish.now_ms);
    let add = Command::new("XADD").arg(wish.key.clone()).arg(entry.as_str());
    let add = fields.into_iter().fold(add, |add, (name, value)| add.arg(name).arg(value));
    let pending = |group: &Bytes| Read::StreamPending {
        key: wish.key.clone(),
        group: group.clone(),
        entry: entry.as_str().into(),
    };
    let groups_then = std::iter::once(Read::StreamGroups(wish.key.clone()));
    Canary {
        guards: vec![Guard::TypeIs { key: wish.key.clone(), key_type: "stream", absent_ok: false }],
        steps: vec![add],
        effects: vec![
            format!("adds the entry {entry}, which every consumer group is given"),
            "seen of it: which consumer of which group was given it, and when all have acknowledged it"
                .into(),
        ],
        warnings: vec![STAYS.into()],
        place: Place::Stream,
        told: groups_then.chain(groups.iter().map(pending)).collect(),
        tells: Tells::End,
        removal: Err(STAYS),
        sweep: Vec::new(),
        id: tagged(wish.id),
    }
}

/// Who was given it, and who has not acknowledged it. Groups that came since are not waited for.
pub(in crate::family) fn told(canary: &Canary, replies: &[Reply]) -> Told {
    let ours = canary.steps.first().and_then(|add| add.args.get(2)).and_then(numbers);
    let given: Vec<Bytes> = groups(replies.first())
        .into_iter()
        .filter(|group| numbers(&group.delivered) >= ours)
        .map(|group| group.name)
        .collect();
    let asked = canary.told.iter().filter_map(|read| match read {
        Read::StreamPending { group, .. } => Some(group),
        _ => None,
    });
    let (mut by, mut open) = (Vec::new(), false);
    for (group, reply) in asked.zip(replies.iter().skip(1)) {
        if !given.contains(group) {
            open = true;
            continue;
        }
        // Where XPENDING is not permitted, being given is all that can be seen.
        let holder = reply.as_array().and_then(|list| list.first()?.as_array()?.get(1)?.as_bytes());
        open |= holder.is_some();
        by.push(match holder {
            Some(consumer) => format!("{consumer} of group {group}"),
            None => format!("group {group}"),
        });
    }
    match (by.is_empty(), open) {
        (true, _) => Told::Nothing,
        (false, true) => Told::Picked(Some(by.join(", "))),
        (false, false) => Told::Done(Some(by.join(", "))),
    }
}

/// The two numbers of an entry's id.
fn numbers(id: &Bytes) -> Option<(u64, u64)> {
    let (ms, within) = id.as_utf8()?.split_once('-')?;
    Some((ms.parse().ok()?, within.parse().ok()?))
}

//! A stream: one entry with fields of the user's. It stays in the stream, as every entry does.

use serde_json::Value;

use super::{Canary, Place, Tells, Told, Wish, needs, tagged};
use crate::act::plan::Guard;
use crate::domain::{Bytes, Command, Reply};
use crate::family::Read;
use crate::family::stream::groups;

const STAYS: &str = "an entry stays in its stream until it is trimmed: taking away one that a group was not given makes its lag unknown";

/// The entry. Its id is ours, so that the groups can be compared with it.
pub(in crate::family) fn canary(family: &str, wish: &Wish<'_>) -> Result<Canary, String> {
    let payload = wish.task.and_then(|task| task.payload.as_ref());
    let payload = payload.ok_or_else(|| needs(family, "payload = '{\"FIELD\": \"...{id}...\"}'"))?;
    let id = tagged(wish.id);
    let fields: Value = serde_json::from_slice(payload.fill(id.as_bytes()).as_slice()).unwrap_or_default();
    let fields = fields.as_object().filter(|fields| !fields.is_empty());
    let fields = fields.ok_or("the configured payload is no JSON object: a stream's entries have fields")?;
    let digits: String = wish.id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let within = u64::from_str_radix(&digits, 16).unwrap_or(1).max(1);
    let entry = format!("{}-{within}", wish.now_ms);
    let mut add = Command::new("XADD").arg(wish.key.clone()).arg(entry.as_str());
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        add = add.arg(name.as_str()).arg(value);
    }
    Ok(Canary {
        guards: vec![Guard::TypeIs { key: wish.key.clone(), key_type: "stream", absent_ok: false }],
        steps: vec![add],
        effects: vec![
            format!("adds the entry {entry}, which every consumer group is given"),
            "of a stream only this can be seen: that all groups were given it".into(),
        ],
        warnings: vec![STAYS.into()],
        place: Place::Stream,
        told: vec![Read::StreamGroups(wish.key.clone())],
        tells: Tells::End,
        removal: Err(STAYS),
        sweep: Vec::new(),
        id,
    })
}

/// Who was given it.
pub(in crate::family) fn told(canary: &Canary, replies: &[Reply]) -> Told {
    let ours = canary.steps.first().and_then(|add| add.args.get(2)).and_then(entry);
    let groups = groups(replies.first());
    let given: Vec<String> = groups
        .iter()
        .filter(|group| entry(&group.delivered) >= ours)
        .map(|group| group.name.escaped())
        .collect();
    match (given.len(), groups.len()) {
        (0, _) => Told::Nothing,
        (given_to, all) if given_to == all => Told::Done(Some(format!("group {}", given.join(", ")))),
        _ => Told::Picked(Some(format!("group {}", given.join(", ")))),
    }
}

/// The two numbers of an entry's id.
fn entry(id: &Bytes) -> Option<(u64, u64)> {
    let (ms, within) = id.as_utf8()?.split_once('-')?;
    Some((ms.parse().ok()?, within.parse().ok()?))
}

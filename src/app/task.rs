//! The test task's envelope and its ids. `update` has no randomness of its own: ids come from the state's seed.

use super::state::AppState;
use crate::domain::Bytes;

/// A fresh id: a version 4 UUID out of the seed, which moves on.
pub fn fresh_id(state: &mut AppState) -> String {
    let mut half = || {
        // SplitMix64: every seed gives another sequence, no id comes twice.
        state.seed = state.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state.seed ^ (state.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let bits = (u128::from(half()) << 64) | u128::from(half());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// The envelope of one test task, to be edited before it is sent.
pub fn envelope(id: &str, enqueued_at: &str) -> String {
    format!(
        r#"{{"id":"{id}","kind":"redwarden.test","enqueued_at":"{enqueued_at}","work_ms":100,"fail":false}}"#
    )
}

/// True when it is JSON.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

/// The id in a payload, if it is a JSON object that has one.
pub fn id_of(payload: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    value.get("id")?.as_str().map(str::to_owned)
}

/// So many payloads: the first as typed, each further one with an id of its own where the payload has one.
pub fn payloads(state: &mut AppState, text: &str, count: usize) -> Vec<Bytes> {
    let id = id_of(text.as_bytes());
    let mut out = vec![Bytes::from(text)];
    while out.len() < count {
        out.push(match &id {
            Some(id) => Bytes::from(with_id(text, id, &fresh_id(state))),
            None => Bytes::from(text),
        });
    }
    out
}

/// The same text with the other id; written anew only where the id cannot be found as typed.
fn with_id(text: &str, old: &str, new: &str) -> String {
    let replaced = text.replacen(&format!("\"{old}\""), &format!("\"{new}\""), 1);
    if id_of(replaced.as_bytes()).as_deref() == Some(new) {
        return replaced;
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(mut map)) => {
            map.insert("id".into(), new.into());
            serde_json::Value::Object(map).to_string()
        }
        _ => text.to_owned(),
    }
}

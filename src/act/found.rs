//! What the subject of a plan holds now, compared with what the plan was about.

use super::plan::{Back, Guard, Plan};
use crate::domain::{Bytes, Reply};
use crate::family::{Dialect, Read};
use crate::redis_io::Reader;

/// Digits of a count that are told.
const COUNT_LEN: u32 = 32;

/// What a key holds, as far as an action wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Gone,
    /// The value of the plan.
    Same,
    Another,
    /// The subject is a count; escaped.
    Count(String),
    Unreadable(String),
}

const NOT_UNDERSTOOD: &str = "the answers were not understood";

/// Looks at the subject.
pub(super) async fn look(reader: &mut Reader, plan: &Plan) -> Found {
    let key = &plan.subject;
    if let Some((id, name)) = plan.client() {
        return client(reader, key, id, name).await;
    }
    if plan
        .steps
        .iter()
        .any(|s| matches!(s.name().as_str(), "INCRBY" | "DECRBY") && s.args.get(1) == Some(key))
    {
        return count(reader, key).await;
    }
    let part = plan.guards.iter().find_map(|guard| match guard {
        // huey's hash stays for its task results.
        Guard::HashFieldExists { key: at, field }
        | Guard::HashFieldAbsent { key: at, field }
        | Guard::HashFieldEquals { key: at, field, .. }
            if at == key =>
        {
            Some((Read::HashField(key.clone(), field.clone()), key.as_slice().starts_with(b"huey.")))
        }
        Guard::ZsetMember { key: at, member } | Guard::ZsetMemberAbsent { key: at, member } if at == key => {
            Some((Read::ZScore(key.clone(), member.clone()), true))
        }
        Guard::SetMember { key: at, member } | Guard::SetMemberAbsent { key: at, member } if at == key => {
            Some((Read::SetMember(key.clone(), member.clone()), true))
        }
        _ => None,
    });
    match part {
        Some((part, shared)) => look_at_part(reader, key, part, shared).await,
        None => whole(reader, plan).await,
    }
}

/// A lock that is a string of its own.
async fn whole(reader: &mut Reader, plan: &Plan) -> Found {
    let key = &plan.subject;
    let expected = match (plan.undo_of.as_ref().map(|restore| &restore.back), plan.guards.first()) {
        (Some(Back::Value(value)), _) | (None, Some(Guard::StringEquals { value, .. })) => {
            Some(value.clone())
        }
        _ => None,
    };
    let head = expected.as_ref().map_or(1, |value| value.len() as u32 + 1);
    let reads = [Read::Type(key.clone()), Read::StrLen(key.clone()), Read::Head(key.clone(), head)];
    let replies = match reader.read(&reads, Dialect::NoScripts).await {
        Ok(replies) => replies,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    let [kind, len, head] = replies.as_slice() else { return Found::Unreadable(NOT_UNDERSTOOD.into()) };
    if kind.as_bytes().is_some_and(|t| t.as_slice() == b"none") {
        return Found::Gone;
    }
    if let Some(error) = kind.as_error() {
        return Found::Unreadable(error.to_string());
    }
    let same = match (expected, plan.guards.first()) {
        (Some(value), _) => head.as_bytes() == Some(value),
        (None, Some(Guard::StringDigest { len: seen, .. } | Guard::StringLen { len: seen, .. })) => {
            len.as_int().and_then(|is| u64::try_from(is).ok()) == Some(*seen)
        }
        _ => false,
    };
    if same { Found::Same } else { Found::Another }
}

/// A lock that is a part of its key. `shared`: the key holds more than this lock and may outlive it.
async fn look_at_part(reader: &mut Reader, key: &Bytes, part: Read, shared: bool) -> Found {
    let reads = [part, Read::Type(key.clone())];
    let replies = match reader.read(&reads, Dialect::NoScripts).await {
        Ok(replies) => replies,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    let [part, kind] = replies.as_slice() else { return Found::Unreadable(NOT_UNDERSTOOD.into()) };
    let gone = kind.as_bytes().is_some_and(|t| t.as_slice() == b"none");
    match part {
        Reply::Error(error) if error.code != "WRONGTYPE" => Found::Unreadable(error.to_string()),
        Reply::Nil | Reply::Int(0) if gone || shared => Found::Gone,
        Reply::Error(_) | Reply::Nil | Reply::Int(0) => Found::Another,
        _ => Found::Same,
    }
}

async fn count(reader: &mut Reader, key: &Bytes) -> Found {
    match reader.read(&[Read::Head(key.clone(), COUNT_LEN)], Dialect::NoScripts).await.as_deref() {
        Ok([Reply::Bulk(value)]) => Found::Count(value.escaped()),
        Ok([Reply::Error(error)]) => Found::Unreadable(error.to_string()),
        Ok(_) => Found::Unreadable(NOT_UNDERSTOOD.into()),
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

/// A lock that is a connection: the same client, another one of the same lock, or nobody.
async fn client(reader: &mut Reader, channel: &Bytes, id: u64, name: &Bytes) -> Found {
    match reader.client_list().await {
        Ok(Reply::Bulk(list)) => {
            let holders = crate::family::portalocker::holders(&list);
            if holders.iter().any(|h| h.id == id && h.name == *name) {
                Found::Same
            } else if holders.iter().any(|h| h.channel == *channel) {
                Found::Another
            } else {
                Found::Gone
            }
        }
        Ok(Reply::Error(error)) => Found::Unreadable(error.to_string()),
        Ok(_) => Found::Unreadable(NOT_UNDERSTOOD.into()),
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

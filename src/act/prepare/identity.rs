//! The proof that a string still is the lock that was seen.

use super::blank;
use crate::act::plan::{Guard, Plan};
use crate::act::services::{Services, named};
use crate::act::session::Session;
use crate::act::{NotDone, Seen};
use crate::domain::lock::{MAX_TOKEN, Token};
use crate::domain::{Bytes, Command, LockId, Reply};
use crate::family::recipe::Proof;
use crate::redis_io::run_plan::{Means, refused, watch};

/// A longer value is not hashed on the server: this much takes 7.0 about 0.9 ms, a mebibyte 3 ms (SLOWLOG).
const MAX_DIGEST: u64 = 256 * 1024;

/// A plan whose guards prove that the lock is the one seen, its session, and the PTTL now.
pub(super) async fn guarded(
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

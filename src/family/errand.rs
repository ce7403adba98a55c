//! Locks whose value names a task of a queue library: what the library tells of that task, and who runs it.

use super::Read;
use super::shape::is_uuid;
use super::site::{join, text};
use super::witness::Witness;
use crate::domain::presence::{HolderState, Presence, SHORTEST};
use crate::domain::{Bytes, Lock, Reply, Stamp};

/// The queue libraries of one database whose tasks may hold locks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offices {
    /// Prefixes of RQ's keys, such as `rq:`.
    pub rq: Vec<Bytes>,
    /// Prefixes of Celery's keys, mostly one that is empty.
    pub celery: Vec<Bytes>,
}

/// Installations of one library in a database that are asked.
const MOST_OFFICES: usize = 4;
/// Bytes of a task's result that are looked at: its status, and who runs it, stand in front.
const RESULT: u32 = 512;
/// Bytes of an id that an application chose.
const LONGEST_ID: usize = 64;

impl Offices {
    /// Learns of a queue.
    pub fn add(&mut self, family: &str, key: &Bytes, application: &Bytes) {
        let (all, prefix) = match family {
            "rq" => {
                let at = key.as_slice().windows(6).position(|w| w == b"queue:");
                (&mut self.rq, Bytes::from(key.as_slice().get(..at.unwrap_or(0)).unwrap_or_default()))
            }
            "celery" => (&mut self.celery, application.clone()),
            _ => return,
        };
        if all.len() < MOST_OFFICES && !all.contains(&prefix) {
            all.push(prefix);
        }
    }

    /// Reads that tell of the task whose id stands in this lock's value.
    pub fn reads(&self, lock: &Lock) -> Vec<Read> {
        let Some(token) = lock.token.known().map(Bytes::as_slice) else { return Vec::new() };
        let uuid = uuid_in(token);
        let mut reads = Vec::new();
        // RQ lets the application choose ids.
        let own = || Some(token).filter(|id| is_id(id));
        if let Some(id) = uuid.or_else(own) {
            for prefix in &self.rq {
                let key = join(&[prefix.as_slice(), b"job:", id]);
                let field = |field: &str| Read::HashHead { key: key.clone(), field: field.into(), max: 128 };
                reads.extend([field("status"), field("worker_name")]);
            }
        }
        for (prefix, id) in self.celery.iter().filter_map(|prefix| Some((prefix, uuid?))) {
            reads.push(Read::Head(join(&[prefix.as_slice(), b"celery-task-meta-", id]), RESULT));
        }
        reads
    }

    /// What the answers to [`Self::reads`] tell.
    pub fn tell(&self, lock: &Lock, replies: &[Reply], at: Stamp) -> Witness {
        let asks_rq = self.reads(lock).iter().filter(|read| matches!(read, Read::HashHead { .. })).count();
        let (of_rq, of_celery) = replies.split_at_checked(asks_rq).unwrap_or_default();
        for job in of_rq.chunks(2) {
            let Some(status) = text(job.first()).filter(|s| !s.as_slice().is_empty()) else { continue };
            let status = status.escaped();
            let worker = text(job.get(1)).filter(|w| !w.as_slice().is_empty());
            let told = |state, words: String| Some(Presence::new(state, words, at));
            let presence = match status.as_str() {
                "finished" | "failed" | "stopped" | "canceled" => {
                    told(HolderState::Gone, format!("its job has ended ({status}) and left the lock behind"))
                }
                _ => told(HolderState::Unknown, format!("its job was last told to be in state {status}")),
            };
            let worker = worker.filter(|_| status == "started");
            return Witness { presence, worker, ..Witness::default() };
        }
        of_celery.iter().find_map(|reply| task(reply, at)).unwrap_or_default()
    }
}

/// What the result of a task of Celery tells; it writes `{"status": "STARTED", "result": {"pid": 1, "hostname": "w"}, ...`.
pub(super) fn task(reply: &Reply, at: Stamp) -> Option<Witness> {
    let head = text(Some(reply))?;
    let head = head.as_slice();
    let status = super::witness::status(head)?;
    let of = |state, words: String| Some(Presence::new(state, words, at));
    let host = after(head, b"\"hostname\":").map(|host| format!(" on {}", Bytes::from(host).escaped()));
    let witness = |presence| Some(Witness { presence, ..Witness::default() });
    match status {
        "SUCCESS" | "FAILURE" | "REVOKED" => {
            witness(of(HolderState::Gone, format!("its task has ended ({status}) and left the lock behind")))
        }
        "STARTED" | "RETRY" | "PROGRESS" => {
            let words = format!("its task was last told to be in state {status}{}", host.unwrap_or_default());
            let presence = of(HolderState::Unknown, words);
            Some(Witness { presence, of_celery: true, ..Witness::default() })
        }
        _ => None,
    }
}

/// The text in quotes that follows a name, without what is escaped in it.
fn after<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = head.windows(name.len()).position(|w| w == name)? + name.len();
    let rest = head.get(at..)?.trim_ascii_start().strip_prefix(b"\"")?;
    rest.get(..rest.iter().position(|b| matches!(b, b'"' | b'\\'))?)
}

/// The first UUID with dashes in a value.
fn uuid_in(value: &[u8]) -> Option<&[u8]> {
    let is = |w: &&[u8]| std::str::from_utf8(w).is_ok_and(is_uuid);
    value.windows(36).take(LONGEST_ID).find(is)
}

/// What an application may have chosen as an id, and no random token looks like.
fn is_id(value: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (SHORTEST..=LONGEST_ID).contains(&value.len())
        && value.iter().all(plain)
        && value.iter().any(|b| b"-_.:".contains(b))
}

/// Ids of the jobs that a process of Sidekiq runs, as its hash tells them ([`Read::HashValues`]).
pub fn jids(reply: &Reply) -> Vec<Bytes> {
    let (pairs, _) = super::hash_pairs(reply).unwrap_or_default();
    let jid = |value: &Bytes| {
        // Since version 7.2 the job is JSON within JSON.
        let at = value.as_slice().windows(4).position(|w| w == b"jid\"" || w == b"jid\\")?;
        let rest = value.as_slice().get(at + 3..)?;
        let start = rest.iter().position(u8::is_ascii_hexdigit)?;
        let id = rest.get(start..start + JID)?;
        is_jid(id).then(|| Bytes::from(id))
    };
    pairs.iter().filter_map(|(_, value)| jid(value)).collect()
}

/// The hash of running jobs of a process of Sidekiq; up to version 6 it had another name.
pub fn running(process: &Bytes) -> [Read; 2] {
    [b":work".as_slice(), b":workers"].map(|end| Read::HashValues {
        key: join(&[process.as_slice(), end]),
        count: MOST_THREADS,
        max: 1024,
    })
}

/// Threads of a process whose jobs are looked at.
const MOST_THREADS: u32 = 64;
/// Bytes of the id of a job of Sidekiq.
const JID: usize = 24;

fn is_jid(id: &[u8]) -> bool {
    id.len() == JID && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id of a job of Sidekiq in a lock's value.
pub fn jid_in(value: &[u8]) -> Option<&[u8]> {
    let mut words = value.split(|b| !b.is_ascii_alphanumeric());
    words.find(|word| is_jid(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_values_and_in_what_libraries_tell() {
        let uuid = b"0a4c4b8e-2e15-4208-8244-348d3fb4fa6c";
        assert_eq!(uuid_in(&[b"job:", uuid.as_slice(), b"!"].concat()), Some(uuid.as_slice()));
        assert_eq!(uuid_in(&[0xff; 1024]), None);
        assert!(is_id(b"import-2026") && !is_id(b"1") && !is_id(b"3dcb04b82e1542088244348d3fb4fa6c"));
        let work = |value: &str| {
            Reply::Array(vec![Reply::Int(1), Reply::Bulk("tid".into()), Reply::Bulk(value.into())])
        };
        let jid = "b4a577edbccf1d805744efa9";
        for payload in [
            format!("{{\"queue\":\"default\",\"payload\":{{\"args\":[],\"jid\":\"{jid}\"}}}}"),
            format!(
                "{{\"queue\":\"default\",\"payload\":\"{{\\\"args\\\":[],\\\"jid\\\":\\\"{jid}\\\"}}\"}}"
            ),
        ] {
            assert_eq!(jids(&work(&payload)), [Bytes::from(jid)], "{payload}");
        }
        assert_eq!(jids(&work("{\"jid\":\"b4a577ed")), []);
        assert_eq!(jid_in(b"lock:b4a577edbccf1d805744efa9"), Some(jid.as_bytes()));
        let host = after(
            b"{\"status\": \"STARTED\", \"result\": {\"pid\": 7, \"hostname\": \"w1@host\"}",
            b"\"hostname\":",
        );
        assert_eq!(host, Some(b"w1@host".as_slice()));
    }
}

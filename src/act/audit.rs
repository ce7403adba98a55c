//! The audit file: one JSON line before and one after each action, appended, private to the user.
//!
//! Tokens of locks are written as they are, they are what an action is about. Payloads are written as length
//! and SHA-1 only. No address and no credential ever stands here.

mod run;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::{Map, Value, json};

use super::plan::{Guard, Plan};
use super::{NotDone, Outcome};
use crate::domain::{Bytes, Command, NodeId, Reply, Stamp};
use crate::private_file;

pub use run::{AuditedRun, OpenRun, RunEnd, digest};

/// Where actions are written down. Cheap to clone; opens the file for each line, so that it may be rotated.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// The audit file in the state directory (`$XDG_STATE_HOME/redwarden`).
    pub fn in_dir(state_dir: &Path) -> Self {
        Self { path: path_in(state_dir) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// "About to". When this fails the action must not be sent.
    pub async fn before(&self, plan: &Plan) -> io::Result<()> {
        self.append(entry(plan, None)).await
    }

    /// What became of it.
    pub async fn after(&self, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
        self.append(entry(plan, Some(outcome))).await
    }

    async fn append(&self, entry: Value) -> io::Result<()> {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || append_line(&path, &entry.to_string()))
            .await
            .map_err(io::Error::other)?
    }
}

/// `audit.jsonl` in the state directory.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("audit.jsonl")
}

/// One write of one whole line with O_APPEND: lines of several processes never mix. On the disk when it returns.
fn append_line(path: &Path, line: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        private_file::make_dir(dir)?;
    }
    let mut file = open_private(path)?;
    let mut text = String::with_capacity(line.len() + 2);
    if ends_torn(&mut file)? {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// True when the last line has no end: a writer was killed or the disk was full.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0_u8; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// A file that stood there for all to read is made private, too.
fn open_private(path: &Path) -> io::Result<File> {
    let file = private_file::options().read(true).append(true).create(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}

/// What every entry has: when, who, what, where.
fn head(
    phase: &str,
    id: uuid::Uuid,
    intent: &str,
    node: &NodeId,
    db: u32,
    key: &Bytes,
) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| map.insert(name.into(), value);
    put("schema", json!(1));
    put("at", json!(Stamp::now().rfc3339()));
    put("phase", json!(phase));
    put("id", json!(id.to_string()));
    put("intent", json!(intent));
    put("user", json!(user()));
    put("host", json!(crate::redis_io::connect::host_name()));
    put("pid", json!(std::process::id()));
    put("node", json!(node.as_str()));
    put("db", json!(db));
    put_bytes(&mut map, "key", key);
    map
}

fn entry(plan: &Plan, outcome: Option<&Outcome>) -> Value {
    let phase = if outcome.is_some() { "after" } else { "before" };
    let target = &plan.target;
    let mut map = head(phase, plan.id, plan.intent, &target.node, target.db, &plan.subject);
    map.insert("run_id".into(), json!(target.run_id));
    if let Some(batch) = plan.batch {
        map.insert("batch".into(), json!(batch.to_string()));
    }
    map.insert("seen".into(), plan.guards.iter().map(seen).collect());
    map.insert("unchanged".into(), json!(plan.unchanged));
    map.insert("commands".into(), plan.steps.iter().map(|step| json!(shown(step))).collect());
    if let Some(outcome) = outcome {
        map.insert("outcome".into(), json!(outcome.code()));
        let (detail, replies) = told(outcome);
        map.insert("detail".into(), json!(detail));
        map.insert("replies".into(), json!(replies));
    }
    Value::Object(map)
}

fn put_bytes(map: &mut Map<String, Value>, name: &str, bytes: &Bytes) {
    map.insert(name.into(), json!(bytes.escaped()));
    if bytes.as_utf8().is_none() {
        let exact = base64::engine::general_purpose::STANDARD.encode(bytes.as_slice());
        map.insert(format!("{name}_b64"), json!(exact));
    }
}

/// What was seen and must still hold.
fn seen(guard: &Guard) -> Value {
    let mut map = Map::new();
    match guard {
        Guard::StringEquals { value, .. } => put_bytes(&mut map, "token", value),
        Guard::StringLen { len, .. } => {
            map.insert("token_len".into(), json!(len));
        }
        Guard::StringDigest { len, sha1, .. } => {
            map.insert("token_len".into(), json!(len));
            map.insert("token_sha1".into(), json!(sha1));
        }
        Guard::TypeIs { key_type, absent_ok, .. } => {
            map.insert("type".into(), json!(key_type));
            map.insert("absent_ok".into(), json!(absent_ok));
        }
        Guard::Absent { .. } => {
            map.insert("absent".into(), json!(true));
        }
        Guard::NoTtl { .. } => {
            map.insert("no_ttl".into(), json!(true));
        }
        Guard::HashFieldExists { field, .. } => put_bytes(&mut map, "field", field),
        Guard::HashFieldEquals { field, value, .. } => {
            put_bytes(&mut map, "field", field);
            put_bytes(&mut map, "field_value", value);
        }
        Guard::ListElement { index, value, .. } => {
            map.insert("index".into(), json!(index));
            map.insert("element_len".into(), json!(value.len()));
            map.insert("element_sha1".into(), json!(value.sha1()));
        }
        Guard::ListHolds { value, .. } => {
            map.insert("element_len".into(), json!(value.len()));
            map.insert("element_sha1".into(), json!(value.sha1()));
        }
        Guard::ZsetMember { member, .. } | Guard::SetMember { member, .. } => {
            put_bytes(&mut map, "member", member);
        }
        Guard::HashFieldAbsent { field, .. } => put_bytes(&mut map, "absent_field", field),
        Guard::ZsetMemberAbsent { member, .. } | Guard::SetMemberAbsent { member, .. } => {
            put_bytes(&mut map, "absent_member", member);
        }
        Guard::ZsetLenAtMost { len, .. } => {
            map.insert("members_at_most".into(), json!(len));
        }
        Guard::ClientNamed { id, name, .. } => {
            map.insert("client_id".into(), json!(id));
            put_bytes(&mut map, "client_name", name);
        }
        Guard::HashLen { len, .. } => {
            map.insert("fields".into(), json!(len));
        }
    }
    Value::Object(map)
}

/// A command for the audit file: what is pushed, and the tasks of canaries, only as length and SHA-1.
pub fn shown(command: &Command) -> String {
    // Longer than a canary's name and its queue's: the task itself.
    let is_task = |arg: &Bytes| {
        let tag = crate::family::canary::TAG.as_bytes();
        arg.len() > 128 && arg.as_slice().windows(tag.len()).any(|part| part == tag)
    };
    let plain = match command.name().as_str() {
        "LPUSH" | "RPUSH" => 2,
        "LREM" | "XADD" | "PSETEX" => 3,
        "SET" | "HSET" | "ZADD" | "ZREM" if command.args.last().is_some_and(is_task) => {
            command.args.len() - 1
        }
        // The data of a task, which a canary writes.
        "HSET" if command.args.iter().skip(2).step_by(2).any(|field| field.as_slice() == b"data") => 2,
        _ => return command.to_string(),
    };
    let head = Command { args: command.args.iter().take(plain).cloned().collect() };
    let payloads: Vec<String> = command
        .args
        .iter()
        .skip(plain)
        .map(|payload| format!("<{} bytes sha1:{}>", payload.len(), payload.sha1()))
        .collect();
    format!("{head} {}", payloads.join(" "))
}

fn told(outcome: &Outcome) -> (Option<String>, Option<Vec<String>>) {
    match outcome {
        Outcome::Done { replies, .. } => (None, Some(replies.iter().map(reply_text).collect())),
        Outcome::NotDone(why) => (Some(why.to_string()), None),
        Outcome::Partly { ran, error } => (Some(format!("{ran} steps ran, then: {error}")), None),
        Outcome::Unknown(why) => (Some(why.clone()), None),
    }
}

fn reply_text(reply: &Reply) -> String {
    match reply {
        Reply::Error(error) => error.to_string(),
        // A task that was moved.
        Reply::Bulk(bytes) => format!("<{} bytes sha1:{}>", bytes.len(), bytes.sha1()),
        other => other.as_bytes().map_or_else(|| "(nil)".to_string(), |bytes| bytes.escaped()),
    }
}

fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    #[cfg(unix)]
    let nameless = || format!("uid {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    let nameless = || "unknown".to_string();
    named.unwrap_or_else(nameless)
}

/// Reads the file line by line; a line that is not an entry (torn by a crash) is an error in its place.
pub fn read(path: &Path) -> io::Result<impl Iterator<Item = Result<Value, String>>> {
    let lines = BufReader::new(File::open(path)?).split(b'\n');
    Ok(lines.enumerate().filter(|(_, line)| line.as_ref().map_or(true, |l| !l.is_empty())).map(
        |(index, line)| {
            let number = index + 1;
            let line = line.map_err(|error| format!("line {number}: {error}"))?;
            serde_json::from_slice(&line).map_err(|error| format!("line {number}: {error}"))
        },
    ))
}

/// The file as lines for people, one for each action with its outcome, oldest first.
///
/// An action without an outcome was cut off: it may have run. A worker or `lock run` without one may still run.
pub fn table(entries: impl Iterator<Item = Result<Value, String>>) -> Vec<String> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                rows.push((
                    String::new(),
                    format!("(unreadable {})", crate::domain::bytes::escape_text(&why)),
                ));
                continue;
            }
        };
        let text = |name: &str| {
            crate::domain::bytes::escape_text(entry.get(name).and_then(Value::as_str).unwrap_or("?"))
        };
        let id = text("id");
        // Key and commands were escaped as they were written; anything else is escaped here.
        let raw = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("?").to_string();
        let printable = |s: String| s.chars().filter(|c| !c.is_control()).collect::<String>();
        let commands: Vec<String> = entry
            .get("commands")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).map(|s| printable(s.into())).collect())
            .unwrap_or_default();
        let commands =
            if commands.is_empty() { String::new() } else { format!("  [{}]", commands.join("; ")) };
        let place = format!(
            "{}  {}@{}  {}/{}  {:<8}  {}",
            text("at"),
            text("user"),
            text("host"),
            text("node"),
            entry.get("db").and_then(Value::as_u64).unwrap_or_default(),
            text("intent"),
            printable(raw("key")),
        );
        if text("phase") == "before" {
            let lasts = matches!(text("intent").as_str(), "lock-run" | "worker");
            let why = if lasts { "it still runs, or was cut off" } else { "it was cut off" };
            let line = format!("{place}  no outcome: {why}{commands}");
            match rows.iter_mut().rev().find(|(known, _)| *known == id) {
                // The cluster sent the plan on: nothing ran on the node before.
                Some(row) => row.1 = line,
                None => rows.push((id, line)),
            }
            continue;
        }
        let detail =
            entry.get("detail").and_then(Value::as_str).map(|d| format!(" ({})", printable(d.into())));
        let line = format!("{place}  {}{}{commands}", text("outcome"), detail.unwrap_or_default());
        match rows.iter_mut().rev().find(|(known, _)| *known == id) {
            Some(row) => row.1 = line,
            None => rows.push((id, line)),
        }
    }
    rows.into_iter().map(|(_, line)| line).collect()
}

/// The refusal of an action whose "about to" line could not be written.
pub(super) fn refusal(path: &Path, error: &io::Error) -> NotDone {
    NotDone::NoAudit(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_never_reach_the_file() {
        let push = Command::new("LPUSH").arg("queue:a").arg("secret payload");
        let text = shown(&push);
        assert!(text.starts_with("LPUSH queue:a <14 bytes sha1:"), "{text}");
        assert!(!text.contains("secret"));
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(&dir.path().join("state"));
        append_line(&path, r#"{"id":"1","phase":"before"}"#).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"id":"2","pha"#).unwrap();
        append_line(&path, r#"{"id":"3","phase":"after","outcome":"done"}"#).unwrap();
        let entries: Vec<_> = read(&path).unwrap().collect();
        assert_eq!(entries.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        let rows = table(entries.into_iter());
        assert!(rows[0].contains("cut off") && rows[1].contains("line 2") && rows[2].contains("done"));
    }

    #[cfg(unix)]
    #[test]
    fn file_and_directory_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(&dir.path().join("state"));
        append_line(&path, "{}").unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}

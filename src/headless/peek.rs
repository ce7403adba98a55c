//! `redwarden queues peek QUEUE`: a few tasks of a queue, waiting or not, without taking them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::watch::settled;
use super::{EXIT_NOT_DONE, EXIT_OK, EXIT_USAGE, Out};
use crate::cli::{Format, Peek as Wish, Where};
use crate::config::Config;
use crate::config::endpoint::Directory;
use crate::decode::Redactor;
use crate::domain::{Bytes, FleetView, Queue};
use crate::family::{Registry, TaskSet};
use crate::peek::{Peek, Subject, Task, peek as look};
use crate::poll::Fleet;
use crate::redis_io::{ClientRole, connect};

/// Runs the command; returns its exit code.
pub async fn peek(config: Arc<Config>, wish: Wish, out: &mut Out<'_>) -> std::io::Result<u8> {
    // Which library's queue it is tells the search.
    let fleet = Fleet::spawn(config.clone());
    let view = settled(&fleet, None).await;
    let found = found(&view, &wish.key, &wish.place);
    if found.is_empty() {
        out.say(format!(
            "{}: no queue with this key was found; `redwarden queues` lists those that are",
            wish.key
        ));
        return Ok(EXIT_NOT_DONE);
    }
    if found.len() > 1 && !wish.place.all_nodes {
        let nodes: Vec<&str> = found.iter().map(|q| q.id.node.as_str()).collect();
        out.say(format!("{} is on {}: choose one with --node, or --all-nodes", wish.key, nodes.join(", ")));
        return Ok(EXIT_USAGE);
    }
    let redactor = Redactor::new(config.redact.iter().map(String::as_str));
    let (directory, registry) = (fleet.directory(), Registry::new(&config));
    let (mut code, mut all) = (EXIT_OK, Vec::new());
    for queue in found {
        match one(&config, (&directory, &registry), queue, &wish, &redactor).await {
            Ok(seen) => all.push((queue, seen)),
            Err(why) => {
                out.say(format!("{} on {}: not seen: {why}", queue.id.key, queue.id.node));
                code = EXIT_NOT_DONE;
            }
        }
    }
    let text = match wish.format {
        Format::Json => {
            let values: Vec<Value> = all.iter().map(|(queue, seen)| to_json(queue, seen)).collect();
            format!("{:#}\n", Value::Array(values))
        }
        Format::Table => all.iter().map(|(queue, seen)| to_text(queue, seen)).collect(),
    };
    out.data.write_all(text.as_bytes())?;
    out.data.flush()?;
    Ok(code)
}

/// The queues of that key where they are meant, by the name or the address of the node.
pub(super) fn found<'v>(view: &'v FleetView, key: &Bytes, place: &Where) -> Vec<&'v Queue> {
    let node = |q: &Queue| {
        let is = |n: &&crate::domain::fleet::FleetNode| n.snapshot.meta.id == q.id.node;
        let address = view.nodes.iter().find(is).map(|n| n.snapshot.meta.address.clone());
        let named = place.node.as_deref();
        named.is_none_or(|name| q.id.node.as_str() == name || address.as_deref() == Some(name))
    };
    let db = |q: &Queue| place.db.is_none_or(|db| q.id.db == db);
    view.queues.iter().map(AsRef::as_ref).filter(|q| q.id.key == *key && node(q) && db(q)).collect()
}

async fn one(
    config: &Config,
    (directory, registry): (&Directory, &Registry),
    queue: &Queue,
    wish: &Wish,
    redactor: &Redactor,
) -> Result<Peek, String> {
    let endpoint = directory(&queue.id.node).ok_or("its node is gone")?;
    let family = registry.queue_family(queue.family).ok_or("its kind is not known")?;
    let reader = connect(&endpoint, ClientRole::Poll, config.timeout).await;
    let mut reader = reader.map_err(|e| e.to_string())?;
    let subject = Subject { family, key: &queue.id.key, application: &queue.application, push: queue.push };
    look(&mut reader, subject, wish.set, wish.count, redactor).await
}

fn to_text(queue: &Queue, seen: &Peek) -> String {
    let count = seen.count.map_or_else(|| "?".into(), |n| n.to_string());
    let (set, shared) = (seen.set.code(), if seen.shared { ", of all queues together" } else { "" });
    let head = format!("{} on {} ({}): {count} {set}{shared}", queue.id.key, queue.id.node, queue.family);
    let mut lines = vec![head];
    let [near, far] = seen.set.ends();
    for (end, tasks) in [(near, &seen.first), (far, &seen.last)] {
        for (at, task) in tasks.iter().enumerate() {
            let id = task.id.as_ref().map_or_else(String::new, |id| format!("  {id}"));
            lines.push(format!("\n{end} {}{id}", at + 1));
            for (name, said) in &task.parts {
                let how = if said.how.is_empty() { String::new() } else { format!("[{}]", said.how) };
                lines.push(format!("  {}", [name.as_str(), &how].join(" ").trim()));
                lines.extend(said.lines.iter().map(|line| format!("    {line}")));
            }
        }
    }
    lines.join("\n") + "\n"
}

fn to_json(queue: &Queue, seen: &Peek) -> Value {
    let tasks = |tasks: &[Task]| -> Vec<Value> {
        let part = |(name, said): &(String, crate::decode::Decoded)| json!({ "name": name, "format": said.how, "lines": said.lines });
        let task = |t: &Task| json!({ "id": t.id, "parts": t.parts.iter().map(part).collect::<Vec<_>>() });
        tasks.iter().map(task).collect()
    };
    let [near, far] = seen.set.ends();
    let mut json = json!({
        "key": queue.id.key.escaped(), "node": queue.id.node.as_str(), "db": queue.id.db, "family": queue.family,
        "set": seen.set.code(), "sets": seen.sets.iter().map(|set| set.code()).collect::<Vec<_>>(),
        "count": seen.count, "of_all_queues": seen.shared, near: tasks(&seen.first), far: tasks(&seen.last),
    });
    // As it was called before there were other sets.
    if seen.set == TaskSet::Waiting
        && let Some(json) = json.as_object_mut()
    {
        json.insert("waiting".into(), json!(seen.count));
    }
    json
}

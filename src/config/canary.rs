//! `[[canary]]`: tasks that the user calls safe to be sent as a test.

use serde_json::Value;

use super::document::Section;
use super::problem::{Complaint, Problems, Sited};
use crate::domain::Bytes;
use crate::domain::bytes::escape_text;
use crate::family::template::Template;

/// A task that does no harm in this application.
#[derive(Clone, Debug, PartialEq)]
pub struct CanaryTask {
    /// Id of the queue family.
    pub family: String,
    /// Only for the queue with this key; `None`: for each of the family.
    pub queue: Option<String>,
    /// The task's name: a function, a class, the name of a job.
    pub task: Option<String>,
    /// Its arguments: JSON.
    pub args: Option<Value>,
    /// What is pushed to a plain list, or the fields of a stream's entry as JSON, with `{id}` for the task's own name.
    pub payload: Option<Template>,
}

const ID: &str = "{id}";

impl CanaryTask {
    /// The one for this queue: one that names it, else one for its family.
    pub fn of<'t>(all: &'t [Self], family: &str, key: &Bytes) -> Option<&'t Self> {
        let mine = || all.iter().filter(|task| task.family == family);
        let named =
            |task: &&Self| task.queue.as_ref().is_some_and(|queue| queue.as_bytes() == key.as_slice());
        mine().find(named).or_else(|| mine().find(|task| task.queue.is_none()))
    }
}

/// Which families take what: a task by default, a task of the user's, a payload.
enum Takes {
    Task { has_default: bool, args: Args },
    Payload(Payload),
    Nothing,
}

/// What the arguments of a task are.
#[derive(PartialEq)]
enum Args {
    List,
    Object,
    Any,
}

/// What a payload must be.
#[derive(PartialEq)]
enum Payload {
    Free,
    Json,
    Fields,
}

fn takes(family: &str) -> Takes {
    let named = |args| Takes::Task { has_default: false, args };
    match family {
        "rq" | "celery" => Takes::Task { has_default: true, args: Args::List },
        "sidekiq" | "resque" | "arq" | "dramatiq" | "huey" | "taskiq" => named(Args::List),
        "saq" => named(Args::Object),
        "bullmq" | "bull" => named(Args::Any),
        "bee-queue" => Takes::Payload(Payload::Json),
        "stream" => Takes::Payload(Payload::Fields),
        "list" => Takes::Payload(Payload::Free),
        known if crate::family::registry::queue_family_ids().contains(&known) => Takes::Nothing,
        // A family of the user's own.
        _ => Takes::Payload(Payload::Free),
    }
}

/// The tasks.
pub(super) fn read(root: &mut Section<'_>, problems: &mut Problems) -> Option<Sited<Vec<Sited<CanaryTask>>>> {
    let (source, sections) = root.sections("canary", problems)?;
    let mut all: Vec<Sited<CanaryTask>> = Vec::new();
    for section in sections {
        let Some(task) = read_one(section, problems) else { continue };
        if all.iter().any(|t| (&t.value.family, &t.value.queue) == (&task.value.family, &task.value.queue)) {
            let what = format!("a canary for {} stands here twice", task.value.family);
            problems.add(&task.source, what, "Keep one of them, or give one a queue of its own.");
        }
        all.push(task);
    }
    Some(Sited::new(all, source))
}

fn read_one(mut section: Section<'_>, problems: &mut Problems) -> Option<Sited<CanaryTask>> {
    let source = section.source.clone();
    let (has_family, has_payload) = (section.has("family"), section.has("payload"));
    let family = section.text("family", problems);
    let queue = section.text("queue", problems).map(|s| s.value);
    let task = section.text("task", problems).map(|s| s.value);
    let args = section.string("args", problems, json);
    let payload = section.string("payload", problems, template);
    section.finish(problems, &[("class", "It is called `task`."), ("name", "It is called `task`.")]);
    if !has_family {
        problems.add(
            &source,
            "this canary has no family",
            "Add family = \"...\", as the FAMILY column shows it.",
        );
    }
    let family = family?;
    let id = escape_text(&family.value);
    let mut wrong = |what: String, remedy: &str| problems.add(&source, what, remedy);
    match takes(&family.value) {
        Takes::Nothing => {
            wrong(crate::family::canary::why_not(&id), "Leave this canary out.");
            return None;
        }
        Takes::Payload(kind) => {
            if task.is_some() || args.is_some() {
                wrong(
                    format!("a canary of {id} is a payload"),
                    "Write payload = '...{id}...' instead of task and args.",
                );
            }
            let Some(payload) = &payload else {
                if !has_payload {
                    wrong(format!("this canary of {id} has no payload"), "Add payload = '...{id}...'.");
                }
                return None;
            };
            let json = serde_json::from_slice::<Value>(payload.value.fill(b"x").as_slice());
            if kind == Payload::Json && json.is_err() {
                wrong(format!("a job of {id} is JSON"), "Write payload = '{\"FIELD\": \"{id}\"}'.");
            }
            let is_fields = json.is_ok_and(|v| v.as_object().is_some_and(|fields| !fields.is_empty()));
            if kind == Payload::Fields && !is_fields {
                wrong("an entry of a stream has fields".into(), "Write payload = '{\"FIELD\": \"{id}\"}'.");
            }
        }
        Takes::Task { has_default, args: kind } => {
            if payload.is_some() {
                wrong(
                    format!("a canary of {id} is a task by its name"),
                    "Write task and args instead of payload.",
                );
            }
            if task.is_none() && !has_default {
                wrong(
                    format!("this canary of {id} names no task"),
                    "Add task = \"...\": one that does no harm.",
                );
            }
            let given = args.as_ref().map(|args| &args.value);
            if kind == Args::List && given.is_some_and(|args| !args.is_array()) {
                wrong(format!("the arguments of a task of {id} are a list"), "Write args = '[...]'.");
            }
            if kind == Args::Object && given.is_some_and(|args| !args.is_object()) {
                let what = format!("the arguments of a task of {id} have names");
                wrong(what, "Write args = '{\"NAME\": ...}'.");
            }
        }
    }
    let args = args.map(|s| s.value);
    let payload = payload.map(|s| s.value);
    Some(Sited::new(CanaryTask { family: family.value, queue, task, args, payload }, source))
}

/// Says which canaries are for families that nobody describes.
pub(super) fn check(tasks: &[Sited<CanaryTask>], own: &[&str], problems: &mut Problems) {
    let mut known = crate::family::registry::queue_family_ids();
    known.extend(own);
    for task in tasks.iter().filter(|task| !known.contains(&task.value.family.as_str())) {
        let what = format!("no queue family is called \"{}\"", escape_text(&task.value.family));
        problems.add(&task.source, what, super::value::did_you_mean(&task.value.family, &known));
    }
}

fn json(text: &str) -> Result<Value, Complaint> {
    serde_json::from_str(text)
        .map_err(|e| (format!("this is not JSON ({e})"), "Write args = '[1, \"two\"]'.".into()))
}

fn template(text: &str) -> Result<Template, Complaint> {
    let what = || format!("\"{}\" does not hold {ID} exactly once", escape_text(text));
    Template::new(text, ID)
        .ok_or_else(|| (what(), format!("Write {ID} where the test task's own name goes.")))
}

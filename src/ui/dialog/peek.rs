//! Tasks of a queue as a peek saw them.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::inner_width;
use super::readers::read;
use crate::domain::QueueId;
use crate::family::TaskSet;
use crate::peek::{Peek, Task};
use crate::ui::format;
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::view::ViewCache;

pub(super) fn peek(
    scene: &Scene<'_>,
    (id, set): (&QueueId, TaskSet),
    offset: usize,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let look = scene.look;
    let mut sheet = Sheet::new(look, inner_width(area));
    let name = scene.state.shown.queues.iter().find(|q| q.id == *id).map(|q| q.name.clone());
    sheet.field("queue", &name.unwrap_or_else(|| id.key.escaped()), look.strong());
    sheet.field("node", id.node.as_str(), look.plain());
    if let Some(Ok(seen)) = &scene.state.peek {
        // Those that the queue has, the one that is looked at in brackets: no colour is needed to tell it.
        let mark = |s: &TaskSet| if *s == set { format!("[{}]", s.code()) } else { s.code().into() };
        let sets: Vec<String> = seen.sets.iter().map(mark).collect();
        sheet.field("tasks", &sets.join("  "), look.plain());
    } else {
        sheet.field("tasks", &format!("[{}]", set.code()), look.plain());
    }
    match &scene.state.peek {
        None => sheet.text(&format!("looking{}", look.ellipsis()), look.dim()),
        Some(Err(why)) => sheet.text(&format!("Nothing was seen: {why}"), look.warning()),
        Some(Ok(seen)) => tasks(scene, seen, &mut sheet),
    }
    read(scene, "Tasks (Tab: which, v closes, r looks again)", &sheet.lines, offset, area, frame, cache);
}

fn tasks(scene: &Scene<'_>, seen: &Peek, sheet: &mut Sheet) {
    let look = scene.look;
    let ago = format::duration(scene.now.since(seen.at));
    let count = seen.count.map_or_else(|| "?".into(), format::count);
    let shared = if seen.shared { " of all queues together" } else { "" };
    let words = format!("{count}{shared}, {ago} ago; nothing was taken, secrets are masked");
    sheet.field(seen.set.code(), &words, look.plain());
    if seen.first.is_empty() {
        sheet.blank();
        let none = if seen.set == TaskSet::Waiting { "Nothing waits." } else { "There are none." };
        sheet.text(none, look.dim());
    }
    let [near, far] = seen.set.ends();
    for (end, tasks) in [(near, &seen.first), (far, &seen.last)] {
        for (at, task) in tasks.iter().enumerate() {
            let id = task.id.as_ref().map_or_else(String::new, |id| format!("  {id}"));
            sheet.heading(&format!("{} {}{id}", capital(end), at + 1));
            parts(scene, task, sheet);
        }
    }
}

fn parts(scene: &Scene<'_>, task: &Task, sheet: &mut Sheet) {
    let look = scene.look;
    for (name, said) in &task.parts {
        let how = if said.how.is_empty() { String::new() } else { format!("[{}]", said.how) };
        let label = [name.as_str(), how.as_str()].join(" ");
        sheet.text(label.trim(), look.dim());
        for line in &said.lines {
            let indent = line.len() - line.trim_start().len();
            sheet.item(&" ".repeat(indent), look.dim(), line.trim_start(), look.plain());
        }
    }
}

/// With its first letter in upper case.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

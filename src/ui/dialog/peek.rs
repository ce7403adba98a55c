//! Tasks of a queue as a peek saw them.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::inner_width;
use super::readers::read;
use crate::domain::QueueId;
use crate::peek::{Peek, Task};
use crate::ui::format;
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::view::ViewCache;

pub(super) fn peek(
    scene: &Scene<'_>,
    id: &QueueId,
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
    match &scene.state.peek {
        None => sheet.text(&format!("looking{}", look.ellipsis()), look.dim()),
        Some(Err(why)) => sheet.text(&format!("Nothing was seen: {why}"), look.warning()),
        Some(Ok(seen)) => tasks(scene, seen, &mut sheet),
    }
    read(scene, "Tasks (v closes, r looks again)", &sheet.lines, offset, area, frame, cache);
}

fn tasks(scene: &Scene<'_>, seen: &Peek, sheet: &mut Sheet) {
    let look = scene.look;
    let ago = format::duration(scene.now.since(seen.at));
    let words = format!("{}, {ago} ago; nothing was taken, secrets are masked", format::count(seen.waiting));
    sheet.field("waiting", &words, look.plain());
    if seen.next.is_empty() {
        sheet.blank();
        sheet.text("Nothing waits.", look.dim());
    }
    for (end, tasks) in [("Next", &seen.next), ("Newest", &seen.newest)] {
        for (at, task) in tasks.iter().enumerate() {
            let id = task.id.as_ref().map_or_else(String::new, |id| format!("  {id}"));
            sheet.heading(&format!("{end} {}{id}", at + 1));
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

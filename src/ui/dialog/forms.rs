//! Forms and small questions: enqueue, expire, start the worker, quit.

use super::confirm::paragraph;
use super::{Ask, Field, MUST};
use crate::app::pane;
use crate::app::state::{Button, EnqueueForm, ExpireForm};
use crate::domain::QueueId;
use crate::domain::bytes::escape_text;
use crate::domain::queue::PushEnd;
use crate::ui::locks;
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::text::{Cut, cut_bytes};

fn queue_lines(scene: &Scene<'_>, queue: &QueueId, sheet: &mut Sheet) {
    let look = scene.look;
    sheet.field("queue", &cut_bytes(&queue.key, 240, Cut::Middle, look.ellipsis()), look.strong());
    let address = scene.node(&queue.node).map(|n| format!(" ({})", n.meta.address)).unwrap_or_default();
    sheet.field("on", &format!("{}{address}, db {}", queue.node, queue.db), look.plain());
}

pub(super) fn enqueue<'a>(scene: &Scene<'_>, form: &'a EnqueueForm, width: u16) -> Ask<'a> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    queue_lines(scene, &form.queue, &mut sheet);
    let how = match form.push {
        PushEnd::Left => "LPUSH: consumers take from the right",
        PushEnd::Right => "RPUSH: consumers take from the left",
    };
    sheet.field("by", how, look.plain());
    let mut payload = Sheet::new(look, width);
    payload.field("sends", &escape_text(form.payload.value()), look.dim());
    let mut advice = Sheet::new(look, width);
    let words = "The task is small, has an id of its own and is followed after it was sent. Nothing is sent before the next dialog, which shows the exact command.";
    advice.text(words, look.dim());
    Ask {
        title: "Enqueue a test task".into(),
        style: look.accent(),
        sections: vec![paragraph(MUST, sheet.lines), paragraph(4, payload.lines), paragraph(3, advice.lines)],
        fields: vec![
            Field { label: "payload", input: &form.payload, focused: form.field == 0 },
            Field { label: "how many", input: &form.count, focused: form.field != 0 },
        ],
        error: form.error.clone(),
        buttons: ("Enter goes on, Esc cancels", None, Button::Confirm),
    }
}

pub(super) fn expire<'a>(scene: &Scene<'_>, form: &'a ExpireForm, width: u16) -> Ask<'a> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    sheet.field("key", &cut_bytes(&form.lock.key, 240, Cut::Middle, look.ellipsis()), look.strong());
    let address = scene.node(&form.lock.node).map(|n| format!(" ({})", n.meta.address)).unwrap_or_default();
    sheet.field("on", &format!("{}{address}, db {}", form.lock.node, form.lock.db), look.plain());
    sheet.known("token seen", locks::token_text(look, &form.seen.token, 240));
    let mut advice = Sheet::new(look, width);
    let words = "It never expires now. With a TTL it frees itself, unless its holder lives and renews it; its holder is not told.";
    advice.text(words, look.dim());
    Ask {
        title: "Give a lock a TTL".into(),
        style: look.accent(),
        sections: vec![paragraph(MUST, sheet.lines), paragraph(3, advice.lines)],
        fields: vec![Field { label: "TTL", input: &form.ttl, focused: true }],
        error: form.error.clone(),
        buttons: ("Enter goes on, Esc cancels", None, Button::Confirm),
    }
}

/// Marked queues named in the question.
const SHOWN_MARKED: usize = 4;

pub(super) fn start_worker<'a>(scene: &Scene<'a>, queue: &QueueId, button: Button, width: u16) -> Ask<'a> {
    let look = scene.look;
    let settings = &scene.state.settings;
    let gate = &scene.state.start;
    let mut sheet = Sheet::new(look, width);
    queue_lines(scene, queue, &mut sheet);
    for other in gate.more.iter().take(SHOWN_MARKED) {
        let name = format!("{} on {}", other.key, other.node);
        sheet.field("and", &name, look.plain());
    }
    if gate.more.len() > SHOWN_MARKED {
        let text = format!("{} marked queues more", gate.more.len() - SHOWN_MARKED);
        sheet.field("and", &text, look.plain());
    }
    sheet.field("at once", &settings.concurrency.to_string(), look.plain());
    // Each command that would run is shown, whichever queue it is for.
    let mut commands: Vec<String> =
        std::iter::once(queue).chain(&gate.more).filter_map(|q| pane::exec_for(scene.state, q)).collect();
    commands.sort();
    commands.dedup();
    let mut what = Sheet::new(look, width);
    match commands.as_slice() {
        [_, ..] => {
            what.item(
                "!",
                look.warning(),
                "It takes and runs REAL tasks, with this command:",
                look.warning(),
            );
            for command in &commands {
                what.item("$", look.dim(), &escape_text(command), look.strong());
            }
            what.text(
                "The payload comes on its standard input; exit code 0 means done. Each task is kept in a list of our own until it ended, so that none is lost.",
                look.dim(),
            );
        }
        [] => {
            what.text("It takes redwarden's test tasks only and never touches another task.", look.plain());
        }
    }
    let mut sections = vec![paragraph(MUST, sheet.lines), paragraph(MUST, what.lines)];
    let mut force = Sheet::new(look, width);
    if gate.force {
        force.item(
            "!",
            look.warning(),
            "By force: also if the elements look like some library's (f takes it back).",
            look.warning(),
        );
    } else {
        force.text(
            "It does not start if elements look like some library's (f starts it all the same).",
            look.dim(),
        );
    }
    sections.push(paragraph(if gate.force { MUST } else { 3 }, force.lines));
    let mut fields = Vec::new();
    if let Some(input) = &gate.typed {
        let mut sheet = Sheet::new(look, width);
        sheet.text("This is PRODUCTION: type the queue's key as shown to start.", look.critical());
        sections.push(paragraph(MUST, sheet.lines));
        fields.push(Field { label: "key", input, focused: true });
    }
    let style = if settings.production { look.critical() } else { look.warning() };
    Ask {
        title: "Start the worker".into(),
        style,
        sections,
        fields,
        error: None,
        buttons: ("Cancel", Some("Start (y)"), button),
    }
}

pub(super) fn quit<'a>(scene: &Scene<'_>, what: &str, button: Button, width: u16) -> Ask<'a> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    sheet.text(&format!("Still running: {what}."), look.strong());
    let words = "Quitting stops the worker after what it runs now; nothing is lost. An action that was sent may still take effect, and its outcome is then only in the audit file.";
    sheet.text(words, look.dim());
    Ask {
        title: "Quit?".into(),
        style: look.warning(),
        sections: vec![paragraph(MUST, sheet.lines)],
        fields: Vec::new(),
        error: None,
        buttons: ("Stay", Some("Quit (y)"), button),
    }
}

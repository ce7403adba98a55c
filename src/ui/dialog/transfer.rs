//! Moving and removing tasks: the form before it, and the progress while it runs.

use super::confirm::paragraph;
use super::{Ask, Field, MUST};
use crate::act::transfer::{BATCH, TransferTo};
use crate::app::state::Button;
use crate::app::transfer::Moving;
use crate::app::transfer_form::TransferForm;
use crate::domain::{Bytes, Severity};
use crate::ui::format;
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::text::{Cut, cut_bytes};
use crate::worker::keys::Keys;

/// Longest key, in columns.
const KEY: usize = 240;

pub(super) fn form<'a>(scene: &Scene<'_>, form: &'a TransferForm, width: u16) -> Ask<'a> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    let address = scene.node(&form.queue.node).map(|n| format!(" ({})", n.meta.address)).unwrap_or_default();
    sheet.field("on", &format!("{}{address}, db {}", form.queue.node, form.queue.db), look.plain());
    let mut letters = Sheet::new(look, width);
    let key = cut_bytes(&Keys::new(&form.queue.key).failed, KEY, Cut::Middle, look.ellipsis());
    letters.field("failed", &format!("the dead letters of our worker stand in {key}"), look.dim());
    let mut advice = Sheet::new(look, width);
    let words = "The oldest go first: how many, or all. Or one task, exactly as it stands there. Nothing is sent before the next dialog, which shows the exact commands.";
    advice.text(words, look.dim());
    let fields = form.fields().into_iter().enumerate();
    Ask {
        title: if form.removes { "Remove tasks of a list" } else { "Move tasks into another list" }.into(),
        style: look.accent(),
        sections: vec![paragraph(MUST, sheet.lines), paragraph(4, letters.lines), paragraph(3, advice.lines)],
        fields: fields.map(|(i, (label, input))| Field { label, input, focused: i == form.field }).collect(),
        error: form.error.clone(),
        buttons: ("Enter goes on, Esc cancels", None, Button::Confirm),
    }
}

pub(super) fn progress(scene: &Scene<'_>, moving: &Moving, width: u16) -> Ask<'static> {
    let look = scene.look;
    let cut = |key: &Bytes| cut_bytes(key, KEY, Cut::Middle, look.ellipsis());
    let wish = &moving.wish;
    let mut sheet = Sheet::new(look, width);
    sheet.field("from", &cut(&moving.from), look.strong());
    match &wish.to {
        TransferTo::Back => sheet.field("to", &cut(&wish.queue.key), look.strong()),
        TransferTo::List(to, _) => sheet.field("to", &cut(to), look.strong()),
        TransferTo::Nowhere => {}
    }
    sheet.field("on", &format!("{}, db {}", wish.queue.node, wish.queue.db), look.plain());
    let mut state = Sheet::new(look, width);
    let done = format::count(moving.done);
    let words = match moving.total {
        Some(total) => {
            let percent = moving.done.saturating_mul(100) / total.max(1);
            format!("{done} of {} tasks ({percent} %)", format::count(total))
        }
        None => format!("the first batch is under way{}", look.ellipsis()),
    };
    state.field("progress", &words, look.strong());
    let cancel = match &moving.end {
        Some((severity, text)) => {
            let style = if *severity == Severity::Info { look.plain() } else { look.warning() };
            state.item(look.sign(*severity), style, text, style);
            "Close"
        }
        None if moving.stopping => {
            state.text(&format!("Stopping after this batch{}", look.ellipsis()), look.dim());
            "Stopping"
        }
        None => {
            let words = format!(
                "Batches of {BATCH}, each compared and recorded on its own. Esc stops after the one that runs; what was not moved by then stays where it is."
            );
            state.text(&words, look.dim());
            "Stop (Esc)"
        }
    };
    let title = match (&wish.to, moving.end.is_some()) {
        (TransferTo::Nowhere, false) => "Removing tasks",
        (TransferTo::Nowhere, true) => "Removal of tasks, ended",
        (_, false) => "Moving tasks",
        (_, true) => "Move of tasks, ended",
    };
    Ask {
        title: title.into(),
        style: look.accent(),
        sections: vec![paragraph(MUST, sheet.lines), paragraph(MUST, state.lines)],
        fields: Vec::new(),
        error: None,
        buttons: (cancel, None, Button::Cancel),
    }
}

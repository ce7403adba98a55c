//! The dialog of a batch: what is to be done to how many locks, the commands for each node, then what became of each.
//! The head stays in sight, the list of locks scrolls.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{NARROWEST, draw_buttons, inner_width, open, outer_width};
use crate::act::Outcome;
use crate::act::batch::Part;
use crate::app::batch::{Batch, Stage, outcome_word};
use crate::app::state::Button;
use crate::domain::Severity;
use crate::domain::presence::HolderState;
use crate::ui::footer::draw_input;
use crate::ui::panel::put_line;
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::view::ViewCache;
use crate::ui::{format, text};

/// Warnings in the head; all of them stand below the list.
const WARNINGS: usize = 3;
/// Lines of the list that must be in sight.
const LEAST_LIST: usize = 2;
/// Columns of the longest key.
const KEY: usize = 120;

/// True when it was drawn whole, so that it may be confirmed.
pub(super) fn draw(
    scene: &Scene<'_>,
    batch: &Batch,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) -> bool {
    let look = scene.look;
    let width = inner_width(area);
    let mut head = head(scene, batch, width);
    let list = list(scene, batch, width);
    let typed = batch.typed.as_ref().filter(|_| batch.can_confirm());
    let below = usize::from(typed.is_some()) + 1;
    let room = usize::from(area.height.saturating_sub(2)).saturating_sub(below);
    let fits =
        head.len() + list.len().min(LEAST_LIST + 1) <= room.saturating_sub(1) && area.width >= NARROWEST;
    let mut body = Vec::new();
    if fits {
        head.push(Line::default());
        let visible = room.saturating_sub(head.len());
        let max = list.len().saturating_sub(visible);
        cache.scroll_max = max;
        let offset = batch.offset.min(max);
        body.append(&mut head);
        body.extend(list.iter().skip(offset).take(visible).cloned());
    } else {
        let rows = head.len() + LEAST_LIST + 4 + below + usize::from(frame.area().height - area.height);
        let columns = area.width.max(NARROWEST) + (frame.area().width - area.width);
        let words = format!(
            "{columns}x{rows} is needed to show what must be read before this is done: enlarge the terminal, or press Esc."
        );
        body.extend(text::wrap(&words, usize::from(width)).into_iter().map(Line::from));
        body.truncate(room.max(1));
    }
    let style = match batch.stage {
        Stage::Preparing(_) | Stage::Ready if scene.state.settings.production => look.critical(),
        Stage::Preparing(_) | Stage::Ready => look.warning(),
        _ => look.accent(),
    };
    let height = u16::try_from(body.len() + below + 2).unwrap_or(u16::MAX);
    let inner = open(scene, &title(batch), style, (outer_width(area), height), area, frame, cache);
    for (y, line) in (inner.y..inner.bottom()).zip(&body) {
        put_line(frame, inner.x, y, inner.width, line, look.ellipsis());
    }
    if let Some(input) = typed.filter(|_| fits && inner.height > 1) {
        let row = Rect { y: inner.bottom() - 2, height: 1, ..inner };
        draw_input(input, row, frame, "how many    ", true);
    }
    if inner.height > 0 {
        let row = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        let verb = "Release (y)";
        let buttons = match batch.stage {
            Stage::Preparing(_) => ("Cancel", None, Button::Cancel),
            Stage::Ready => ("Cancel", batch.can_confirm().then_some(verb), batch.button),
            _ => ("Close", None, Button::Cancel),
        };
        draw_buttons(scene, &buttons, style, fits, row, frame, cache);
    }
    fits
}

fn title(batch: &Batch) -> String {
    let many = format::count(batch.asked as u64);
    let locks = if batch.asked == 1 { "lock" } else { "locks" };
    match batch.intent {
        "undo" => format!("Put {many} released {locks} back"),
        _ => format!("Force-release {many} {locks}"),
    }
}

/// What must be read.
fn head(scene: &Scene<'_>, batch: &Batch, width: u16) -> Vec<Line<'static>> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    match &batch.stage {
        Stage::Preparing(done) => {
            let words = format!(
                "Preparing: {done} of {} read once more on their nodes{}",
                batch.asked,
                look.ellipsis()
            );
            sheet.text(&words, look.dim());
        }
        Stage::Refused(why) => {
            sheet.item(look.sign(Severity::Critical), look.critical(), why, look.strong());
            sheet.text("Nothing was done.", look.dim());
        }
        Stage::Ready => ready(scene, batch, &mut sheet),
        Stage::Running | Stage::Ended => {
            let (done, all) = (batch.outcomes.len(), batch.chosen.len());
            let words = match batch.stage {
                Stage::Running => format!("{done} of {all} done{}", look.ellipsis()),
                _ => format!("ended: {done} of {all}"),
            };
            sheet.field("progress", &words, look.strong());
            sheet.field("result", &batch.tally(), look.plain());
            let undo = scene.state.undoable_batch.filter(|(of, _)| *of == batch.ticket);
            if let Some((_, many)) = undo {
                let words = format!("u puts {many} back, each only if its key was not used since");
                sheet.field("undo", &words, look.plain());
            }
        }
    }
    sheet.lines
}

fn ready(scene: &Scene<'_>, batch: &Batch, sheet: &mut Sheet) {
    let look = scene.look;
    let nodes = batch.plan.nodes().len();
    let on = if nodes == 1 { "one node".into() } else { format!("{nodes} nodes") };
    let words = format!(
        "{} of {} locks on {on}, each only if it still is the one seen",
        format::count(batch.chosen.len() as u64),
        batch.plan.parts.len()
    );
    sheet.field("releases", &words, look.strong());
    let refused = batch.plan.parts.iter().filter(|part| part.plan.is_err()).count();
    if refused > 0 {
        sheet.field("refused", &format!("{refused}, see below"), look.warning());
    }
    let lives = |at: &usize| {
        let lock = batch.plan.parts.get(*at).and_then(|part| scene.state.shown.lock(&part.lock));
        lock.is_some_and(|lock| lock.holder_state(scene.now.mono) == HolderState::Alive)
    };
    let alive = batch.chosen.iter().filter(|at| lives(at)).count();
    if alive > 0 {
        let whose =
            if alive == 1 { "1 has a holder that is" } else { &format!("{alive} have holders that are") };
        sheet.field("alive", &format!("! {whose} alive and will go on without the lock"), look.warning());
    }
    let (soon, longest) = batch.plan.soon_free();
    if !soon.is_empty() {
        let them =
            if soon.len() == 1 { "1 frees itself".into() } else { format!("{} free themselves", soon.len()) };
        let within = format::duration(longest);
        let words = if batch.wait_instead {
            format!("{them} within {within}: left out (w takes them in again)")
        } else {
            format!("! {them} within {within}: wait instead? (w leaves them out)")
        };
        sheet.field("soon free", &words, look.warning());
    }
    let warnings = batch.plan.warnings();
    for (i, (count, warning)) in warnings.iter().take(WARNINGS).enumerate() {
        let words = format!("! {count}x {warning}");
        sheet.field(if i == 0 { "beware" } else { "" }, &words, look.warning());
    }
    if warnings.len() > WARNINGS {
        let more = warnings.len() - WARNINGS;
        sheet.field("", &format!("! and {more} more below the list"), look.warning());
    }
    if batch.typed.is_some() && batch.can_confirm() {
        let words = format!("This is PRODUCTION: type how many locks are released ({}).", batch.chosen.len());
        sheet.text(&words, look.critical());
    }
}

/// Each lock, by node.
fn list(scene: &Scene<'_>, batch: &Batch, width: u16) -> Vec<Line<'static>> {
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    for (node, numbers) in batch.plan.nodes() {
        sheet.text(&format!("{node}: {}", numbers.len()), look.accent());
        for at in numbers {
            let Some(part) = batch.plan.parts.get(at) else { continue };
            match batch.stage {
                Stage::Running | Stage::Ended => result(scene, batch, at, part, &mut sheet),
                _ => planned(scene, batch, at, part, &mut sheet),
            }
        }
    }
    if batch.stage == Stage::Ready {
        let (warnings, effects) = (batch.plan.warnings(), batch.plan.effects());
        for (label, said, style) in
            [("Effects", effects, look.plain()), ("All that speaks against it", warnings, look.warning())]
        {
            if !said.is_empty() {
                sheet.heading(label);
            }
            for (count, words) in said {
                sheet.item(&format!("{count}x"), look.dim(), &words, style);
            }
        }
    }
    sheet.lines
}

fn key_of(scene: &Scene<'_>, part: &Part) -> String {
    let key = text::cut_bytes(&part.lock.key, KEY, text::Cut::Middle, scene.look.ellipsis());
    if part.lock.db == 0 { key } else { format!("{key} (db {})", part.lock.db) }
}

fn planned(scene: &Scene<'_>, batch: &Batch, at: usize, part: &Part, sheet: &mut Sheet) {
    let look = scene.look;
    let key = key_of(scene, part);
    match &part.plan {
        Err(why) => {
            sheet.item(look.sign(Severity::Critical), look.critical(), &key, look.strong());
            sheet.item(" ", look.dim(), &format!("refused: {why}"), look.warning());
        }
        Ok(_) if !batch.chosen.contains(&at) => {
            sheet.item(" ", look.dim(), &format!("{key}  left out: it frees itself soon"), look.dim());
        }
        Ok(plan) => {
            sheet.item(look.dot().trim(), look.dim(), &key, look.strong());
            let most = usize::from(sheet.width()).saturating_sub(6).max(8) * 2;
            for step in &plan.steps {
                let step = text::cut(&step.to_string(), most, text::Cut::Middle, look.ellipsis());
                sheet.item("  ", look.dim(), &step, look.accent());
            }
        }
    }
}

fn result(scene: &Scene<'_>, batch: &Batch, at: usize, part: &Part, sheet: &mut Sheet) {
    let look = scene.look;
    let key = key_of(scene, part);
    let (sign, style, words) = match (&part.plan, batch.outcomes.get(&at)) {
        (Err(why), _) => (look.sign(Severity::Warning), look.warning(), format!("refused: {why}")),
        (_, Some(outcome)) => told(scene, batch, outcome),
        (Ok(_), None) if batch.chosen.contains(&at) => (look.dot(), look.dim(), "under way".into()),
        (Ok(_), None) => (" ", look.dim(), "left out".into()),
    };
    sheet.item(sign, style, &format!("{key}  {words}"), style);
    if let Some(found) = batch.afterwards.get(&at) {
        sheet.item("  ", look.dim(), found, look.plain());
    }
}

fn told(scene: &Scene<'_>, batch: &Batch, outcome: &Outcome) -> (&'static str, Style, String) {
    let look = scene.look;
    let done = if batch.intent == "undo" { "put back" } else { "released" };
    let word = outcome_word(outcome, done);
    match outcome {
        Outcome::Done { .. } => (look.sign(Severity::Info), look.good(), word.into()),
        Outcome::NotDone(why) => (look.sign(Severity::Warning), look.warning(), why.to_string()),
        Outcome::Partly { ran, error } => (
            look.sign(Severity::Critical),
            look.critical(),
            format!("{word}: {ran} steps ran, then: {error}"),
        ),
        Outcome::Unknown(why) => (
            look.sign(Severity::Critical),
            look.critical(),
            format!("{word}: it was sent and may have run ({why}); look before you try again"),
        ),
    }
}

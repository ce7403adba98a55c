//! Dialogs: one frame for all, of which the less important parts give way on small screens, never the token, the
//! warnings, the commands and the buttons.

mod batch;
mod confirm;
mod forms;
mod peek;
mod readers;
mod transfer;

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};
use tui_input::Input;

use super::footer::draw_input;
use super::panel::put_line;
use super::scene::Scene;
use super::text;
use super::view::{ViewCache, area_of};
use crate::app::hit::Target;
use crate::app::state::{Button, Dialog};

/// A part of a dialog; parts of lower rank give way first.
#[derive(Debug)]
struct Section {
    rank: u8,
    lines: Vec<Line<'static>>,
    /// Says the same in fewer lines, where there is little room.
    short: Option<Vec<Line<'static>>>,
    /// Belongs to the part above it: no empty line between them.
    joined: bool,
}

/// Rank of what must be read before anything is confirmed.
const MUST: u8 = 10;
/// From this rank on a part says what was seen: TTL, age, verdict.
const WEIGHTY: u8 = 7;
/// Columns below which nothing can be confirmed.
const NARROWEST: u16 = 36;

impl Section {
    fn new(rank: u8, lines: Vec<Line<'static>>) -> Self {
        Self { rank, lines, short: None, joined: false }
    }

    fn joined(rank: u8, lines: Vec<Line<'static>>) -> Self {
        Self { rank, lines, short: None, joined: true }
    }

    /// What must be read, in two lengths.
    fn must(lines: Vec<Line<'static>>, short: Vec<Line<'static>>) -> Self {
        let short = (short.len() < lines.len()).then_some(short);
        Self { rank: MUST, lines, short, joined: false }
    }
}

/// A text field of a dialog.
#[derive(Debug)]
struct Field<'a> {
    label: &'static str,
    input: &'a Input,
    focused: bool,
}

/// A dialog that asks something.
#[derive(Debug)]
struct Ask<'a> {
    title: String,
    style: Style,
    sections: Vec<Section>,
    fields: Vec<Field<'a>>,
    /// What is wrong with the fields.
    error: Option<String>,
    /// Label of Cancel, label of Confirm if it may be pressed, focused button.
    buttons: (&'static str, Option<&'static str>, Button),
}

/// Draws the topmost dialog. Returns nothing; what was drawn is noted in the cache.
pub fn draw(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    let Some(dialog) = scene.state.dialogs.last() else { return };
    let width = inner_width(area);
    let ask = match dialog {
        Dialog::Help(offset) => return readers::help(scene, *offset, area, frame, cache),
        Dialog::Events(offset) => return readers::events(scene, *offset, area, frame, cache),
        Dialog::Messages(offset) => return readers::messages(scene, *offset, area, frame, cache),
        Dialog::Peek(id, set, offset) => return peek::peek(scene, (id, *set), *offset, area, frame, cache),
        Dialog::Detail(id, offset) => return readers::detail(scene, id, *offset, area, frame, cache),
        Dialog::Confirm(c) => confirm::ask(scene, c, width),
        Dialog::Batch => {
            let Some(batch) = &scene.state.batch else { return };
            if batch::draw(scene, batch, area, frame, cache) {
                cache.drawn = scene.state.dialog_to_arm();
            }
            return;
        }
        Dialog::Enqueue(form) => forms::enqueue(scene, form, width),
        Dialog::MoveTasks(form) => transfer::form(scene, form, width),
        Dialog::Transfer => {
            let Some(moving) = &scene.state.transfer else { return };
            transfer::progress(scene, moving, width)
        }
        Dialog::Expire(form) => forms::expire(scene, form, width),
        Dialog::StartWorker(queue, button) => forms::start_worker(scene, queue, *button, width),
        Dialog::Quit(what, button) => forms::quit(scene, what, *button, width),
    };
    if draw_ask(scene, ask, area, frame, cache) {
        cache.drawn = scene.state.dialog_to_arm();
    }
}

/// Columns inside a dialog.
fn inner_width(area: Rect) -> u16 {
    outer_width(area).saturating_sub(4).max(1)
}

fn outer_width(area: Rect) -> u16 {
    // Lines beyond 100 columns are hard to read; a wide screen gives commands a bit more.
    area.width.saturating_sub(2).min(if area.width >= 160 { 120 } else { 96 })
}

/// Draws the frame in the middle of the area and returns its inside.
fn open(
    scene: &Scene<'_>,
    title: &str,
    style: Style,
    size: (u16, u16),
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) -> Rect {
    let (width, height) = (size.0.min(area.width), size.1.min(area.height));
    let rect =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // What lies below is no longer in play: it recedes, and clicks do not reach it.
    frame.buffer_mut().set_style(area, scene.look.dim());
    cache.hits.push(area_of(area), Target::Dialog);
    let buf = frame.buffer_mut();
    Clear.render(rect, buf);
    let title = text::cut(title, usize::from(width.saturating_sub(6)), text::Cut::End, scene.look.ellipsis());
    Block::bordered()
        .border_set(scene.look.border())
        .border_style(style)
        .title(Line::styled(format!(" {title} "), style.add_modifier(Modifier::BOLD)))
        .render(rect, buf);
    rect.inner(Margin { horizontal: 2, vertical: 1 })
}

/// Draws a dialog that asks. False when its must-haves did not fit: then nothing may be confirmed.
fn draw_ask(
    scene: &Scene<'_>,
    mut ask: Ask<'_>,
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) -> bool {
    let look = scene.look;
    let width = outer_width(area);
    let fixed = ask.fields.len() + usize::from(ask.error.is_some()) + 1;
    let room = usize::from(area.height.saturating_sub(2)).saturating_sub(fixed);
    let lines = |sections: &[Section]| sections.iter().map(|s| s.lines.len()).sum::<usize>();
    let mut left_out = false;
    // The line that says so needs its place, too.
    while lines(&ask.sections) + usize::from(left_out) > room {
        let lowest = ask.sections.iter().map(|s| s.rank).filter(|r| *r < MUST).min();
        // Before anything of weight is left out, all that can be said shorter is.
        if lowest.is_none_or(|rank| rank >= WEIGHTY)
            && let Some(long) = ask.sections.iter_mut().find(|s| s.short.is_some())
        {
            long.lines = long.short.take().unwrap_or_default();
            continue;
        }
        let Some(at) = lowest.and_then(|rank| ask.sections.iter().rposition(|s| s.rank == rank)) else {
            break;
        };
        ask.sections.remove(at);
        left_out = true;
    }
    // That something is left out may be left out, what must be read may not.
    left_out &= lines(&ask.sections) < room;
    let used = lines(&ask.sections) + usize::from(left_out);
    let fits = used <= room && area.width >= NARROWEST;
    // Air between the parts, as far as there is room for it.
    let parts = ask.sections.iter().filter(|s| !s.joined).count() + usize::from(!ask.fields.is_empty());
    let airy = used + parts <= room;
    let mut out: Vec<Line<'static>> = Vec::new();
    for (i, section) in ask.sections.into_iter().enumerate() {
        if airy && i > 0 && !section.joined {
            out.push(Line::default());
        }
        out.extend(section.lines);
    }
    if left_out {
        out.push(Line::styled(format!("{} a larger terminal shows more", look.ellipsis()), look.dim()));
    }
    if airy {
        out.push(Line::default());
    }
    if !fits {
        // Of the whole screen, of which others have their part.
        let whole = frame.area();
        let columns = area.width.max(NARROWEST) + (whole.width - area.width);
        let rows = used + fixed + 2 + usize::from(whole.height - area.height);
        let words = format!(
            "{columns}x{rows} is needed to show all that must be read before this is done: enlarge the terminal, or press Esc."
        );
        out = text::wrap(&words, usize::from(inner_width(area))).into_iter().map(Line::from).collect();
    }
    out.truncate(room.max(1));
    let height = (out.len() + fixed + 2) as u16;
    let inner = open(scene, &ask.title, ask.style, (width, height), area, frame, cache);
    let mut y = inner.y;
    let next = |y: &mut u16| {
        let at = *y;
        *y += 1;
        (at < inner.bottom()).then_some(Rect { y: at, height: 1, ..inner })
    };
    for line in &out {
        if let Some(row) = next(&mut y) {
            put_line(frame, row.x, row.y, row.width, line, look.ellipsis());
        }
    }
    for field in &ask.fields {
        let Some(row) = next(&mut y) else { break };
        let style = if field.focused { look.accent() } else { look.dim() };
        let before = format!("{:<12}", field.label);
        draw_input(field.input, row, frame, &before, field.focused);
        frame.buffer_mut().set_style(Rect { width: 12.min(row.width), ..row }, style);
        let value = Rect { x: row.x + 12.min(row.width), width: row.width.saturating_sub(12), ..row };
        frame.buffer_mut().set_style(value, Style::new().add_modifier(Modifier::UNDERLINED));
    }
    if let Some(error) = &ask.error
        && let Some(row) = next(&mut y)
    {
        put_line(
            frame,
            row.x,
            row.y,
            row.width,
            &Line::styled(format!("! {error}"), look.warning()),
            look.ellipsis(),
        );
    }
    if inner.height > 0 {
        let row = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        draw_buttons(scene, &ask.buttons, ask.style, fits, row, frame, cache);
    }
    fits
}

fn draw_buttons(
    scene: &Scene<'_>,
    (cancel, confirm, focus): &(&'static str, Option<&'static str>, Button),
    style: Style,
    fits: bool,
    row: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let mut labels = vec![(Button::Cancel, *cancel)];
    if let Some(confirm) = confirm.filter(|_| fits) {
        labels.push((Button::Confirm, confirm));
    }
    let mut x = row.x;
    for (button, label) in labels {
        let focused = button == *focus;
        // Brackets tell the focus where colours and reversal do not show.
        let shown = if focused { format!("[ {label} ]") } else { format!("  {label}  ") };
        let width = text::width(&shown) as u16;
        if x + width > row.right() {
            break;
        }
        let own = if button == Button::Confirm { style } else { scene.look.strong() };
        let own = if focused { own.add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { own };
        put_line(frame, x, row.y, width, &Line::from(Span::styled(shown, own)), scene.look.ellipsis());
        cache.hits.push(area_of(Rect { x, y: row.y, width, height: 1 }), Target::Button(button));
        x += width + 3;
    }
}

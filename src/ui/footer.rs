//! The bottom line: the keys that count now, the line being typed, or what was just said.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;
use tui_input::Input;

use super::cost;
use super::scene::Scene;
use super::table::put_spans;
use super::text;
use super::view::ViewCache;
use crate::app::command::{Command, Entry};
use crate::app::hit::{Area, Target};
use crate::app::keymap;
use crate::app::state::Prompt;
use crate::domain::bytes::escape_text;

/// Columns from which on our cost is told, and told in more words.
const COST_FROM: u16 = 72;
const COST_WIDE_FROM: u16 = 100;

/// Draws the bottom line.
pub fn draw(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    if area.height == 0 {
        return;
    }
    let look = scene.look;
    if let Some(prompt) = &scene.state.prompt {
        return draw_prompt(scene, prompt, area, frame);
    }
    if let Some(toast) = &scene.state.toast {
        let (sign, style) =
            if toast.is_error { ("!", look.warning()) } else { (look.pointer(), look.accent()) };
        let spans = [Span::styled(format!(" {sign} "), style), Span::styled(toast.text.clone(), style)];
        return put_spans(frame.buffer_mut(), area.x, area.y, area.width, &spans, look.ellipsis());
    }
    let entries = keymap::footer(scene.state);
    if entries.is_empty() {
        return draw_keys(scene, area, frame);
    }
    draw_commands(scene, &entries, area, frame, cache);
}

/// Keys of the open dialog.
fn draw_keys(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let look = scene.look;
    let mut spans = vec![Span::raw(" ")];
    for (key, what) in keymap::dialog_keys(scene.state) {
        spans.push(Span::styled(key, look.accent().patch(look.strong())));
        spans.push(Span::styled(format!(" {what}   "), look.plain()));
    }
    put_spans(frame.buffer_mut(), area.x, area.y, area.width, &spans, look.ellipsis());
}

/// Commands of the focused panel; help and quit are kept at any width.
fn draw_commands(
    scene: &Scene<'_>,
    entries: &[&'static Entry],
    area: Rect,
    frame: &mut Frame<'_>,
    cache: &mut ViewCache,
) {
    let look = scene.look;
    let always = |e: &&&'static Entry| matches!(e.command, Command::Help | Command::Quit);
    let label = |e: &Entry| (e.keys.first().map(ToString::to_string).unwrap_or_default(), short(e));
    let wide = |e: &Entry| {
        let (key, words) = label(e);
        (text::width(&key) + 1 + text::width(&words) + 2) as u16
    };
    let cost =
        (area.width >= COST_FROM).then(|| cost::summary(scene, area.width >= COST_WIDE_FROM)).flatten();
    let cost_width = cost.as_deref().map_or(0, |words| text::width(words) as u16 + 2);
    let mut left = area.width.saturating_sub(1 + cost_width);
    left = left.saturating_sub(entries.iter().filter(always).map(|e| wide(e)).sum());
    let mut chosen: Vec<&'static Entry> = Vec::new();
    let mut rest: Vec<&'static Entry> = entries.iter().copied().filter(|e| !always(&e)).collect();
    rest.sort_by_key(|e| later(e.command));
    for entry in rest {
        let needs = wide(entry);
        if needs > left {
            break;
        }
        left -= needs;
        chosen.push(entry);
    }
    chosen.extend(entries.iter().filter(always));
    let mut x = area.x + 1;
    for entry in chosen {
        let (key, words) = label(entry);
        let room = area.right().saturating_sub(x);
        let spans = [
            Span::styled(key, look.accent().patch(look.strong())),
            Span::styled(format!(" {words}"), look.plain()),
        ];
        put_spans(frame.buffer_mut(), x, area.y, room, &spans, look.ellipsis());
        let width = wide(entry).saturating_sub(2).min(room);
        cache.hits.push(Area { x, y: area.y, width, height: 1 }, Target::FooterCommand(entry.command));
        x = (x + wide(entry)).min(area.right());
    }
    if let Some(words) = cost {
        let span = [Span::styled(words, look.dim())];
        let from = area.right().saturating_sub(cost_width.saturating_sub(1));
        put_spans(frame.buffer_mut(), from, area.y, area.right() - from, &span, look.ellipsis());
    }
}

/// What one rather looks up in the help when the line is short.
fn later(command: Command) -> u8 {
    match command {
        Command::Mark | Command::Copy | Command::Refresh => 1,
        Command::FlipSort
        | Command::CopyCommand
        | Command::Back
        | Command::Requeue
        | Command::MoveTasks
        | Command::DropTasks => 2,
        _ => 0,
    }
}

/// One word for a command.
fn short(entry: &Entry) -> String {
    match entry.command {
        Command::Open => "details".into(),
        Command::NextPanel => "panel".into(),
        Command::Worker => "worker".into(),
        Command::Enqueue => "test task".into(),
        Command::StopWorker => "stop/start".into(),
        Command::PauseWorker => "pause".into(),
        Command::MoreTasks => "more".into(),
        Command::FewerTasks => "fewer".into(),
        Command::CopyCommand => "copy command".into(),
        Command::CommandLine => "command".into(),
        Command::FlipSort => "flip".into(),
        Command::HalfPageDown | Command::HalfPageUp => entry.help.into(),
        _ => entry.name.replace('-', " "),
    }
}

fn draw_prompt(scene: &Scene<'_>, prompt: &Prompt, area: Rect, frame: &mut Frame<'_>) {
    let look = scene.look;
    let (sign, input, hint) = match prompt {
        Prompt::Filter { input, .. } => ("/", input, "Enter keeps, Esc goes back".to_owned()),
        Prompt::Command { input, hints } => (":", input, hints.join("  ")),
    };
    let hint = scene.state.prompt_error.clone().unwrap_or(hint);
    let style = if scene.state.prompt_error.is_some() { look.warning() } else { look.dim() };
    let half = (area.width / 2).max(12).min(area.width);
    let typed =
        draw_input(input, Rect { x: area.x + 1, width: half.saturating_sub(1), ..area }, frame, sign, true);
    let x = area.x + 1 + typed + 3;
    put_spans(
        frame.buffer_mut(),
        x,
        area.y,
        area.right().saturating_sub(x),
        &[Span::styled(hint, style)],
        look.ellipsis(),
    );
    frame.buffer_mut().set_style(Rect { width: 2.min(area.width), ..area }, look.accent());
}

/// A text field on one line, scrolled so that the cursor is seen; returns the columns used.
pub fn draw_input(input: &Input, area: Rect, frame: &mut Frame<'_>, before: &str, focused: bool) -> u16 {
    if area.width == 0 {
        return 0;
    }
    let room = usize::from(area.width).saturating_sub(text::width(before) + 1);
    // Typed text may hold anything a paste can bring; the cursor counts in what is shown.
    let value = input.value();
    let split = value.char_indices().nth(input.cursor()).map_or(value.len(), |(at, _)| at);
    let front = escape_text(value.get(..split).unwrap_or_default());
    let back = escape_text(value.get(split..).unwrap_or_default());
    let front_shown = text::tail(&front, room);
    let shown = format!("{before}{front_shown}{}", text::head(&back, room - text::width(front_shown)));
    let width = text::width(&shown) as u16;
    frame.buffer_mut().set_stringn(
        area.x,
        area.y,
        &shown,
        usize::from(area.width),
        ratatui::style::Style::new(),
    );
    if focused {
        let x = area.x + (text::width(before) + text::width(front_shown)) as u16;
        frame.set_cursor_position(Position { x: x.min(area.right().saturating_sub(1)), y: area.y });
    }
    width
}

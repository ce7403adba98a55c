//! The line at the bottom: `/` filters as you type, `:` takes a command with completion and history.

use std::time::Duration;

use tui_input::Input;

use super::columns;
use super::command::{COMMANDS, Panel};
use super::effect::Effect;
use super::filter::Filter;
use super::key::{Key, KeyCode};
use super::messages::{fail, say};
use super::state::{AppState, Prompt};
use super::{keymap, rows, run, selection, text};

/// Names of the `:` line that take an argument and are no commands of their own.
const WITH_ARGUMENT: [&str; 3] = ["interval", "filter", "sort"];
/// Commands kept in the history.
const MAX_HISTORY: usize = 100;

/// `/`
pub(super) fn open_filter(state: &mut AppState) {
    let Some(list) = state.list(state.focus) else { return };
    let (before, selected) = (list.filter.clone(), list.selected.clone());
    state.before_filter = selected;
    state.prompt_error = None;
    state.prompt = Some(Prompt::Filter { input: Input::new(before.clone()), before });
}

/// `:`
pub(super) fn open_command(state: &mut AppState) {
    state.prompt_error = None;
    state.history_at = 0;
    state.prompt = Some(Prompt::Command { input: Input::default(), hints: hints(state.focus, "") });
}

/// Closes the prompt and keeps the filter as it is.
pub(super) fn leave(state: &mut AppState) {
    state.prompt = None;
    state.prompt_error = None;
    state.before_filter = None;
}

pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    match state.prompt {
        Some(Prompt::Filter { .. }) => on_filter_key(state, key),
        Some(Prompt::Command { .. }) => on_command_key(state, key, out),
        None => {}
    }
}

pub(super) fn on_paste(state: &mut AppState, pasted: &str) {
    match &mut state.prompt {
        Some(Prompt::Filter { input, .. }) => {
            text::paste(input, pasted);
            apply_typed(state);
        }
        Some(Prompt::Command { input, .. }) => {
            text::paste(input, pasted);
            renew_hints(state);
        }
        None => {}
    }
}

fn on_filter_key(state: &mut AppState, key: Key) {
    let Some(Prompt::Filter { input, before }) = &mut state.prompt else { return };
    match key.code {
        KeyCode::Esc => {
            let (before, selected) = (before.clone(), state.before_filter.take());
            leave(state);
            let panel = state.focus;
            set_filter(state, panel, before);
            if let Some(id) = selected {
                selection::select_id(state, panel, &id);
            }
        }
        // A text that cannot be kept keeps the prompt open, its error in sight.
        KeyCode::Enter if state.prompt_error.is_none() => leave(state),
        KeyCode::Enter => {}
        KeyCode::Up => selection::move_by(state, state.focus, -1),
        KeyCode::Down => selection::move_by(state, state.focus, 1),
        _ => {
            if text::edit(input, key) {
                apply_typed(state);
            }
        }
    }
}

/// Puts the typed text in force if it parses; else the last good one stays and the prompt says what is wrong.
fn apply_typed(state: &mut AppState) {
    let Some(Prompt::Filter { input, .. }) = &state.prompt else { return };
    let typed = input.value().to_owned();
    match Filter::parse(state.focus, &typed) {
        Ok(_) => {
            state.prompt_error = None;
            set_filter(state, state.focus, typed);
        }
        Err(why) => state.prompt_error = Some(why),
    }
}

/// Puts a filter in force. The text must parse.
pub(super) fn set_filter(state: &mut AppState, panel: Panel, filter: String) {
    if let Some(list) = state.list_mut(panel)
        && list.filter != filter
    {
        list.filter = filter;
        rows::rebuild(state, panel);
    }
}

/// What could be meant by the text: names that start with it, then names that hold it.
fn hints(panel: Panel, typed: &str) -> Vec<&'static str> {
    let (candidates, word): (Vec<&'static str>, &str) = match typed.split_once(' ') {
        Some(("sort", column)) => (columns::names(panel).iter().map(|(n, _)| *n).collect(), column),
        Some(_) => return Vec::new(),
        None => {
            let mut names: Vec<&'static str> = COMMANDS.iter().map(|e| e.name).collect();
            names.extend(WITH_ARGUMENT.iter().filter(|n| keymap::by_name(n).is_none()));
            (names, typed)
        }
    };
    let mut out: Vec<&'static str> = candidates.iter().filter(|n| n.starts_with(word)).copied().collect();
    out.extend(candidates.iter().filter(|n| !n.starts_with(word) && n.contains(word)));
    out
}

fn renew_hints(state: &mut AppState) {
    let panel = state.focus;
    state.prompt_error = None;
    if let Some(Prompt::Command { input, hints: known }) = &mut state.prompt {
        *known = hints(panel, input.value());
    }
}

fn on_command_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Prompt::Command { input, hints }) = &mut state.prompt else { return };
    match key.code {
        KeyCode::Esc => leave(state),
        KeyCode::Backspace if input.value().is_empty() => leave(state),
        KeyCode::Enter => {
            let line = input.value().trim().to_owned();
            leave(state);
            run_line(state, &line, out);
        }
        // Each Tab takes the next name that fits; typing looks for names anew.
        KeyCode::Tab | KeyCode::BackTab => {
            if hints.is_empty() {
                return;
            }
            if key.code == KeyCode::BackTab {
                hints.rotate_right(1);
            }
            let hint = hints.first().copied().unwrap_or_default();
            let head = input.value().rsplit_once(' ').map(|(head, _)| format!("{head} ")).unwrap_or_default();
            *input = Input::new(format!("{head}{hint}"));
            if key.code == KeyCode::Tab {
                hints.rotate_left(1);
            }
        }
        KeyCode::Up => recall(state, 1),
        KeyCode::Down => recall(state, -1),
        _ => {
            if text::edit(input, key) {
                renew_hints(state);
            }
        }
    }
}

fn recall(state: &mut AppState, by: isize) {
    let at = state.history_at.saturating_add_signed(by).min(state.history.len());
    state.history_at = at;
    let line = match at {
        0 => String::new(),
        n => state.history.iter().rev().nth(n - 1).cloned().unwrap_or_default(),
    };
    if let Some(Prompt::Command { input, .. }) = &mut state.prompt {
        *input = Input::new(line);
    }
    renew_hints(state);
}

/// Carries out a line typed after `:`.
fn run_line(state: &mut AppState, line: &str, out: &mut Vec<Effect>) {
    if line.is_empty() {
        return;
    }
    if state.history.last().map(String::as_str) != Some(line) {
        state.history.push(line.to_owned());
        if state.history.len() > MAX_HISTORY {
            state.history.remove(0);
        }
    }
    let (name, argument) = line.split_once(char::is_whitespace).map_or((line, ""), |(n, a)| (n, a.trim()));
    match (name, argument) {
        ("filter", text) if !text.is_empty() => filter_line(state, text),
        ("sort", column) if !column.is_empty() => sort_line(state, column),
        ("interval", text) => interval_line(state, text, out),
        ("report", span) if !span.is_empty() => report_line(state, span, out),
        _ => {
            let name = if name == "q" { "quit" } else { name };
            match keymap::by_name(name) {
                Some(entry) if argument.is_empty() => run::run(state, entry, out),
                Some(entry) => fail(state, format!("{} takes no argument", entry.name)),
                None => unknown(state, name),
            }
        }
    }
}

fn filter_line(state: &mut AppState, text: &str) {
    let panel = state.focus;
    match Filter::parse(panel, text) {
        Ok(_) => set_filter(state, panel, text.to_owned()),
        Err(why) => fail(state, format!("filter: {why}")),
    }
}

fn sort_line(state: &mut AppState, column: &str) {
    let names = columns::names(state.focus);
    let found = names
        .iter()
        .position(|(n, _)| *n == column)
        .or_else(|| names.iter().position(|(n, _)| n.starts_with(column)));
    if let Some(column) = found {
        run::sort_by(state, state.focus, column);
    } else {
        let known = names.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
        let shown = crate::domain::bytes::escape_text(column);
        fail(state, format!("no column {shown} here; these are: {known}"));
    }
}

fn interval_line(state: &mut AppState, text: &str, out: &mut Vec<Effect>) {
    let [Some(least), Some(most)] = [run::INTERVALS_MS.first(), run::INTERVALS_MS.last()] else { return };
    match humantime::parse_duration(text) {
        Ok(interval) if (u128::from(*least)..=u128::from(*most)).contains(&interval.as_millis()) => {
            run::set_interval(state, interval, out);
        }
        Ok(_) => fail(state, "interval lies between 250ms and 1m"),
        Err(_) if text.is_empty() => {
            say(state, format!("looking every {}", humantime::format_duration(state.interval)));
        }
        Err(_) => fail(state, "interval needs a duration, such as :interval 2s"),
    }
}

/// Longest span that can be asked for: events are bounded by number anyway.
const LONGEST_REPORT: Duration = Duration::from_secs(366 * 86_400);

fn report_line(state: &mut AppState, text: &str, out: &mut Vec<Effect>) {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() && span <= LONGEST_REPORT => run::save_report(state, span, out),
        _ => fail(state, "report takes the time back that it covers, such as :report 30m"),
    }
}

fn unknown(state: &mut AppState, name: &str) {
    let names = COMMANDS.iter().map(|e| e.name).chain(["interval"]);
    let nearest = names.max_by(|a, b| {
        let near = |n: &str| strsim::jaro_winkler(n, name);
        near(a).total_cmp(&near(b))
    });
    let shown = crate::domain::bytes::escape_text(name);
    fail(state, format!("no command {shown}: did you mean {}?", nearest.unwrap_or("help")));
}

//! The `:` line.

use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::Prompt;

use crate::fixtures::{rich_board, s};
use crate::harness::{Flow, flow};

fn line(f: &Flow) -> String {
    match &f.state.prompt {
        Some(Prompt::Command { input, .. }) => input.value().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_complete_with_tab() {
    let mut f = flow(&rich_board());
    f.press("2 : ref <tab>");
    assert_eq!(line(&f), "refresh");
    assert_eq!(f.press("<enter>"), [Effect::Refresh]);
    f.press(": p <tab>");
    let first = line(&f);
    f.press("<tab>");
    assert_ne!(line(&f), first, "Tab again takes the next one");
    f.press("<backtab> <backtab>");
    f.press("<esc> : sort <space> ag <tab>");
    assert_eq!(line(&f), "sort age");
    f.press("<enter>");
    assert!(f.toast().contains("sorted by age"));
}

#[test]
fn an_unknown_name_names_the_nearest() {
    let mut f = flow(&rich_board());
    for (typed, meant) in
        [("relaese", "release"), ("intervall", "interval"), ("qiut", "quit"), ("hlep", "help")]
    {
        f.press(&format!(": {typed} <enter>"));
        assert!(f.toast_is_error() && f.toast().contains(&format!("did you mean {meant}?")), "{}", f.toast());
    }
}

#[test]
fn interval_by_line_and_by_key() {
    let mut f = flow(&rich_board());
    f.press("2");
    assert_eq!(f.press(": interval <space> 2s <enter>"), [Effect::SetInterval(s(2))]);
    assert_eq!(f.state.interval, s(2));
    for bad in ["1ms", "2h", "soon"] {
        assert_eq!(f.press(&format!(": interval <space> {bad} <enter>")), []);
        assert!(f.toast_is_error());
    }
    assert_eq!(f.press("-"), [Effect::SetInterval(s(5))]);
    f.press("+ + + + + + +");
    assert_eq!(f.state.interval.as_millis(), 250);
    assert_eq!(f.press("+"), []);
    f.press("- - - - - - - - - -");
    assert_eq!(f.state.interval, s(60));
}

#[test]
fn filter_and_quit_by_line() {
    let mut f = flow(&rich_board());
    f.press("2");
    f.press(":");
    f.type_text("filter state:no_ttl never");
    f.press("<enter>");
    assert_eq!(f.lock_keys(), ["lock:never"]);
    f.press(":");
    f.type_text("filter state:nope");
    f.press("<enter>");
    assert!(f.toast_is_error());
    assert_eq!(f.press(": quit <enter>"), [Effect::Quit]);
    assert_eq!(f.press(": q <enter>"), [Effect::Quit]);
    assert_eq!(f.press(": <enter>"), []);
}

#[test]
fn a_command_of_another_panel_says_where_it_works() {
    let mut f = flow(&rich_board());
    assert_eq!(f.press("1 : release <enter>"), []);
    assert!(f.toast().contains("works in locks only"), "{}", f.toast());
}

#[test]
fn history_and_editing() {
    let mut f = flow(&rich_board());
    f.press(": refresh <enter> : zoom <enter> : <up> <up>");
    assert_eq!(line(&f), "refresh");
    f.press("<down>");
    assert_eq!(line(&f), "zoom");
    f.press("<down>");
    assert_eq!(line(&f), "");
    f.press("<backspace>");
    assert!(f.state.prompt.is_none());
    f.press(":");
    assert_eq!(f.send(Event::Paste("quit\n".into())), [], "pasted text is text");
    assert_eq!(line(&f), "quit ");
    assert_eq!(f.press("q j"), [], "keys are text in a prompt");
}

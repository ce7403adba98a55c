//! Styles where they carry meaning: danger, focus, what is dim; and that the mono theme has no colour at all.

use ratatui::style::Color;
use redwarden::config::Theme;
use redwarden::domain::node::Reason;

use crate::fixtures::{board, lock, node, queue, s};
use crate::shot::{draw, heard, styled_lines};

fn small() -> redwarden::app::state::AppState {
    heard(board(vec![
        node("a")
            .locks(vec![lock("lock:never").never(), lock("lock:ok").ttl(s(60))])
            .queues(vec![queue("queue:g").growing()]),
        node("b").locks(vec![lock("lock:old")]).down(Reason::Refused),
    ]))
}

#[test]
fn dark() {
    insta::assert_snapshot!(styled_lines(&draw(&small(), (80, 16)).0));
}

#[test]
fn light() {
    let mut state = small();
    state.settings.theme = Theme::Light;
    insta::assert_snapshot!(styled_lines(&draw(&state, (80, 16)).0));
}

#[test]
fn mono_has_no_colour() {
    let mut state = small();
    state.settings.theme = Theme::Mono;
    let (buffer, _) = draw(&state, (80, 16));
    assert!(buffer.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    insta::assert_snapshot!(styled_lines(&buffer));
}

#[test]
fn no_theme_uses_grey_or_white() {
    for theme in [Theme::Dark, Theme::Light, Theme::Mono] {
        let mut state = small();
        state.settings.theme = theme;
        let (buffer, _) = draw(&state, (120, 36));
        for cell in &buffer.content {
            let bad = [Color::DarkGray, Color::Gray, Color::White, Color::Black];
            assert!(!bad.contains(&cell.fg) && !bad.contains(&cell.bg), "{cell:?}");
        }
    }
}

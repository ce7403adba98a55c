//! What really reaches a terminal: the frames through ratatui's crossterm backend into a terminal emulator.

use std::num::NonZeroU16;

use jiff::tz::TimeZone;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use redwarden::app::state::AppState;
use redwarden::ui::{ViewCache, render};

use crate::fixtures::{board, lock, node, rich_board};
use crate::shot::{draw, heard, keys, lines};

/// Draws the states one after the other on one terminal of this size and returns the bytes sent.
fn sent(states: &[&AppState], (width, height): (u16, u16)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let mut terminal =
        Terminal::with_options(CrosstermBackend::new(&mut bytes), TerminalOptions { viewport }).unwrap();
    let mut cache = ViewCache::with_zone(TimeZone::UTC);
    for state in states {
        terminal.draw(|frame| render(frame, state, &mut cache)).unwrap();
    }
    drop(terminal);
    bytes
}

fn screen(bytes: &[u8], (width, height): (u16, u16)) -> Vec<String> {
    let mut parser = vt100::Parser::new(NonZeroU16::new(height).unwrap(), NonZeroU16::new(width).unwrap(), 0);
    parser.process(bytes);
    parser.screen().rows(0, width).map(|l| l.trim_end().to_owned()).collect()
}

#[test]
fn a_terminal_shows_what_was_drawn_also_after_changes() {
    let size = (100, 30);
    let first = heard(rich_board());
    let mut second = first.clone();
    keys(&mut second, "3jjz");
    let wide = heard(board(vec![node("a").locks(vec![lock("lock:鍵:鎖:ロック"), lock("lock:ключ")])]));
    assert_eq!(screen(&sent(&[&first], size), size), lines(&draw(&first, size).0));
    assert_eq!(screen(&sent(&[&first, &second], size), size), lines(&draw(&second, size).0));
    assert_eq!(screen(&sent(&[&first, &wide, &second, &wide], size), size), lines(&draw(&wide, size).0));
}

#[test]
fn hostile_keys_send_no_sequence_of_their_own() {
    let bytes = sent(&[&heard(rich_board())], (200, 60));
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains("\x1b]"), "no title, no clipboard");
    assert!(
        !text.contains('\x07')
            && !text.contains('\0')
            && !text.contains('\u{202e}')
            && !text.contains('\u{200b}')
    );
    assert!(!text.contains("\x1b[2J"), "nothing clears the screen");
    assert!(text.contains("evil"), "the key itself is there to be seen");
}

//! Key sequences as text: `j j R <tab> <enter>`; a longer word types its characters one by one.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]

use redwarden::app::key::{Key, KeyCode};

/// Parses a sequence. Words stand apart by blanks; `<enter>`, `<space>`, `<c-d>`, `<a-x>` are single keys.
pub fn keys(text: &str) -> Vec<Key> {
    text.split_whitespace().flat_map(word).collect()
}

/// The characters of a text, blanks included, as keys.
pub fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Key::char).collect()
}

fn word(word: &str) -> Vec<Key> {
    let Some(name) = word.strip_prefix('<').and_then(|w| w.strip_suffix('>')).filter(|n| !n.is_empty())
    else {
        return typed(word);
    };
    let code = |name: &str| match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "space" => KeyCode::Char(' '),
        "f1" => KeyCode::F(1),
        other => KeyCode::Char(other.chars().next().unwrap()),
    };
    let key = if let Some(rest) = name.strip_prefix("c-") {
        Key { code: code(rest), ctrl: true, alt: false }
    } else if let Some(rest) = name.strip_prefix("a-") {
        Key { code: code(rest), ctrl: false, alt: true }
    } else {
        Key::plain(code(name))
    };
    vec![key]
}

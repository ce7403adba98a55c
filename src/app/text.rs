//! Typing into one-line text fields.

use tui_input::{Input, InputRequest};

use super::key::{Key, KeyCode};

/// Longest text a field takes, bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Applies a key; true when the text changed.
pub fn edit(input: &mut Input, key: Key) -> bool {
    use InputRequest as R;
    let request = match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(c), false, false) if !c.is_control() && input.value().len() < MAX_TEXT => {
            R::InsertChar(c)
        }
        (KeyCode::Backspace, false, false) | (KeyCode::Char('h'), true, _) => R::DeletePrevChar,
        (KeyCode::Backspace, ..) | (KeyCode::Char('w'), true, _) => R::DeletePrevWord,
        (KeyCode::Delete, ..) => R::DeleteNextChar,
        (KeyCode::Left, true, _) => R::GoToPrevWord,
        (KeyCode::Right, true, _) => R::GoToNextWord,
        (KeyCode::Left, ..) => R::GoToPrevChar,
        (KeyCode::Right, ..) => R::GoToNextChar,
        (KeyCode::Home, ..) | (KeyCode::Char('a'), true, _) => R::GoToStart,
        (KeyCode::End, ..) | (KeyCode::Char('e'), true, _) => R::GoToEnd,
        (KeyCode::Char('u'), true, _) => R::DeleteLine,
        (KeyCode::Char('k'), true, _) => R::DeleteTillEnd,
        _ => return false,
    };
    input.handle(request).is_some_and(|changed| changed.value)
}

/// Puts pasted text in at the cursor, in one go. Line breaks become spaces, other control characters are dropped.
pub fn paste(input: &mut Input, text: &str) {
    let room = MAX_TEXT.saturating_sub(input.value().len());
    let mut used = 0;
    let clean: String = text
        .chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
        .filter(|c| !c.is_control())
        .take_while(|c| {
            used += c.len_utf8();
            used <= room
        })
        .collect();
    let cursor = input.cursor();
    let mut value: String = input.value().chars().take(cursor).collect();
    value.push_str(&clean);
    value.extend(input.value().chars().skip(cursor));
    *input = Input::new(value).with_cursor(cursor + clean.chars().count());
}

//! Text by columns of the screen, not bytes: cutting, padding, wrapping. Bytes from Redis are escaped here and
//! only as much of them as can be shown.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::Bytes;
use crate::domain::bytes::escape;

/// Where a text that is too long loses its letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cut {
    /// The end goes.
    #[default]
    End,
    /// The middle goes: keys tell most at both ends.
    Middle,
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `max` columns, with `mark` (one column wide) in place of what was cut. Wide characters are
/// never split.
pub fn cut(text: &str, max: usize, how: Cut, mark: char) -> String {
    if text.width() <= max {
        return text.to_owned();
    }
    if max == 0 {
        return String::new();
    }
    let room = max - 1;
    match how {
        Cut::End => {
            let mut out = head(text, room).to_owned();
            out.push(mark);
            out
        }
        Cut::Middle => {
            let back = room / 2;
            let mut out = head(text, room - back).to_owned();
            out.push(mark);
            out.push_str(tail(text, back));
            out
        }
    }
}

/// [`cut`] for exact bytes of any length: escapes only the ends that can be seen.
pub fn cut_bytes(bytes: &Bytes, max: usize, how: Cut, mark: char) -> String {
    let raw = bytes.as_slice();
    // A column is at most four bytes of input, and never less than one byte takes a column.
    let keep = max.saturating_mul(4).saturating_add(8);
    if raw.len() <= keep.saturating_mul(2) {
        return cut(&escape(raw), max, how, mark);
    }
    let front = escape(&raw[..keep]);
    match how {
        Cut::End => cut(&front, max, how, mark),
        Cut::Middle => {
            let mut start = raw.len() - keep;
            // Not in the middle of a character, which would then be shown as `\xNN`.
            while start < raw.len() && raw[start] & 0xc0 == 0x80 {
                start += 1;
            }
            cut(&format!("{front}{}", escape(&raw[start..])), max, how, mark)
        }
    }
}

/// The longest beginning of at most `max` columns.
pub fn head(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > max {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// The longest end of at most `max` columns.
pub fn tail(text: &str, max: usize) -> &str {
    let mut used = 0;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > max {
            break;
        }
        from = at;
    }
    text.get(from..).unwrap_or_default()
}

/// Breaks a text into lines of at most `max` columns, at spaces where possible.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= max {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest = word;
        while rest.width() > max {
            let part = match head(rest, max) {
                // One character wider than the whole line: it goes alone and the frame clips it.
                "" => rest.get(..rest.chars().next().map_or(0, char::len_utf8)).unwrap_or_default(),
                part => part,
            };
            lines.push(part.to_owned());
            rest = rest.get(part.len()..).unwrap_or_default();
        }
        line.push_str(rest);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_by_columns() {
        assert_eq!(cut("lock:orders:42", 20, Cut::End, '…'), "lock:orders:42");
        assert_eq!(cut("lock:orders:42", 8, Cut::End, '…'), "lock:or…");
        assert_eq!(cut("lock:orders:42", 9, Cut::Middle, '…'), "lock…s:42");
        assert_eq!(cut("鍵鍵鍵鍵", 5, Cut::End, '…'), "鍵鍵…");
        assert_eq!(cut("鍵鍵鍵鍵", 4, Cut::End, '…'), "鍵…");
        assert_eq!(cut("abc", 1, Cut::End, '…'), "…");
        assert_eq!(cut("abc", 0, Cut::End, '…'), "");
    }

    #[test]
    fn a_huge_key_is_cut_without_being_escaped_whole() {
        let key = Bytes::from(vec![b'k'; 50_000_000]);
        assert_eq!(cut_bytes(&key, 5, Cut::Middle, '…'), "kk…kk");
    }

    #[test]
    fn wraps_at_spaces_and_breaks_long_words() {
        assert_eq!(wrap("it has no TTL", 7), ["it has", "no TTL"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    proptest! {
        #[test]
        fn never_wider_than_asked(text in "\\PC{0,40}", max in 0_usize..30) {
            for how in [Cut::End, Cut::Middle] {
                prop_assert!(width(&cut(&text, max, how, '…')) <= max);
            }
            for line in wrap(&text, max.max(2)) {
                prop_assert!(width(&line) <= max.max(2));
            }
        }

        #[test]
        fn any_bytes_are_shown_without_control_characters(raw: Vec<u8>, max in 0_usize..200) {
            for how in [Cut::End, Cut::Middle] {
                let shown = cut_bytes(&Bytes::from(raw.clone()), max, how, '…');
                prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
                prop_assert!(width(&shown) <= max);
            }
        }
    }
}

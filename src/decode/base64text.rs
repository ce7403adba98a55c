//! Text that is base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Shorter text that fits by chance is left alone.
const SHORTEST: usize = 16;

/// True for text that has nothing but signs of base64.
pub(super) fn is_likely(text: &[u8]) -> bool {
    let sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=');
    text.len() >= SHORTEST && text.trim_ascii_end().iter().all(sign)
}

/// The bytes it stands for; of text that was cut the part that is whole.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !is_likely(text) {
        return None;
    }
    let text = text.trim_ascii_end();
    let all = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let whole_groups = text.get(..text.len() / 4 * 4).unwrap_or_default();
    [text, whole_groups].iter().find_map(|text| all.iter().find_map(|engine| engine.decode(text).ok()))
}

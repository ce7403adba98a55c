//! How numbers and strings stand in a pickle.

use super::machine::End;
use crate::decode::value::Value;

pub(super) fn index(digits: &[u8]) -> Result<u64, End> {
    std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(End::Bad)
}

pub(super) fn decimal(digits: &[u8]) -> Result<Value, End> {
    let fits = |b: &u8| {
        b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'i' | b'n' | b'f' | b'a')
    };
    if digits.is_empty() || !digits.iter().all(fits) {
        return Err(End::Bad);
    }
    let text: String = digits.iter().take(64).map(|b| char::from(*b)).collect();
    Ok(Value::Number(text))
}

/// A whole number of any size, little-endian and signed; beyond 16 bytes only how long it is.
pub(super) fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 16 {
        return Value::Number(format!("a whole number of {} bytes", bytes.len()));
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 16];
    whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Value::Number(i128::from_le_bytes(whole).to_string())
}

/// A string as Python writes it: the quotes go, escapes stay as they are.
pub(super) fn quoted(line: &[u8]) -> Result<Value, End> {
    match line {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => Ok(Value::bytes(inner)),
        _ => Err(End::Bad),
    }
}

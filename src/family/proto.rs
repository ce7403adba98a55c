//! Fields of a protobuf message, as far as they can be read without its schema.

/// Fields read of one message.
const MOST_FIELDS: usize = 256;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// A number: int, bool, enum.
    Number(u64),
    /// A string, bytes, or a message of its own.
    Bytes(&'a [u8]),
}

/// Field numbers and values in their order. Ends at the first byte that makes no sense, such as the end of a message
/// that was cut.
pub fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while found.len() < MOST_FIELDS {
        let Some((field, rest)) = next(message) else { break };
        message = rest;
        found.push(field);
    }
    found
}

/// The number in this field, 0 where it is left out.
pub fn number(fields: &[(u64, Field<'_>)], wanted: u64) -> u64 {
    let found = fields.iter().find_map(|(n, f)| match f {
        Field::Number(value) if *n == wanted => Some(*value),
        _ => None,
    });
    found.unwrap_or(0)
}

/// The bytes in this field.
pub fn bytes<'a>(fields: &[(u64, Field<'a>)], wanted: u64) -> Option<&'a [u8]> {
    fields.iter().find_map(|(n, f)| match f {
        Field::Bytes(value) if *n == wanted => Some(*value),
        _ => None,
    })
}

/// A `google.protobuf.Timestamp` as milliseconds since the epoch.
pub fn timestamp_ms(message: &[u8]) -> Option<i64> {
    let seconds = i64::try_from(number(&fields(message), 1)).ok()?;
    seconds.checked_mul(1000)
}

fn next(message: &[u8]) -> Option<((u64, Field<'_>), &[u8])> {
    let (tag, rest) = varint(message)?;
    let (number, wire) = (tag >> 3, tag & 7);
    if number == 0 {
        return None;
    }
    let fixed = |len: usize| {
        let (bytes, rest) = rest.split_at_checked(len)?;
        let value = bytes.iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        Some(((number, Field::Number(value)), rest))
    };
    match wire {
        0 => varint(rest).map(|(value, rest)| ((number, Field::Number(value)), rest)),
        1 => fixed(8),
        2 => {
            let (len, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            Some(((number, Field::Bytes(bytes)), rest))
        }
        5 => fixed(4),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_whole_and_stops_there() {
        let message = [0x0a, 2, b'v', b'm', 0x10, 0xb1, 0x20, 0x3a, 99, b'x'];
        let found = fields(&message);
        assert_eq!(found, vec![(1, Field::Bytes(b"vm")), (2, Field::Number(4145))]);
        assert_eq!((bytes(&found, 1), number(&found, 2), number(&found, 9)), (Some(&b"vm"[..]), 4145, 0));
        assert_eq!(fields(&[0xff; 40]), vec![]);
        assert_eq!(fields(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]), vec![]);
    }
}

//! Glob patterns as Redis matches them, so that one unfiltered SCAN pass can serve many patterns.

/// A compiled pattern: `*`, `?`, `[abc]`, `[^a]`, `[a-z]` and `\` as in Redis's KEYS documentation. Works on bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Byte(u8),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

impl Glob {
    /// Compiles a pattern. Every text is one; an unclosed `[` runs to the end, as in Redis.
    pub fn new(source: &str) -> Self {
        let mut parts = Vec::new();
        let mut bytes = source.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let part = match byte {
                b'*' if parts.last() == Some(&Part::Star) => continue,
                b'*' => Part::Star,
                b'?' => Part::Any,
                b'[' => class(&mut bytes),
                b'\\' => Part::Byte(bytes.next().unwrap_or(b'\\')),
                other => Part::Byte(other),
            };
            parts.push(part);
        }
        Self { source: source.to_string(), parts }
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The bytes that every key it matches begins with.
    pub fn literal_prefix(&self) -> Vec<u8> {
        let byte = |part: &Part| if let Part::Byte(b) = part { Some(*b) } else { None };
        self.parts.iter().map_while(byte).collect()
    }

    /// True when the whole key matches. Linear in key times pattern: it only ever goes back to the last star.
    pub fn matches(&self, key: &[u8]) -> bool {
        let (mut p, mut k) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(p), key.get(k)) {
                (Some(Part::Star), _) => {
                    star = Some((p, k));
                    p += 1;
                }
                (Some(part), Some(byte)) if part.fits(*byte) => {
                    p += 1;
                    k += 1;
                }
                (None, None) => return true,
                _ => match star {
                    Some((star_p, star_k)) if star_k < key.len() => {
                        star = Some((star_p, star_k + 1));
                        p = star_p + 1;
                        k = star_k + 1;
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Part {
    fn fits(&self, byte: u8) -> bool {
        match self {
            Self::Byte(b) => *b == byte,
            Self::Any => true,
            Self::Star => false,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)) != *negated
            }
        }
    }
}

fn class(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Part {
    let negated = bytes.next_if_eq(&b'^').is_some();
    let mut ranges = Vec::new();
    while let Some(byte) = bytes.next() {
        let low = match byte {
            b']' => break,
            b'\\' => bytes.next().unwrap_or(b'\\'),
            other => other,
        };
        let high = match bytes.peek() {
            Some(b'-') => {
                bytes.next();
                bytes.next().unwrap_or(b'-')
            }
            _ => low,
        };
        ranges.push((low.min(high), low.max(high)));
    }
    Part::Class { negated, ranges }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_matches_begin_with() {
        for (pattern, expected) in [
            ("lock:*", "lock:"),
            ("*:lock", ""),
            ("bull:*:*:lock", "bull:"),
            ("a\\*b?", "a*b"),
            ("h[ae]llo", "h"),
            ("exact", "exact"),
        ] {
            assert_eq!(Glob::new(pattern).literal_prefix(), expected.as_bytes(), "{pattern}");
        }
    }

    #[test]
    fn matches_as_redis_does() {
        for (pattern, key, expected) in [
            ("lock:*", "lock:a", true),
            ("lock:*", "xlock:a", false),
            ("*:lock", "a:lock", true),
            ("*:lock", "a:locks", false),
            ("*_lock", "_lock", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("[ab", "b", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(key.as_bytes()), expected, "{pattern} on {key}");
        }
    }
}

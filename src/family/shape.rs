//! Shapes of lock values: what a value looks like, and what it says of its holder.
//!
//! Values are hostile: every function here takes any bytes and never panics.

use crate::domain::bytes::escape;

/// A shape of value. Names as in `assets/families/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// 32 lower hex digits that are a version 1 UUID of a plausible time: `{mac}`, `{time}`.
    Uuid1Hex,
    /// 32 lower hex digits with the bits of a version 4 UUID.
    Uuid4Hex,
    /// 32 lower hex digits that are neither.
    Hex32,
    /// 32 lower hex digits of any kind.
    AnyHex32,
    /// 40 lower hex digits.
    Hex40,
    /// A UUID with dashes.
    Uuid,
    /// A UUID, a dash and free text: `{rest}`.
    UuidText,
    /// A UUID, a colon and a number: `{uuid}`, `{number}`.
    UuidNumber,
    /// 24 characters of base64 without padding, capital and small letters among them.
    Base64x24,
    /// 24 characters of base64 that end in `==`.
    Base64x24Padded,
    /// 22 characters of base64url, at least one of them no letter or digit.
    Base64urlX22,
    /// 22 letters and digits.
    Alnum22,
    /// 22 characters of base64url and free text that can't be more of a random token: `{rest}`.
    Base64urlText,
    /// 16 letters and digits, capital and small letters among them.
    Alnum16,
    /// 20 bytes that are no printable text.
    Raw20,
    /// 32 bytes that are no printable text.
    Raw32,
    /// `ADDED:` ISO time `@` host, perhaps a colon and a UUID: `{host}`, `{time}`.
    Shedlock,
    /// host, underscore, pid, underscore, 32 hex: `{host}`, `{pid}`.
    HostPidHex,
    /// host, pipe, pid: `{host}`, `{pid}`.
    HostPipePid,
    /// Seconds since the epoch, perhaps with a fraction: `{time}`.
    UnixTime,
    /// A whole number: `{number}`.
    Integer,
    /// A whole number of at most four digits, as a count of permits is: `{number}`.
    Count,
    /// host, underscore, pid, underscore, 32 hex, `_WRITERWAITING`: `{host}`, `{pid}`.
    HostPidHexWaiting,
    /// 24 lower hex digits.
    Hex24,
    /// 3 to 15 letters, digits, dots, dashes and underscores, at least one of them a letter: a machine's short name.
    MachineName,
}

/// What a value says: name of a placeholder and its text, escaped.
pub type Captures = Vec<(&'static str, String)>;

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 25] = [
        Self::Uuid1Hex,
        Self::Uuid4Hex,
        Self::Hex32,
        Self::AnyHex32,
        Self::Hex40,
        Self::Uuid,
        Self::UuidText,
        Self::UuidNumber,
        Self::Base64x24,
        Self::Base64x24Padded,
        Self::Base64urlX22,
        Self::Alnum22,
        Self::Base64urlText,
        Self::Alnum16,
        Self::Raw20,
        Self::Raw32,
        Self::Shedlock,
        Self::HostPidHex,
        Self::HostPipePid,
        Self::UnixTime,
        Self::Integer,
        Self::Count,
        Self::HostPidHexWaiting,
        Self::Hex24,
        Self::MachineName,
    ];

    /// Its name in `assets/families/` and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uuid1Hex => "uuid1-hex",
            Self::Uuid4Hex => "uuid4-hex",
            Self::Hex32 => "hex32",
            Self::AnyHex32 => "any-hex32",
            Self::Hex40 => "hex40",
            Self::Uuid => "uuid",
            Self::UuidText => "uuid-text",
            Self::UuidNumber => "uuid-number",
            Self::Base64x24 => "base64x24",
            Self::Base64x24Padded => "base64x24-padded",
            Self::Base64urlX22 => "base64url-x22",
            Self::Alnum22 => "alnum22",
            Self::Base64urlText => "base64url-text",
            Self::Alnum16 => "alnum16",
            Self::Raw20 => "raw20",
            Self::Raw32 => "raw32",
            Self::Shedlock => "shedlock",
            Self::HostPidHex => "host-pid-hex",
            Self::HostPipePid => "host-pipe-pid",
            Self::UnixTime => "unix-time",
            Self::Integer => "integer",
            Self::Count => "count",
            Self::HostPidHexWaiting => "host-pid-hex-waiting",
            Self::Hex24 => "hex24",
            Self::MachineName => "machine-name",
        }
    }

    /// `None` when the value has another shape.
    pub fn captures(self, value: &[u8]) -> Option<Captures> {
        let none = |fits: bool| fits.then(Vec::new);
        let text = std::str::from_utf8(value).ok();
        match self {
            Self::Uuid1Hex => uuid1(text?),
            Self::Uuid4Hex => none(is_uuid4_hex(text?) && uuid1(text?).is_none()),
            Self::Hex32 => none(is_hex(text?, 32) && !is_uuid4_hex(text?) && uuid1(text?).is_none()),
            Self::AnyHex32 => none(is_hex(text?, 32)),
            Self::Hex40 => none(is_hex(text?, 40)),
            Self::Uuid => none(is_uuid(text?)),
            Self::UuidText => {
                let (uuid, rest) = text?.split_at_checked(36)?;
                let rest = rest.strip_prefix('-').filter(|r| !r.is_empty() && is_uuid(uuid))?;
                Some(vec![("rest", escape(rest.as_bytes()))])
            }
            Self::UuidNumber => {
                let (uuid, number) = text?.split_at_checked(36)?;
                let number = number.strip_prefix(':').filter(|n| is_uuid(uuid) && is_number(n))?;
                Some(vec![("uuid", uuid.into()), ("number", number.into())])
            }
            Self::Base64x24 => {
                none(value.len() == 24 && value.iter().all(|b| is_base64(*b)) && is_mixed(value))
            }
            Self::Base64x24Padded => {
                let body = text?.strip_suffix("==")?;
                none(body.len() == 22 && body.bytes().all(is_base64))
            }
            Self::Base64urlX22 => {
                none(value.len() == 22 && value.iter().all(|b| is_base64url(*b)) && !alnum(value))
            }
            Self::Alnum22 => none(value.len() == 22 && alnum(value)),
            Self::Base64urlText => {
                let (id, rest) = text?.split_at_checked(22)?;
                let fits = rest.len() > 2
                    && Self::HostPidHex.captures(value).is_none()
                    && id.bytes().all(is_base64url)
                    && id.bytes().any(|b| b.is_ascii_uppercase())
                    && ![is_base64, is_base64url].iter().any(|of| value.iter().all(|b| of(*b) || *b == b'='))
                    && !rest.contains(char::is_control);
                fits.then(|| vec![("rest", escape(rest.as_bytes()))])
            }
            Self::Alnum16 => none(value.len() == 16 && alnum(value) && is_mixed(value)),
            Self::Raw20 => none(value.len() == 20 && is_raw(value)),
            Self::Raw32 => none(value.len() == 32 && is_raw(value)),
            Self::Shedlock => shedlock(text?),
            Self::HostPidHex => {
                let (rest, random) = text?.rsplit_once('_')?;
                let (host, pid) = rest.rsplit_once('_')?;
                (is_hex(random, 32) && is_number(pid) && !host.is_empty()).then(|| host_pid(host, pid))
            }
            Self::HostPipePid => {
                let (host, pid) = text?.rsplit_once('|')?;
                (is_number(pid) && !host.is_empty()).then(|| host_pid(host, pid))
            }
            Self::UnixTime => unix_time(text?),
            Self::Count if value.len() > 4 => None,
            Self::HostPidHexWaiting => {
                Self::HostPidHex.captures(text?.strip_suffix("_WRITERWAITING")?.as_bytes())
            }
            Self::Hex24 => none(is_hex(text?, 24)),
            Self::MachineName => none(
                (3..=15).contains(&value.len())
                    && value.iter().any(u8::is_ascii_alphabetic)
                    && value.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b)),
            ),
            Self::Count | Self::Integer => {
                is_number(text?).then(|| vec![("number", text.unwrap_or_default().to_string())])
            }
        }
    }
}

fn host_pid(host: &str, pid: &str) -> Captures {
    vec![("host", escape(host.as_bytes())), ("pid", pid.into())]
}

fn alnum(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_alphanumeric)
}

/// Capital and small letters, as a random text of this length has them: what has only one kind is hex, base32 or a word.
fn is_mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase)
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'+' || b == b'/'
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

fn is_raw(value: &[u8]) -> bool {
    value.iter().any(|b| !(0x20..0x7f).contains(b))
}

/// A number that fits a u64.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A UUID with dashes, upper or lower case.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_uuid4_hex(text: &str) -> bool {
    let at = |index: usize| text.as_bytes().get(index).copied().unwrap_or_default();
    is_hex(text, 32) && at(12) == b'4' && matches!(at(16), b'8' | b'9' | b'a' | b'b')
}

/// 100 ns steps between 1582-10-15 and 1970-01-01.
const GREGORIAN: u64 = 0x01b2_1dd2_1381_4000;
/// Nobody held a lock of these libraries before 2005, and no clock is right after 2100.
const PLAUSIBLE: std::ops::Range<i64> = 1_104_537_600_000..4_102_444_800_000;

fn uuid1(text: &str) -> Option<Captures> {
    if !is_hex(text, 32) {
        return None;
    }
    let bits = u128::from_str_radix(text, 16).ok()?;
    if (bits >> 76) & 0xf != 1 || (bits >> 62) & 0b11 != 0b10 {
        return None;
    }
    let low = (bits >> 96) as u64;
    let mid = ((bits >> 80) & 0xffff) as u64;
    let high = ((bits >> 64) & 0x0fff) as u64;
    let steps = (high << 48) | (mid << 32) | low;
    let ms = i64::try_from(steps.checked_sub(GREGORIAN)? / 10_000).ok()?;
    let mac: Vec<&str> = (20..32).step_by(2).filter_map(|at| text.get(at..at + 2)).collect();
    Some(vec![("mac", mac.join(":")), ("time", time_of(ms)?)])
}

fn time_of(ms: i64) -> Option<String> {
    if !PLAUSIBLE.contains(&ms) {
        return None;
    }
    let time = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn unix_time(text: &str) -> Option<Captures> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let time = time_of(seconds.parse::<i64>().ok()?.checked_mul(1000)?)?;
    Some(vec![("time", time)])
}

fn shedlock(text: &str) -> Option<Captures> {
    let (time, rest) = text.strip_prefix("ADDED:")?.split_once('@')?;
    let time: jiff::Timestamp = time.parse().ok()?;
    let host = match rest.rsplit_once(':') {
        Some((host, uuid)) if is_uuid(uuid) => host,
        _ => rest,
    };
    let time = time_of(time.as_millisecond())?;
    (!host.is_empty()).then(|| vec![("host", escape(host.as_bytes())), ("time", time)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_1_token_tells_host_and_time() {
        let captures = Shape::Uuid1Hex.captures(b"46ce1d6ae73311f190bc02fc00000001").expect("a uuid1");
        assert_eq!(captures[0], ("mac", "02:fc:00:00:00:01".into()));
        assert!(captures[1].1.starts_with("2026-11-23 11:4"), "{captures:?}");
        // Version 4, another variant, a time before the first computer.
        for other in [
            "3dcb04b82e1542088244348d3fb4fa6c",
            "46ce1d6ae73311f1c0bc02fc00000001",
            "000000000000100080bc02fc00000001",
            "46CE1D6AE73311F190BC02FC00000001",
        ] {
            assert_eq!(Shape::Uuid1Hex.captures(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn hosts_are_found_and_shown_harmless() {
        let shed = Shape::Shedlock.captures(b"ADDED:2026-11-23T11:47:51.975Z@a\x1bpp").expect("shedlock");
        assert_eq!(shed[0].1, "a\\x1bpp");
        let madelson = Shape::HostPidHex.captures(b"APP_1_4312_71a2786b16fa48b9a718006e679dbd33");
        assert_eq!(madelson, Some(host_pid("APP_1", "4312")));
        assert_eq!(Shape::HostPipePid.captures(b"web|12"), Some(host_pid("web", "12")));
        assert_eq!(Shape::HostPipePid.captures(b"|12"), None);
    }
}

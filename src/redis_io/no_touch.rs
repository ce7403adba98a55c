//! Whether `CLIENT NO-TOUCH` may be asked of a server. Some versions die of it.
//!
//! Where the fault is in, a look-up of a key outside a command's own run, made on behalf of a client in this mode, reads
//! through a null pointer and ends the server: a read of a key whose cluster slot is on its way elsewhere, or a push to
//! a list that somebody waits for. It came with redis/redis#13512 (8.0) and valkey-io/valkey#1499 (8.1) and went with
//! redis/redis#14415 (8.4) and valkey-io/valkey#2347 (9.0). Patch releases of the years between may have it mended; we
//! do without the mode there all the same, as all that it gives is idle times that our reads leave alone.

use crate::domain::Reply;

/// Whether the server that answered HELLO with this is known to bear the mode. Not without a version that we can read.
pub(super) fn is_safe(hello: &Reply) -> bool {
    let Some((server, version)) = told(hello) else { return false };
    let Some(version) = numbers(&version) else { return false };
    match server.as_str() {
        // 7.2.4 is also what a Valkey says of itself where `extended-redis-compatibility` is on.
        "redis" => ((7, 2, 0)..(8, 0, 0)).contains(&version) && version != (7, 2, 4) || version >= (8, 4, 0),
        "valkey" => !((8, 0, 0)..(9, 0, 0)).contains(&version),
        _ => false,
    }
}

/// The fields `server` and `version`.
fn told(hello: &Reply) -> Option<(String, String)> {
    let Reply::Map(pairs) = hello else { return None };
    let field = |name: &str| {
        let (_, value) =
            pairs.iter().find(|(key, _)| key.as_bytes().is_some_and(|k| k.as_utf8() == Some(name)))?;
        Some(value.as_bytes()?.as_utf8()?.to_string())
    };
    Some((field("server")?, field("version")?))
}

fn numbers(version: &str) -> Option<(u16, u16, u16)> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(server: &str, version: &str) -> Reply {
        let text = |t: &str| Reply::Bulk(t.into());
        Reply::Map(vec![
            (text("server"), text(server)),
            (text("version"), text(version)),
            (text("id"), Reply::Int(1)),
        ])
    }

    #[test]
    fn only_versions_known_to_bear_it() {
        for (server, version, safe) in [
            ("redis", "7.0.15", false),
            ("redis", "7.2.5", true),
            ("redis", "7.2.4", false),
            ("redis", "7.4.1", true),
            ("redis", "8.0.0", false),
            ("redis", "8.2.3", false),
            ("redis", "8.3.224", false),
            ("redis", "8.4.0", true),
            ("redis", "255.255.255", true),
            ("valkey", "7.2.8", true),
            ("valkey", "8.1.1", false),
            ("valkey", "9.1.2", true),
            ("dragonfly", "1.0.0", false),
            ("redis", "rubbish", false),
            ("redis", "8", false),
        ] {
            assert_eq!(is_safe(&hello(server, version)), safe, "{server} {version}");
        }
    }

    #[test]
    fn without_an_answer_it_is_not_asked() {
        assert!(!is_safe(&Reply::Nil));
        assert!(!is_safe(&Reply::Map(Vec::new())));
    }
}

//! Redis URLs as redis-cli and redis-rs know them. No error repeats the URL: it may hold a password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::problem::Complaint;
use super::{Address, Endpoint, Secret, Tls};

const REMEDY: &str = "Write redis://[user[:password]@]host[:port][/db], rediss://... or redis+unix:///path; \
                      percent-encode special characters of user and password (@ is %40, / is %2F, # is %23).";

/// Reads a URL. `default_port` is 6379, for a Sentinel 26379.
pub(super) fn parse(text: &str, default_port: u16) -> Result<Endpoint, Complaint> {
    let text = text.trim();
    let bad = |what: &str| (what.to_string(), REMEDY.to_string());
    if !text.contains("://") {
        return Err(bad("this is not a URL: it has no scheme"));
    }
    // The library's errors are fixed sentences.
    let url = url::Url::parse(text).map_err(|e| bad(&format!("the URL cannot be read ({e})")))?;
    match url.scheme() {
        "redis" | "valkey" => tcp(&url, default_port, false).map_err(|e| bad(&e)),
        "rediss" | "valkeys" => tcp(&url, default_port, true).map_err(|e| bad(&e)),
        "unix" | "redis+unix" | "valkey+unix" => unix(&url).map_err(|e| bad(&e)),
        _ => Err(bad("the URL's scheme is none of redis, rediss, redis+unix, unix")),
    }
}

fn tcp(url: &url::Url, default_port: u16, tls: bool) -> Result<Endpoint, String> {
    let host = match url.host() {
        Some(url::Host::Ipv6(v6)) => v6.to_string(),
        Some(url::Host::Ipv4(v4)) => v4.to_string(),
        Some(url::Host::Domain(name)) if !name.is_empty() => decoded(name, "host")?,
        _ => return Err("the URL names no host".into()),
    };
    if host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the URL's host holds blanks or control characters".into());
    }
    let port = url.port().unwrap_or(default_port);
    if port == 0 {
        return Err("port 0 cannot be connected to".into());
    }
    let mut db = database(url.path().trim_matches('/'))?;
    for (name, value) in url.query_pairs() {
        match &*name {
            "db" if db == 0 => db = database(&value)?,
            // We choose the protocol ourselves; redis-rs knows this parameter.
            "protocol" => {}
            _ => return Err("the URL has a parameter that is not known (db, protocol)".into()),
        }
    }
    let tls = match (tls, url.fragment()) {
        (false, None) => None,
        (true, None) => Some(Tls::default()),
        (true, Some("insecure")) => Some(Tls { insecure: true, ..Tls::default() }),
        _ => return Err("the URL has a part after #".into()),
    };
    Ok(Endpoint {
        address: Address::Tcp { host, port },
        tls,
        username: some(decoded(url.username(), "user")?),
        password: some(decoded(url.password().unwrap_or_default(), "password")?).map(Secret::new),
        db,
    })
}

fn unix(url: &url::Url) -> Result<Endpoint, String> {
    if url.host_str().is_some_and(|h| !h.is_empty()) {
        return Err("the URL of a unix socket has three slashes before its path".into());
    }
    let path = decoded(url.path(), "path")?;
    if path.trim_matches('/').is_empty() {
        return Err("the URL names no socket".into());
    }
    let (mut username, mut password, mut db) = (None, None, 0);
    for (name, value) in url.query_pairs() {
        match &*name {
            "db" => db = database(&value)?,
            "user" => username = some(value.into_owned()),
            "pass" => password = some(value.into_owned()).map(Secret::new),
            "protocol" => {}
            _ => return Err("the URL has a parameter that is not known (db, user, pass, protocol)".into()),
        }
    }
    if url.fragment().is_some() {
        return Err("the URL has a part after #".into());
    }
    Ok(Endpoint { address: Address::Unix(PathBuf::from(path)), tls: None, username, password, db })
}

fn database(text: &str) -> Result<u32, String> {
    match text {
        "" => Ok(0),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map_err(|_overflow| "the database number is too large".to_string())
        }
        _ => Err("the URL's database is not a number".into()),
    }
}

fn decoded(text: &str, what: &str) -> Result<String, String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(format!("the URL's {what} is not UTF-8 once its %.. are decoded")),
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The text with whatever may be a password in a URL replaced by `***`; also for text that is no valid URL.
pub fn masked_url(text: &str) -> String {
    let Some(start) = text.find("://").map(|i| i + 3) else {
        return text.to_string();
    };
    let (head, rest) = text.split_at(start);
    let rest = match rest.rsplit_once('@') {
        Some((info, host)) => {
            let user = info.split_once(':').map_or("", |(user, _)| user);
            // Without a colon all of it may be a password written in the wrong place.
            format!("{user}{}@{host}", if user.is_empty() && !info.contains(':') { "***" } else { ":***" })
        }
        None => rest.to_string(),
    };
    match rest.split_once("pass=") {
        Some((before, after)) => {
            let tail = after.find('&').map_or("", |i| &after[i..]);
            format!("{head}{before}pass=***{tail}")
        }
        None => format!("{head}{rest}"),
    }
}

/// A node's address as a URL without its secrets, for showing.
pub(super) fn shown(endpoint: &Endpoint) -> String {
    let user = endpoint.username.as_deref().map(crate::domain::bytes::escape_text);
    match &endpoint.address {
        Address::Tcp { .. } => {
            let scheme = if endpoint.tls.is_some() { "rediss" } else { "redis" };
            let db = if endpoint.db == 0 { String::new() } else { format!("/{}", endpoint.db) };
            let user = user.map(|u| format!("{u}@")).unwrap_or_default();
            format!("{scheme}://{user}{}{db}", endpoint.address)
        }
        Address::Unix(path) => {
            let path = crate::domain::bytes::escape_text(&path.to_string_lossy());
            let db = if endpoint.db == 0 { String::new() } else { format!("?db={}", endpoint.db) };
            format!("redis+unix://{path}{db}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        match parse(text, 6379) {
            Ok(e) => format!(
                "{} db={} user={} pass={} tls={}",
                e.address,
                e.db,
                e.username.as_deref().unwrap_or("-"),
                e.password.as_ref().map_or("-", Secret::expose),
                e.tls.map_or("-", |t| if t.insecure { "insecure" } else { "yes" }),
            ),
            Err((what, _)) => format!("error: {what}"),
        }
    }

    #[test]
    fn urls_as_redis_cli_and_redis_rs_know_them() {
        for (text, expected) in [
            ("redis://h", "h:6379 db=0 user=- pass=- tls=-"),
            ("redis://127.0.0.1:7000/3", "127.0.0.1:7000 db=3 user=- pass=- tls=-"),
            ("redis://h/", "h:6379 db=0 user=- pass=- tls=-"),
            ("redis://h/2/", "h:6379 db=2 user=- pass=- tls=-"),
            ("redis://:pw@h", "h:6379 db=0 user=- pass=pw tls=-"),
            ("redis://alice:p%40w%2F%23@h:1/1", "h:1 db=1 user=alice pass=p@w/# tls=-"),
            ("redis://alice@h", "h:6379 db=0 user=alice pass=- tls=-"),
            ("redis://alice:@h", "h:6379 db=0 user=alice pass=- tls=-"),
            ("rediss://h", "h:6379 db=0 user=- pass=- tls=yes"),
            ("rediss://h/#insecure", "h:6379 db=0 user=- pass=- tls=insecure"),
            ("redis://[::1]:6380/1", "[::1]:6380 db=1 user=- pass=- tls=-"),
            ("redis://h?db=4", "h:6379 db=4 user=- pass=- tls=-"),
            ("redis://h?protocol=resp3", "h:6379 db=0 user=- pass=- tls=-"),
            ("valkeys://h", "h:6379 db=0 user=- pass=- tls=yes"),
            ("redis+unix:///run/r.sock", "/run/r.sock db=0 user=- pass=- tls=-"),
            ("unix:///run/r.sock?db=3&user=bob&pass=s%26t", "/run/r.sock db=3 user=bob pass=s&t tls=-"),
            ("unix:///run/a%20b.sock", "/run/a b.sock db=0 user=- pass=- tls=-"),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn bad_urls_are_told_without_their_password() {
        for text in [
            "h:6379",
            "http://:hunter2@h",
            "redis://",
            "redis://:hunter2@",
            "redis://:hunter2@h:99999",
            "redis://:hunter2@h:0",
            "redis://:hunter2@h/abc",
            "redis://:hunter2@h/99999999999",
            "redis://:hun/ter2@h",
            "redis://:hunter2#x@h",
            "redis://:hunter2@h#x",
            "redis://:hunter2@h?x=1",
            "redis://:hunter2@[::1",
            "redis://:%ff@h",
            "redis://:hunter2@h%20x",
            "unix://h/run/x?pass=hunter2",
            "unix:///?pass=hunter2",
        ] {
            let (what, remedy) = parse(text, 6379).unwrap_err();
            assert!(!what.contains("hunter2") && !what.contains("ter2"), "{what}");
            assert!(remedy.contains("redis://"), "{remedy}");
        }
    }

    #[test]
    fn masks() {
        for (text, expected) in [
            ("redis://:pw@h", "redis://:***@h"),
            ("redis://a:pw@h/1", "redis://a:***@h/1"),
            ("redis://pw@h", "redis://***@h"),
            ("--url=redis://a:p@w@h", "--url=redis://a:***@h"),
            ("unix:///x?pass=pw&db=1", "unix:///x?pass=***&db=1"),
            ("redis://h", "redis://h"),
            ("plain", "plain"),
        ] {
            assert_eq!(masked_url(text), expected);
        }
    }
}

//! What `y` and `Y` put on the clipboard: always escaped, never a secret.

use super::selection;
use super::state::{AppState, RowId};
use crate::domain::lock::Token;
use crate::domain::{Bytes, Lock, NodeId};

/// The value of a row with what it is: a lock's token (its key where there is none), a node's address, a queue's key.
pub fn value(state: &AppState, row: &RowId) -> Option<(String, &'static str)> {
    match row {
        RowId::Node(id) => Some((selection::node(state, id)?.snapshot.meta.address.clone(), "address")),
        RowId::Lock(id) => Some(lock_value(selection::lock(state, id)?)),
        RowId::Queue(id) => Some((id.key.escaped(), "key")),
    }
}

fn lock_value(lock: &Lock) -> (String, &'static str) {
    match &lock.token {
        Token::Known(token) => (token.escaped(), "token"),
        Token::Long { head, .. } => (head.escaped(), "first part of the token"),
        Token::Unknown(_) => (lock.id.key.escaped(), "key (the token is not known)"),
    }
}

/// A redis-cli command that shows the row, safe to paste into a shell.
pub fn command(state: &AppState, row: &RowId) -> Option<String> {
    let (node, db, words): (&NodeId, u32, Vec<Bytes>) = match row {
        RowId::Node(id) => (id, selection::node(state, id)?.snapshot.meta.db, vec!["PING".into()]),
        RowId::Lock(id) => (&id.node, id.db, vec!["GET".into(), id.key.clone()]),
        RowId::Queue(id) => (&id.node, id.db, vec!["LLEN".into(), id.key.clone()]),
    };
    let mut out = String::from("redis-cli");
    out.push_str(&place(&selection::node(state, node)?.snapshot.meta.address));
    out.push_str(&format_args!(" -n {db}").to_string());
    for word in words {
        out.push(' ');
        out.push_str(&shell_quoted(word.as_slice()));
    }
    Some(out)
}

fn place(address: &str) -> String {
    match address.rsplit_once(':') {
        Some((host, port)) if !address.starts_with('/') => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            format!(" -h {} -p {}", shell_quoted(host.as_bytes()), shell_quoted(port.as_bytes()))
        }
        _ => format!(" -s {}", shell_quoted(address.as_bytes())),
    }
}

/// A word that bash and zsh read back as exactly these bytes: bare where harmless, else `$'...'` with `\xNN`.
pub fn shell_quoted(bytes: &[u8]) -> String {
    let bare = |b: &u8| b.is_ascii_alphanumeric() || b"-_:./@+,%".contains(b);
    if !bytes.is_empty() && bytes.iter().all(bare) {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    let mut out = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            other => out.push_str(&format_args!("\\x{other:02x}").to_string()),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_the_exact_bytes() {
        for (raw, shown) in [
            (&b"lock:a"[..], "lock:a"),
            (b"", "$''"),
            (b"a b", "$'a b'"),
            (b"$(id)`x`;*", "$'$(id)`x`;*'"),
            (b"it's\\\x1b\xff", "$'it\\'s\\\\\\x1b\\xff'"),
        ] {
            assert_eq!(shell_quoted(raw), shown);
        }
    }
}

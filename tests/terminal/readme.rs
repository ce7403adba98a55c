//! The README says what the program does: its tables are compared with the program's own lists.

use redwarden::app::command::{COMMANDS, Danger};
use redwarden::domain::node::Reason;

const README: &str = include_str!("../../README.md");

/// The table as it must stand in the README.
fn key_table() -> String {
    let mut table = String::from("| Keys | Name after `:` | What it does | Where |\n|---|---|---|---|\n");
    for entry in COMMANDS {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
        let places: Vec<&str> = entry.panels.iter().map(|panel| panel.name()).collect();
        let places = if places.is_empty() { "everywhere".into() } else { places.join(", ") };
        let writes = if entry.danger == Danger::Writes { " (writes)" } else { "" };
        let line = format!("| {} | {} | {}{writes} | {places} |\n", keys.join(" "), entry.name, entry.help);
        table.push_str(&line);
    }
    table
}

#[test]
fn the_key_table_equals_the_registry() {
    let table = key_table();
    let start = README.find("<!-- keys:").unwrap();
    let start = start + README[start..].find("-->\n").unwrap() + 4;
    let end = README.find("<!-- end of keys -->").unwrap();
    assert_eq!(README[start..end].trim(), table.trim(), "put this table into the README:\n{table}");
}

#[test]
fn every_reason_is_listed() {
    // An exhaustive match, so that a new reason is not forgotten.
    let next = |reason: Reason| match reason {
        Reason::Refused => Some(Reason::Timeout),
        Reason::Timeout => Some(Reason::Dns),
        Reason::Dns => Some(Reason::Unreachable),
        Reason::Unreachable => Some(Reason::Reset),
        Reason::Reset => Some(Reason::Tls),
        Reason::Tls => Some(Reason::Noauth),
        Reason::Noauth => Some(Reason::Wrongpass),
        Reason::Wrongpass => Some(Reason::Noperm),
        Reason::Noperm => Some(Reason::Loading),
        Reason::Loading => Some(Reason::Masterdown),
        Reason::Masterdown => Some(Reason::MaxClients),
        Reason::MaxClients => Some(Reason::ProtectedMode),
        Reason::ProtectedMode => Some(Reason::Busy),
        Reason::Busy => Some(Reason::NotRedis),
        Reason::NotRedis => Some(Reason::Other),
        Reason::Other => Some(Reason::Connecting),
        Reason::Connecting => None,
    };
    for reason in std::iter::successors(Some(Reason::Refused), |r| next(*r)) {
        assert!(README.contains(&format!("`{}`", reason.code())), "{} is missing", reason.code());
    }
}

//! The invariants of the crate doc that can be read off the sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Code lines (no comments) of all sources, with the module path `app/update` and so on.
fn lines() -> Vec<(String, usize, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut out = Vec::new();
    for file in files {
        let module =
            file.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
        for (at, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                out.push((module.clone(), at + 1, line.to_string()));
            }
        }
    }
    out
}

fn only_in(what: &str, needle: &str, allowed: &[&str]) {
    let bad: Vec<String> = lines()
        .into_iter()
        .filter(|(module, _, line)| {
            line.contains(needle)
                && !allowed.iter().any(|a| module == a || module.starts_with(&format!("{a}/")))
        })
        .map(|(module, at, line)| format!("src/{module}.rs:{at}: {}", line.trim()))
        .collect();
    assert!(bad.is_empty(), "{what}:\n{}", bad.join("\n"));
}

fn never_in(what: &str, needles: &[&str], modules: &[&str]) {
    let bad: Vec<String> = lines()
        .into_iter()
        .filter(|(module, _, line)| {
            modules.iter().any(|m| module == m || module.starts_with(&format!("{m}/")))
                && needles.iter().any(|n| line.contains(n))
        })
        .map(|(module, at, line)| format!("src/{module}.rs:{at}: {}", line.trim()))
        .collect();
    assert!(bad.is_empty(), "{what}:\n{}", bad.join("\n"));
}

#[test]
fn only_redis_io_knows_the_redis_crate() {
    only_in("the redis crate outside redis_io", "redis::", &["redis_io"]);
    only_in("the redis crate outside redis_io", "use redis", &["redis_io"]);
}

#[test]
fn only_ui_and_terminal_know_ratatui_and_crossterm() {
    only_in("ratatui outside ui and terminal", "ratatui", &["ui", "terminal"]);
    only_in("crossterm outside terminal", "crossterm", &["terminal"]);
}

#[test]
fn pure_modules_stay_pure() {
    never_in(
        "I/O or a clock in a pure module",
        &[
            "tokio",
            "async fn",
            ".await",
            "Instant::now",
            "SystemTime::now",
            "Stamp::now",
            "std::fs",
            "std::net",
        ],
        &["app", "ui", "family", "report"],
    );
    never_in("I/O in the domain", &["tokio", "async fn", ".await", "std::fs", "std::net"], &["domain"]);
}

#[test]
fn no_command_that_disturbs() {
    for command in ["\"KEYS\"", "\"MONITOR\"", "\"FLUSHALL\"", "\"FLUSHDB\""] {
        never_in(
            "a forbidden command",
            &[command],
            &["redis_io", "poll", "family", "act", "worker", "lock_run"],
        );
    }
}

#[test]
fn top_level_is_what_was_agreed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let allowed = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "assets", "src", "target", "tests"];
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().to_string();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} at the top level");
    }
}

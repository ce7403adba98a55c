//! The flow it counts for: a lock that never expires, released by two keystrokes and a confirm, and back with `u`.

use crate::pty::Terminal;
use crate::{Stage, TOKEN, is_selected};

/// The dashboard with the stuck lock selected.
fn at_the_stuck_lock(stage: &Stage) -> Terminal {
    let mut terminal = stage.dashboard(&[]);
    terminal.wait_for("never expire");
    terminal.send("2:sort key\rg");
    terminal.wait_until("the stuck lock selected", |s| is_selected(s, "lock:00-stuck"));
    terminal
}

#[test]
fn a_lock_that_never_expires_is_released_and_comes_back() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    terminal.send("R");
    terminal.wait_for("Cancel");
    // The confirm counts once the plan stands there.
    terminal.wait_for("confirm");
    terminal.send("y");
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(0));
    terminal.wait_for("u puts it back");
    terminal.send("u");
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(1));
    assert_eq!(stage.run("PTTL lock:00-stuck").as_int(), Some(-1));
    assert_eq!(stage.run("GET lock:00-stuck").as_bytes().unwrap(), TOKEN.into());
    terminal.wait_until("it is listed again", |s| s.contents().lines().any(|l| l.contains("lock:00-stuck")));

    let audit = std::fs::read_to_string(terminal.home().join("state/redwarden/audit.jsonl")).unwrap();
    // Before and after, for the release and for the undo.
    assert_eq!(audit.lines().count(), 4, "{audit}");
    terminal.send("q");
    assert!(terminal.wait_exit().success());
}

#[test]
fn cancel_is_the_default() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    for key in ["\r", "\x1b", "n"] {
        terminal.send("R");
        terminal.wait_for("Cancel");
        terminal.wait_for("confirm");
        terminal.send(key);
        terminal.wait_gone("Cancel");
    }
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
    terminal.send("R");
    terminal.wait_for("confirm");
    terminal.send("\t\r");
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(0));
}

#[test]
fn keys_typed_ahead_and_pasted_text_never_confirm() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    // Both keys in one read: the second was typed before there was anything to read.
    terminal.send("Ry");
    terminal.wait_for("Cancel");
    terminal.wait_for("confirm");
    terminal.send("\x1b[200~y\r\t\r\x1b[201~");
    // An ordinary key after it, so that the paste was surely taken in.
    terminal.send("\x1b");
    terminal.wait_gone("Cancel");
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
}

#[test]
fn a_lock_that_changed_hands_is_left_alone() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    terminal.send("R");
    terminal.wait_for("confirm");
    stage.run("SET lock:00-stuck another:5f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa");
    terminal.send("y");
    terminal.wait_for("another token holds it now");
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
}

//! The flow it counts for: a lock that never expires, released by two keystrokes and a confirm, and back with `u`.

use std::time::{Duration, Instant};

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

/// `y`, once the plan stands there.
fn confirm(terminal: &mut Terminal) {
    terminal.wait_for("y confirm");
    terminal.insist("y", "confirmed", |s| !s.contents().contains("y confirm"));
}

#[test]
fn a_lock_that_never_expires_is_released_and_comes_back() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    terminal.send("R");
    confirm(&mut terminal);
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(0));
    terminal.wait_for("u puts it back");
    terminal.send("u");
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(1));
    assert_eq!(stage.run("PTTL lock:00-stuck").as_int(), Some(-1));
    assert_eq!(stage.run("GET lock:00-stuck").as_bytes().unwrap(), TOKEN.into());
    terminal.wait_until("it is listed again", |s| s.contents().lines().any(|l| l.contains("lock:00-stuck")));

    // Before and after, for the release and for the undo.
    let audit = terminal.home().join("state/redwarden/audit.jsonl");
    let lines = || std::fs::read_to_string(&audit).unwrap().lines().count();
    let deadline = Instant::now() + Duration::from_secs(30);
    while lines() < 4 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(lines(), 4);
    // The file comes first: until the outcome is on the screen the action runs, and q asks.
    terminal.wait_for("put back lock:00-stuck");
    terminal.send("q");
    assert!(terminal.wait_exit().success());
}

#[test]
fn cancel_is_the_default() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    for key in ["\r", "\x1b", "n"] {
        terminal.send("R");
        terminal.wait_for("[ Cancel ]");
        terminal.wait_for("y confirm");
        terminal.insist(key, "cancelled", |s| !s.contents().contains("[ Cancel ]"));
    }
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
    terminal.send("R");
    terminal.wait_for("y confirm");
    terminal.insist("\t", "the focus on the other button", |s| s.contents().contains("[ Release"));
    terminal.send("\r");
    stage.wait_for("EXISTS lock:00-stuck", |reply| reply.as_int() == Some(0));
}

#[test]
fn keys_typed_ahead_and_pasted_text_never_confirm() {
    let mut stage = Stage::new();
    let mut terminal = at_the_stuck_lock(&stage);
    // Both keys in one read: the second was typed before there was anything to read.
    terminal.send("Ry");
    terminal.wait_for("[ Cancel ]");
    terminal.wait_for("y confirm");
    // Armed: a key that only moves the focus counts by now, and moves it back.
    terminal.insist("\t", "the focus on the other button", |s| s.contents().contains("[ Release"));
    terminal.send("\t");
    terminal.wait_for("[ Cancel ]");
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
    terminal.wait_for("y confirm");
    stage.run("SET lock:00-stuck another:5f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa");
    confirm(&mut terminal);
    terminal.wait_for("another token holds it now");
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
}

#[test]
fn a_test_task_is_enqueued_and_the_worker_does_it() {
    let mut stage = Stage::new();
    stage.run("DEL queue:a queue:b");
    stage.run("LPUSH queue:a real-1 real-2");
    let mut terminal = Terminal::redwarden(&[&stage.server.url()]);
    terminal.wait_for("queue:a");
    terminal.send("3g");
    terminal.wait_until("the queue selected", |s| is_selected(s, "queue:a"));
    terminal.send("t");
    terminal.wait_for("Enqueue a test task");
    terminal.send("\r");
    confirm(&mut terminal);
    stage.wait_for("LLEN queue:a", |reply| reply.as_int() == Some(3));
    terminal.wait_gone("Enqueue a test task");
    // Without exec the worker takes that one and leaves the real tasks alone.
    terminal.send("w");
    terminal.wait_for("y start");
    terminal.insist("y", "the worker pane", |s| s.contents().contains("4 Worker"));
    stage.wait_for("LLEN queue:a", |reply| reply.as_int() == Some(2));
    terminal.wait_for("done 1 ");
    // It runs: q asks first.
    terminal.send("q");
    terminal.wait_for("y quit");
    terminal.send("y");
    assert!(terminal.wait_exit().success());
    terminal.assert_restored();
    stage.wait_for("LRANGE queue:a 0 -1", |reply| reply.as_array().is_some_and(|items| items.len() == 2));
}

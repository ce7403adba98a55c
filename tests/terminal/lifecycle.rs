//! Start, sizes, suspend and every end: the terminal is always given back as it was.

use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use redwarden::launcher::{Server, free_port};
use rustix::process::Signal;

use crate::Stage;
use crate::pty::{Terminal, command};

#[test]
fn draws_at_once_and_goes_full_screen() {
    let stage = Stage::new();
    let terminal = stage.dashboard(&[]);
    terminal.wait_until("full screen", |s| s.alternate_screen() && s.hide_cursor() && s.bracketed_paste());
    for text in ["1 Nodes", "2 Locks", "3 Queues"] {
        terminal.wait_for(text);
    }
    assert!(!terminal.local_modes().contains("ICANON"), "{}", terminal.local_modes());
}

#[test]
fn survives_every_size() {
    let stage = Stage::new();
    let mut terminal = stage.dashboard(&[]);
    for (cols, rows) in [(80, 24), (200, 60), (40, 10), (1, 1), (300, 3)] {
        terminal.resize(cols, rows);
        terminal.send("jk");
    }
    terminal.resize(20, 5);
    // Too small: it says the size it needs.
    terminal.wait_until("the size it needs", |s| {
        s.contents()
            .split(|c: char| !c.is_ascii_digit() && c != 'x' && c != '×')
            .any(|word| word.split(['x', '×']).filter(|n| n.parse::<u16>().is_ok()).count() == 2)
    });
    terminal.resize(80, 24);
    for text in ["1 Nodes", "2 Locks", "3 Queues", "1/1 up", "never expire", "queue:a"] {
        terminal.wait_for(text);
    }
    assert!(terminal.is_running());
}

#[test]
fn q_and_ctrl_c_leave_with_0() {
    for key in ["q", "\x03"] {
        let stage = Stage::new();
        let mut terminal = stage.dashboard(&[]);
        terminal.send(key);
        assert!(terminal.wait_exit().success(), "{key:?}");
        terminal.assert_restored();
    }
}

#[test]
fn signals_restore_the_terminal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let stage = Stage::new();
        let mut terminal = stage.dashboard(&[]);
        terminal.signal(signal);
        terminal.wait_exit();
        terminal.assert_restored();
    }
}

/// The dashboard as a job of a shell, as people start it.
fn in_a_shell(stage: &Stage) -> Terminal {
    let home = tempfile::tempdir().unwrap();
    let mut shell = command("bash", &home);
    // Its line editor would switch terminal modes of its own.
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]);
    shell.env("PS1", "prompt> ");
    let mut terminal = Terminal::run(shell, home);
    terminal.wait_for("prompt>");
    terminal.send(format!("{} {}\n", env!("CARGO_BIN_EXE_redwarden"), stage.server.url()));
    terminal.wait_for("lock:00-stuck");
    terminal
}

/// Waits until no process of that id runs; one that nobody has waited for yet counts as ended.
fn wait_ended(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let output = Process::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
        let state = String::from_utf8_lossy(&output.stdout).trim().to_string();
        if state.is_empty() || state.starts_with('Z') {
            return;
        }
        assert!(Instant::now() < deadline, "process {pid} still runs: {state}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Process id of the dashboard, from the names of its connections: `redwarden:HOST:PID:poll`.
fn dashboard_pid(stage: &mut Stage) -> String {
    let clients = stage.run("CLIENT LIST").as_bytes().unwrap().escaped();
    let name = clients.split("name=redwarden:").find(|rest| rest.contains(":poll")).unwrap();
    name.split(':').nth(1).unwrap().to_string()
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    for suspended in [false, true] {
        let mut stage = Stage::new();
        let mut terminal = in_a_shell(&stage);
        let pid = dashboard_pid(&mut stage);
        if suspended {
            terminal.send("\x1a");
            terminal.wait_for("Stopped");
        }
        // The shell leads the session: with it the terminal goes, and reading it gives nothing for ever.
        terminal.signal(Signal::KILL);
        wait_ended(&pid);
    }
}

#[test]
fn suspend_gives_the_terminal_back_and_fg_takes_it_again() {
    let stage = Stage::new();
    let mut terminal = in_a_shell(&stage);
    terminal.send("\x1a");
    terminal.wait_until("the shell again", |s| !s.alternate_screen() && s.contents().contains("Stopped"));
    terminal.assert_restored();
    terminal.send("echo be''tween\n");
    terminal.wait_for("between");
    terminal.send("fg\n");
    terminal.wait_until("the dashboard again", |s| {
        s.alternate_screen() && s.contents().contains("lock:00-stuck")
    });
    terminal.send("q");
    terminal.wait_until("the shell at last", |s| !s.alternate_screen());
    terminal.assert_restored();
    terminal.send("echo status=$?\n");
    terminal.wait_for("status=0");
}

#[test]
fn suspend_closes_the_connections_for_pushes() {
    let mut stage = Stage::new();
    let mut terminal = in_a_shell(&stage);
    let pushes =
        |reply: &redwarden::domain::Reply| reply.as_bytes().unwrap().escaped().matches(":push ").count();
    stage.wait_for("CLIENT LIST", |reply| pushes(reply) == 1);
    terminal.send("\x1a");
    terminal.wait_for("Stopped");
    // A process that is stopped closes nothing any more: it was closed before.
    stage.wait_for("CLIENT LIST", |reply| pushes(reply) == 0);
    stage.run("SET lock:00-new 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 900000");
    terminal.send("fg\n");
    terminal
        .wait_until("the dashboard again", |s| s.alternate_screen() && s.contents().contains("lock:00-new"));
    stage.wait_for("CLIENT LIST", |reply| pushes(reply) == 1);
    terminal.send("q");
    terminal.wait_until("the shell at last", |s| !s.alternate_screen());
}

#[test]
fn one_dead_and_one_frozen_node_hold_nothing_up() {
    let stage = Stage::new();
    let frozen = Server::start(&[]).unwrap();
    frozen.freeze();
    let dead = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let mut terminal = Terminal::redwarden(&[&dead, &frozen.url(), &stage.server.url()]);
    terminal.wait_for("1/3 up");
    terminal.wait_for("lock:00-stuck");
    terminal.wait_for("down");
    terminal.wait_for("refused");
    terminal.send("?");
    terminal.wait_for("force-release the lock");
    terminal.send("\x1b");
    terminal.wait_gone("force-release the lock");
    frozen.thaw();
    terminal.wait_for("2/3 up");
    terminal.send("q");
    assert!(terminal.wait_exit().success());
}

#[test]
fn hostile_keys_and_tokens_are_shown_and_not_obeyed() {
    let mut stage = Stage::new();
    let evil = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u{202e}";
    let set = redwarden::domain::Command::new("SET").arg(format!("lock:00-{evil}")).arg(evil);
    stage.runtime.block_on(stage.writer.call(&set)).unwrap();
    let terminal = stage.dashboard(&[]);
    terminal.wait_for("]0;owned");
    terminal.wait_until("nothing obeyed", |s| {
        s.contents().contains("1 Nodes") && !s.contents().contains('\u{202e}')
    });
    assert!(!terminal.has_sent("\x1b]0;owned"));
    assert!(!terminal.has_sent("\x1b[31mred"));
}

#[test]
fn without_a_terminal_it_points_to_the_headless_commands() {
    let stage = Stage::new();
    let output = Process::new(env!("CARGO_BIN_EXE_redwarden"))
        .arg(stage.server.url())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "stdout is for data");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("terminal") && text.contains("snapshot"), "{text}");
}

//! Every binding of the registry, pressed in a real terminal, with an effect that can be seen.

use std::collections::BTreeSet;

use redwarden::app::command::COMMANDS;
use redwarden::app::key::{Key, KeyCode};

use crate::pty::Terminal;
use crate::{Stage, is_selected};

/// Presses keys of the registry and remembers which.
struct Hands {
    terminal: Terminal,
    pressed: BTreeSet<(String, Key)>,
}

impl Hands {
    /// Presses a key that the registry gives to this command.
    fn press(&mut self, name: &str, key: Key) {
        let entry = COMMANDS.iter().find(|e| e.name == name).unwrap_or_else(|| panic!("no command {name}"));
        assert!(entry.keys.contains(&key), "{key:?} is not bound to {name}");
        self.pressed.insert((name.into(), key));
        self.terminal.press(key);
    }

    /// Presses it and waits for the text.
    fn shows(&mut self, name: &str, key: Key, text: &str) {
        self.press(name, key);
        self.terminal.wait_for(text);
    }

    /// Presses it and waits until the text is gone.
    fn hides(&mut self, name: &str, key: Key, text: &str) {
        self.press(name, key);
        self.terminal.wait_gone(text);
    }

    /// Presses it and waits until the pointer is on that row or title.
    fn selects(&mut self, name: &str, key: Key, text: &str) {
        self.press(name, key);
        self.terminal.wait_until(&format!("{text} selected"), |s| is_selected(s, text));
    }

    /// Presses it and waits until the pointer has left that row.
    fn leaves(&mut self, name: &str, key: Key, text: &str) {
        self.press(name, key);
        self.terminal.wait_until(&format!("{text} left"), |s| !is_selected(s, text));
    }
}

fn plain(code: KeyCode) -> Key {
    Key::plain(code)
}

fn c(c: char) -> Key {
    Key::char(c)
}

#[test]
fn every_binding_does_what_it_says() {
    let mut stage = Stage::new();
    let terminal = stage.dashboard(&[]);
    let mut hands = Hands { terminal, pressed: BTreeSet::new() };
    let esc = plain(KeyCode::Esc);

    panels(&mut hands);
    rows(&mut hands);
    reading(&mut hands, esc);
    pace(&mut hands, &mut stage);
    locks(&mut hands, esc);
    worker(&mut hands, &mut stage, esc);

    // Suspend needs a shell and quit comes last: tests of their own.
    let left: Vec<String> = COMMANDS
        .iter()
        .flat_map(|e| e.keys.iter().map(|k| (e.name.to_string(), *k)))
        .filter(|pair| !hands.pressed.contains(pair))
        .map(|(name, key)| format!("{name} {key}"))
        .collect();
    assert_eq!(left, ["suspend Ctrl-z", "quit q", "quit Ctrl-c"]);
    hands.terminal.send("q");
    assert!(hands.terminal.wait_exit().success());
    hands.terminal.assert_restored();
}

fn panels(hands: &mut Hands) {
    hands.selects("nodes", c('1'), "1 Nodes");
    hands.selects("locks", c('2'), "2 Locks");
    hands.selects("queues", c('3'), "3 Queues");
    for key in [plain(KeyCode::Tab), plain(KeyCode::Right), c('l')] {
        hands.selects("locks", c('2'), "2 Locks");
        hands.selects("next-panel", key, "3 Queues");
    }
    for key in [plain(KeyCode::BackTab), plain(KeyCode::Left), c('h')] {
        hands.selects("locks", c('2'), "2 Locks");
        hands.selects("previous-panel", key, "1 Nodes");
    }
    hands.selects("locks", c('2'), "2 Locks");
    hands.hides("zoom", c('z'), "1 Nodes");
    hands.shows("zoom", c('z'), "1 Nodes");
}

fn rows(hands: &mut Hands) {
    hands.shows("sort", c('s'), "locks sorted by");
    hands.press("command-line", c(':'));
    hands.terminal.send("sort key\r");
    hands.terminal.wait_for("locks sorted by key");
    hands.selects("first", c('g'), "lock:00");
    hands.selects("down", c('j'), "lock:01");
    hands.selects("down", plain(KeyCode::Down), "lock:02");
    hands.selects("up", c('k'), "lock:01");
    hands.selects("up", plain(KeyCode::Up), "lock:00");
    hands.selects("last", c('G'), "lock:40");
    hands.selects("first", plain(KeyCode::Home), "lock:00");
    hands.selects("last", plain(KeyCode::End), "lock:40");
    hands.leaves("half-page-up", Key::ctrl('u'), "lock:40");
    hands.selects("last", c('G'), "lock:40");
    hands.leaves("half-page-up", plain(KeyCode::PageUp), "lock:40");
    hands.selects("first", c('g'), "lock:00");
    hands.leaves("half-page-down", Key::ctrl('d'), "lock:00");
    hands.selects("first", c('g'), "lock:00");
    hands.leaves("half-page-down", plain(KeyCode::PageDown), "lock:00");

    // Flipped: the last one stands first.
    hands.press("flip-sort", c('S'));
    hands.selects("first", c('g'), "lock:40");
    hands.press("flip-sort", c('S'));
    hands.selects("first", c('g'), "lock:00");

    hands.shows("mark", c(' '), "1 marked");
    hands.hides("back", plain(KeyCode::Esc), "1 marked");

    hands.shows("mark-all", c('a'), "41 marked");
    hands.hides("back", plain(KeyCode::Esc), "41 marked");
    hands.shows("mark-holder", c('A'), "all locks of");
    hands.hides("back", plain(KeyCode::Esc), "all locks of");

    hands.press("filter", c('/'));
    hands.terminal.send("lock:03");
    hands.terminal.wait_gone("lock:05");
    hands.terminal.send("\r");
    hands.terminal.wait_for("lock:03");
    hands.shows("back", plain(KeyCode::Esc), "lock:05");
}

fn reading(hands: &mut Hands, esc: Key) {
    hands.shows("freeze", c('p'), "FROZEN");
    hands.hides("freeze", c('p'), "FROZEN");
    for key in [c('?'), plain(KeyCode::F(1))] {
        hands.shows("help", key, "force-release the lock");
        hands.hides("back", esc, "force-release the lock");
    }
    // The filter, sort and freeze before have left their lines.
    hands.shows("messages", c('@'), "display runs again");
    hands.shows("messages", c('@'), "2 Locks");
    hands.shows("events", c('5'), "╭ Events ");
    hands.hides("back", esc, "╭ Events ");
    hands.shows("report", c('I'), "the incident report is in");
    hands.hides("back", esc, "the incident report is in");
    hands.selects("first", c('g'), "lock:00");
    for key in [plain(KeyCode::Enter), c('d')] {
        hands.shows("open", key, "╭ Lock ");
        hands.hides("back", esc, "╭ Lock ");
    }
    for key in [c('y'), c('c')] {
        hands.shows("copy", key, "copied the");
        hands.hides("back", esc, "copied the");
    }
    // The lock's token in base64, by OSC 52.
    hands.terminal.wait_raw("\x1b]52;c;aW1wb3J0ZXItMjo0Zj");
    hands.shows("copy-command", c('Y'), "copied as a redis-cli command");
    hands.press("toggle-mouse", c('m'));
    hands.terminal.wait_until("mouse off", |s| s.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
    hands.press("toggle-mouse", c('m'));
    hands.terminal.wait_until("mouse on", |s| s.mouse_protocol_mode() != vt100::MouseProtocolMode::None);
}

fn pace(hands: &mut Hands, stage: &mut Stage) {
    hands.shows("faster", c('+'), "every 500ms");
    hands.shows("faster", c('='), "every 250ms");
    for every in ["500ms", "1s", "2s", "5s", "10s", "30s", "1m"] {
        hands.shows("slower", c('-'), &format!("every {every}"));
    }
    // Nobody looks by himself for a minute: what appears before that was asked for.
    hands.selects("first", c('g'), "lock:00");
    for (key, lock) in [(c('r'), "lock:000r"), (Key::ctrl('r'), "lock:000ctrl-r")] {
        stage.run(&format!("SET {lock} 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 900000"));
        hands.shows("refresh", key, lock);
    }
    for _ in 0..5 {
        hands.press("faster", c('+'));
    }
    hands.terminal.wait_for("every 1s");
    stage.run("DEL lock:000r lock:000ctrl-r");
    hands.terminal.wait_gone("lock:000");
}

fn locks(hands: &mut Hands, esc: Key) {
    hands.selects("first", c('g'), "lock:00");
    hands.shows("undo", c('u'), "nothing to undo");
    hands.shows("release", c('R'), "[ Cancel ]");
    hands.hides("back", esc, "[ Cancel ]");
    hands.shows("batch", c('B'), "no batch yet");
    hands.shows("release-holder", c('X'), "[ Cancel ]");
    hands.hides("back", esc, "[ Cancel ]");
    hands.shows("expire", c('E'), "go on");
    hands.hides("back", esc, "go on");
}

fn worker(hands: &mut Hands, stage: &mut Stage, esc: Key) {
    hands.selects("queues", c('3'), "3 Queues");
    hands.press("command-line", c(':'));
    hands.terminal.send("sort key\r");
    hands.terminal.wait_for("queues sorted by key");
    hands.selects("first", c('g'), "queue:a");
    hands.shows("peek", c('v'), "╭ Tasks");
    hands.hides("back", esc, "╭ Tasks");
    hands.shows("enqueue", c('t'), "Enqueue a test task");
    hands.hides("back", esc, "Enqueue a test task");
    hands.shows("peek", c('v'), "╭ Tasks ");
    hands.hides("back", esc, "╭ Tasks ");
    hands.shows("requeue", c('M'), "is empty: there is nothing to do");
    hands.hides("back", esc, "is empty: there is nothing to do");
    hands.shows("move", c('T'), "Move tasks into another list");
    hands.hides("back", esc, "Move tasks into another list");
    hands.shows("drop", c('D'), "Remove tasks of a list");
    hands.hides("back", esc, "Remove tasks of a list");

    hands.press("worker", c('w'));
    hands.terminal.wait_for("y start");
    hands.terminal.insist("y", "the worker pane", |s| s.contents().contains("4 Worker"));
    // It takes test tasks only: what is in the queue stays.
    hands.selects("worker-pane", c('4'), "4 Worker");
    hands.shows("more-tasks", c('+'), "of 2 busy");
    hands.shows("more-tasks", c('='), "of 3 busy");
    hands.shows("fewer-tasks", c('-'), "of 2 busy");
    hands.shows("pause-worker", c(' '), "paused");
    hands.shows("pause-worker", c(' '), "running");
    hands.shows("stop-worker", c('w'), "stopped");
    stage.wait_for("LLEN queue:a", |reply| reply.as_int() == Some(3));
    hands.hides("back", esc, "4 Worker");
}

#[test]
fn esc_never_quits() {
    let stage = Stage::new();
    let mut terminal = stage.dashboard(&[]);
    terminal.press(plain(KeyCode::Esc));
    terminal.wait_for("q quits");
    assert!(terminal.is_running());
}

#[test]
fn read_only_refuses_every_write() {
    let mut stage = Stage::new();
    let mut terminal = stage.dashboard(&["--read-only"]);
    terminal.wait_for("READ-ONLY");
    terminal.send("2gR");
    terminal.wait_for("release refused");
    terminal.send("E");
    terminal.wait_for("expire refused");
    terminal.send("u");
    terminal.wait_for("undo refused");
    terminal.send("3t");
    terminal.wait_for("enqueue refused");
    assert_eq!(stage.run("EXISTS lock:00-stuck").as_int(), Some(1));
}

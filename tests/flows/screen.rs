//! Quit, freeze, copy, mouse, bell, going back.

use redwarden::app::command::{Command, Panel};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::hit::{Area, Target};
use redwarden::app::key::{Mouse, MouseKind};
use redwarden::app::state::{Dialog, RowId, Settings};
use redwarden::domain::NodeId;
use redwarden::domain::node::Reason;

use crate::fixtures::{HOSTILE, board, lock, node, rich_board, s, settings};
use crate::harness::{flow, flow_with, lock_row};

#[test]
fn q_and_ctrl_c_quit_at_the_root() {
    for keys in ["q", "<c-c>"] {
        assert_eq!(flow(&rich_board()).press(keys), [Effect::Quit]);
    }
    let mut f = flow(&rich_board());
    assert_eq!(f.press("? q"), [], "in a dialog q closes it");
    assert!(f.state.dialogs.is_empty());
    assert_eq!(f.press("? <c-c>"), [Effect::Quit]);
    assert_eq!(f.press(": <c-c>"), [Effect::Quit]);
    assert_eq!(f.press("<c-z>"), [Effect::Suspend]);
}

#[test]
fn quitting_asks_while_something_runs() {
    let mut f = flow(&rich_board());
    f.open_release("lock:never");
    f.press("y");
    assert_eq!(f.press("q"), []);
    let Some(Dialog::Quit(what, _)) = f.top() else { panic!() };
    assert_eq!(what, "one action");
    assert_eq!(f.press("<enter>"), [], "Enter alone stays");
    assert!(f.state.dialogs.is_empty());
    assert_eq!(f.press("q y"), [Effect::Quit]);
    assert_eq!(f.press("<esc> q <tab> <enter>"), [Effect::Quit]);
    assert_eq!(f.press("<esc> <c-c> <c-c>"), [Effect::Quit], "Ctrl-C asks once");
    assert_eq!(f.send(Event::Terminate), [Effect::Quit], "a signal asks nothing");
}

#[test]
fn quitting_asks_while_the_worker_runs() {
    let mut f = flow(&rich_board());
    f.select_queue("queue:idle");
    f.press("w");
    f.draw();
    f.press("y");
    assert_eq!(f.press("q"), []);
    let Some(Dialog::Quit(what, _)) = f.top() else { panic!() };
    assert_eq!(what, "the worker on queue:idle");
}

#[test]
fn esc_goes_back_level_by_level_and_never_quits() {
    let mut f = flow(&rich_board());
    f.press("2 z g <space> / lock <enter>");
    f.press("<esc>");
    assert!(f.state.locks.marks.is_empty() && !f.state.locks.filter.is_empty());
    f.press("<esc>");
    assert!(f.state.locks.filter.is_empty() && f.state.zoom);
    f.press("<esc>");
    assert!(!f.state.zoom);
    f.press("p <esc>");
    assert!(f.state.frozen.is_none());
    for _ in 0..20 {
        assert_eq!(f.press("<esc>"), []);
    }
}

#[test]
fn freezing_keeps_what_is_shown_while_data_flows() {
    let mut f = flow(&board(vec![node("a").locks(vec![lock("lock:a")])]));
    f.press("p");
    f.now = f.now.plus(s(2));
    f.board(&rich_board());
    assert_eq!(f.lock_keys(), ["lock:a"]);
    assert_eq!(f.state.fleet.nodes.len(), 6);
    assert_eq!(f.state.view_time(), crate::fixtures::base());
    f.press("p");
    assert!(f.lock_keys().len() > 5);
    assert_eq!(f.state.verdict.code(), "critical");
}

#[test]
fn copying_gives_escaped_text_and_no_secret() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:never");
    assert_eq!(f.press("y"), [Effect::Copy("1".into())]);
    assert_eq!(f.press("Y"), [Effect::Copy("redis-cli -h 127.0.0.1 -p 7097 -n 0 GET lock:never".into())]);
    f.press("g");
    assert_eq!(f.press("c"), [Effect::Copy(redwarden::domain::bytes::escape(HOSTILE))]);
    let effects = f.press("Y");
    let [Effect::Copy(text)] = effects.as_slice() else { panic!() };
    assert!(text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()), "{text:?}");
    assert_eq!(f.press("1 Y"), [Effect::Copy("redis-cli -h 127.0.0.1 -p 7097 -n 0 PING".into())]);
    assert_eq!(f.press("y"), [Effect::Copy("127.0.0.1:7097".into())]);
}

#[test]
fn the_mouse_selects_opens_and_scrolls() {
    let mut f = flow(&rich_board());
    f.press("1");
    let area = |y| Area { x: 0, y, width: 80, height: 1 };
    f.state.hits.push(Area { x: 0, y: 5, width: 80, height: 9 }, Target::Panel(Panel::Locks));
    f.state.hits.push(area(6), Target::Row(Panel::Locks, 0));
    f.state.hits.push(area(7), Target::Row(Panel::Locks, 1));
    f.state.hits.push(area(23), Target::FooterCommand(Command::Help));
    let mouse = |kind, row| Event::Mouse(Mouse { kind, column: 3, row });
    f.send(mouse(MouseKind::Click, 7));
    assert_eq!(f.state.focus, Panel::Locks);
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:never")));
    assert!(f.state.dialogs.is_empty(), "the first click selects");
    f.send(mouse(MouseKind::Click, 7));
    assert!(matches!(f.top(), Some(Dialog::Detail(RowId::Lock(_), 0))));
    f.send(mouse(MouseKind::WheelDown, 7));
    assert!(matches!(f.top(), Some(Dialog::Detail(_, 3))));
    f.press("<esc>");
    f.send(mouse(MouseKind::WheelDown, 7));
    assert_eq!(f.state.locks.cursor, 4);
    f.send(mouse(MouseKind::WheelUp, 7));
    assert_eq!(f.state.locks.cursor, 1);
    f.send(mouse(MouseKind::Click, 23));
    assert!(matches!(f.top(), Some(Dialog::Help(0))));
    f.send(mouse(MouseKind::Click, 7));
    assert!(matches!(f.top(), Some(Dialog::Help(0))), "a dialog covers the rows");
    f.press("<esc>");
    assert_eq!(f.press("m"), [Effect::CaptureMouse(false)]);
    assert_eq!(f.press("m"), [Effect::CaptureMouse(true)]);
}

#[test]
fn the_bell_rings_for_new_critical_findings_only() {
    let mut f = flow_with(Settings { bell: true, ..settings() }, &board(vec![node("a")]));
    let stuck = board(vec![node("a").locks(vec![lock("lock:a").never()])]);
    assert_eq!(f.board(&stuck), [Effect::Bell]);
    assert_eq!(f.board(&stuck), []);
    let down = board(vec![node("a").locks(vec![lock("lock:a").never()]).down(Reason::Refused)]);
    assert_eq!(f.board(&down), [Effect::Bell]);
    assert_eq!(flow(&board(vec![node("a")])).board(&stuck), [], "off by default");
}

#[test]
fn help_and_details_scroll_within_bounds() {
    let mut f = flow(&rich_board());
    f.press("? G j j");
    assert!(matches!(f.top(), Some(Dialog::Help(n)) if *n <= redwarden::app::command::COMMANDS.len()));
    f.press("g k");
    assert!(matches!(f.top(), Some(Dialog::Help(0))));
    f.press("<esc> 1 <enter> j");
    assert!(matches!(f.top(), Some(Dialog::Detail(id, 1)) if *id == RowId::Node(NodeId::new("a"))));
    f.press("<enter>");
    assert!(f.state.dialogs.is_empty());
}

#[test]
fn zoom_resize_and_unknown_keys() {
    let mut f = flow(&rich_board());
    f.press("z");
    assert!(f.state.zoom);
    f.send(Event::Resize(120, 40));
    assert_eq!(f.state.size, (120, 40));
    assert_eq!(f.press("T <f1> <esc>"), []);
    assert_eq!(f.press("r"), [Effect::Refresh]);
}

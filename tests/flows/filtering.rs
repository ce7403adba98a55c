//! The filter language and the filter prompt.

use redwarden::app::state::Prompt;

use crate::fixtures::{HOSTILE, board, lock, node, rich_board, s};
use crate::harness::{flow, lock_row};

#[test]
fn terms_of_locks() {
    let mut f = flow(&rich_board());
    f.press("2");
    for (filter, keys) in [
        ("state:no_ttl never", &["lock:never"][..]),
        ("state:never NEVER", &["lock:never"]),
        ("state:overdue", &["lock:overdue"]),
        ("node:b", &["lock:held", "report:lock"]),
        ("holder:web-1 node:a ttl<5s", &["lock:expiring"]),
        ("age>10m", &["lock:overdue"]),
        ("key:report", &["report:lock"]),
        ("token:other", &["lock:held"]),
        ("report:lock", &["report:lock"]),
        ("!state:held !state:renewed !state:no_ttl node:a !ttl<5", &["lock:overdue", "lock:unreadable"]),
        ("\\x1b[31mevil", &["lock:\\x1b[31mevil\\x1b]0;owned\\x07\\x00\\xff\\u{202e}\\u{200b}\"'`$(id)"]),
        ("\"lock:long\"", &["lock:long"]),
        ("nothing-like-that", &[]),
    ] {
        f.press("/ <c-u>");
        f.type_text(filter);
        assert_eq!(f.state.prompt_error, None, "{filter}");
        f.press("<enter>");
        assert_eq!(f.lock_keys(), keys, "{filter}");
    }
}

#[test]
fn locks_of_holders_that_are_gone() {
    let mut f = flow(&board(vec![node("a").locks(vec![
        lock("lock:gone").gone(),
        lock("lock:alive").alive(),
        lock("lock:renewed").gone().renewed(),
        lock("lock:unknown"),
    ])]));
    f.press("2");
    for (filter, keys) in [
        ("holder_state:gone", &["lock:gone"][..]),
        ("holder_state:alive", &["lock:alive", "lock:renewed"]),
        ("holder_state:unknown", &["lock:unknown"]),
        ("stale>=50", &["lock:gone"]),
        ("stale=0 !holder_state:alive", &["lock:unknown"]),
        (
            "family:setnx holder:web-1 !holder_state:gone age>10s",
            &["lock:alive", "lock:renewed", "lock:unknown"],
        ),
    ] {
        f.press("/ <c-u>");
        f.type_text(filter);
        assert_eq!(f.state.prompt_error, None, "{filter}");
        f.press("<enter>");
        assert_eq!(f.lock_keys(), keys, "{filter}");
    }
}

#[test]
fn terms_of_queues_and_nodes() {
    let mut f = flow(&rich_board());
    f.press("3");
    for (filter, keys) in [
        ("waiting>1000 node:a", &["queue:growing", "queue:draining"][..]),
        ("state:stalled", &["queue:stalled"]),
        ("state:unknown", &["queue:denied"]),
        ("oldest>2m state:g", &["queue:growing"]),
        ("net>=10", &["queue:growing"]),
        ("waiting=17", &["queue:stalled"]),
    ] {
        f.press("/ <c-u>");
        f.type_text(filter);
        f.press("<enter>");
        assert_eq!(f.queue_keys(), keys, "{filter}");
    }
    f.press("1 /");
    f.type_text("state:down");
    assert_eq!(f.state.nodes.rows.as_slice(), [3]);
    f.press("<c-u>");
    f.type_text("timeout");
    assert_eq!(f.state.nodes.rows.as_slice(), [2]);
}

#[test]
fn typing_filters_at_once_enter_keeps_and_esc_restores_filter_and_row() {
    let mut f = flow(&rich_board());
    f.select_lock("lock:held");
    f.press("/ report");
    assert_eq!(f.lock_keys(), ["report:lock"]);
    f.press("<esc>");
    assert!(f.state.prompt.is_none());
    assert_eq!(f.state.locks.filter, "");
    assert_eq!(f.state.locks.selected, Some(lock_row("a", "lock:held")));
    f.press("/ report <enter>");
    assert_eq!(f.state.locks.filter, "report");
    f.press("<esc>");
    assert_eq!(f.state.locks.filter, "", "Esc outside the prompt clears it");
}

#[test]
fn a_bad_term_says_so_and_keeps_the_last_good_filter() {
    let mut f = flow(&rich_board());
    f.press("2 / node:b <space> ttl<");
    assert!(f.state.prompt_error.as_deref().unwrap().contains("ttl needs a duration"));
    assert_eq!(f.state.locks.filter, "node:b ttl".trim());
    f.press("<enter>");
    assert!(matches!(f.state.prompt, Some(Prompt::Filter { .. })), "Enter does not keep what does not parse");
    f.press("5 s");
    assert_eq!(f.state.prompt_error, None);
    f.press("<enter>");
    assert_eq!(f.state.locks.filter, "node:b ttl<5s");
}

#[test]
fn the_filter_holds_for_later_boards() {
    let mut f = flow(&rich_board());
    f.press("2 / evil <enter>");
    f.board(&board(vec![node("a").locks(vec![lock(HOSTILE), lock("lock:fine").ttl(s(9))])]));
    assert_eq!(f.state.locks.rows.len(), 1);
}

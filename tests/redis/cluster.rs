//! Actions on a cluster: they go where the key is, also while its slot is on its way, and nowhere else.

use std::time::Duration;

use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Request, Ticket, spawn_with};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{Bytes, LockId, QueueId};
use tokio::sync::mpsc;

use crate::reshard::Pair;
use crate::support::{TOKEN, is_done, next, not_done, seen};

const USERS: [Option<&str>; 2] = [None, Some("noeval")];

fn release(lock: LockId) -> Request {
    Request::Release { lock, seen: seen(TOKEN) }
}

#[tokio::test]
async fn an_action_goes_to_the_node_that_owns_the_slot() {
    let pair = Pair::start().await;
    let (here, there) = (pair.key_on(0), pair.key_on(1));
    for user in USERS {
        for key in [&here, &there] {
            let owner = pair.owner(key);
            pair.say(owner, &format!("SET {key} {TOKEN}")).await;
            let services = pair.services(&[0, 1], user);
            let action = services.prepare(release(pair.lock(0, key))).await.unwrap();
            let effects = action.prepared().plan.effects.join(" ");
            assert_eq!(effects.contains("it runs there"), owner == 1, "{effects}");
            let (plan, outcome) = redwarden::act::execute(action).await;
            assert!(is_done(&outcome), "{outcome:?}");
            assert_eq!(plan.target.node, pair.node(owner));
            assert_eq!(pair.say(owner, &format!("EXISTS {key}")).await, "0");
            assert_eq!(pair.audit_lines().last().unwrap()["node"], pair.node(owner).as_str());
        }
        let services = pair.services(&[0, 1], user);
        pair.say(1, &format!("SET {there} {TOKEN}")).await;
        let ttl = Duration::from_secs(60);
        let expire = Request::Expire { lock: pair.lock(0, &there), seen: seen(TOKEN), ttl };
        let (_, outcome) = redwarden::act::execute(services.prepare(expire).await.unwrap()).await;
        assert!(is_done(&outcome), "{outcome:?}");
        assert!(pair.say(1, &format!("PTTL {there}")).await.parse::<i64>().unwrap() > 0);
        pair.say(1, &format!("DEL {there}")).await;
        let queue = QueueId { node: pair.node(0), db: 0, key: Bytes::from(there.as_str()) };
        let payloads = vec!["x".into()];
        let push = Request::Enqueue { queue, payloads, push: PushEnd::Left, library: None, force: false };
        let (_, outcome) = redwarden::act::execute(services.prepare(push).await.unwrap()).await;
        assert!(is_done(&outcome), "{outcome:?}");
        assert_eq!(pair.say(1, &format!("LLEN {there}")).await, "1");
        pair.say(1, &format!("DEL {there}")).await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_while_the_dialog_is_open_is_followed_and_written_down() {
    let pair = Pair::start().await;
    for (round, user) in USERS.into_iter().enumerate() {
        let (from, to) = (round, 1 - round);
        let key = pair.key_on(from);
        pair.say(from, &format!("SET {key} {TOKEN}")).await;
        let services = pair.services(&[0, 1], user);
        let action = services.prepare(release(pair.lock(from, &key))).await.unwrap();
        pair.begin_move(&key, from, to).await;
        pair.carry(&key, from, to).await;
        pair.end_move(&key, to).await;
        let (plan, outcome) = redwarden::act::execute(action).await;
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        assert_eq!(plan.target.node, pair.node(to));
        let lines = pair.audit_lines();
        let told: Vec<_> = lines[lines.len() - 3..]
            .iter()
            .map(|l| (l["phase"].as_str().unwrap(), l["node"].as_str().unwrap().to_string()))
            .collect();
        let node = |i: usize| pair.node(i).as_str().to_string();
        assert_eq!(told, [("before", node(from)), ("before", node(to)), ("after", node(to))]);
        let rows = redwarden::act::audit::table(lines.into_iter().map(Ok));
        assert_eq!(rows.len(), round + 1, "{rows:?}");
        assert!(rows[round].contains(&node(to)) && rows[round].contains("done"), "{rows:?}");
    }
}

#[tokio::test]
async fn what_watch_must_prove_is_not_followed() {
    let pair = Pair::start().await;
    for (round, user) in USERS.into_iter().enumerate() {
        let (from, to) = (round, 1 - round);
        let key = pair.key_on(from);
        pair.say(from, &format!("SET {key} 1")).await;
        let services = pair.services(&[0, 1], user);
        let request = Request::Release { lock: pair.lock(from, &key), seen: seen("1") };
        let action = services.prepare(request).await.unwrap();
        assert!(action.prepared().plan.unchanged);
        pair.begin_move(&key, from, to).await;
        pair.carry(&key, from, to).await;
        pair.end_move(&key, to).await;
        let (_, outcome) = redwarden::act::execute(action).await;
        assert!(matches!(not_done(&outcome), NotDone::Moved(_)), "{outcome:?}");
        assert_eq!(pair.say(to, &format!("EXISTS {key}")).await, "1");
    }
}

#[tokio::test]
async fn while_its_slot_moves_a_lock_is_released_where_it_is() {
    let pair = Pair::start().await;
    for (round, user) in USERS.into_iter().enumerate() {
        let (from, to) = (round, 1 - round);
        let still = pair.key_on(from);
        // Another key of the same slot.
        let gone = format!("lock:{{{still}}}:b");
        let services = pair.services(&[0, 1], user);
        for key in [&still, &gone] {
            pair.say(from, &format!("SET {key} {TOKEN}")).await;
        }
        pair.begin_move(&still, from, to).await;
        pair.carry(&gone, from, to).await;
        // On the source, and seen on either.
        let action = services.prepare(release(pair.lock(to, &still))).await.unwrap();
        let (plan, outcome) = redwarden::act::execute(action).await;
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        assert_eq!(plan.target.node, pair.node(from));
        // On the target, which answers only after ASKING; and back again.
        let (sender, mut events) = mpsc::channel(64);
        let commands = spawn_with(services.clone(), sender);
        for (ticket, request) in [(1, release(pair.lock(from, &gone))), (2, Request::Undo { of: Ticket(1) })]
        {
            commands.send(ActionCommand::Prepare(Ticket(ticket), request)).await.unwrap();
            let shown = prepared(&mut events, Ticket(ticket)).await;
            assert_eq!(shown.unwrap(), pair.node(to));
            commands.send(ActionCommand::Execute(Ticket(ticket))).await.unwrap();
            let outcome = ended(&mut events, Ticket(ticket)).await;
            assert!(is_done(&outcome), "{user:?}, ticket {ticket}: {outcome:?}");
            assert_eq!(pair.ask(to, &format!("EXISTS {gone}")).await, (ticket - 1).to_string());
        }
        assert_eq!(pair.ask(to, &format!("GET {gone}")).await, TOKEN);
        pair.ask(to, &format!("DEL {gone}")).await;
        pair.end_move(&still, to).await;
    }
}

async fn prepared(
    events: &mut mpsc::Receiver<ActionEvent>,
    ticket: Ticket,
) -> Result<redwarden::domain::NodeId, String> {
    loop {
        if let ActionEvent::Prepared(of, result) = next(events).await
            && of == ticket
        {
            return (*result).map(|prepared| prepared.plan.target.node);
        }
    }
}

async fn ended(events: &mut mpsc::Receiver<ActionEvent>, ticket: Ticket) -> Outcome {
    loop {
        if let ActionEvent::Outcome(of, _, outcome) = next(events).await
            && of == ticket
        {
            return outcome;
        }
    }
}

/// A release of python-redis-lock: the lock and the list its waiters sleep on.
fn release_with_companion(lock: LockId) -> Request {
    Request::Release { lock, seen: redwarden::act::Seen { family: "python-redis-lock", ..seen(TOKEN) } }
}

#[tokio::test]
async fn a_lock_and_its_companion_on_two_nodes_wait_for_their_slot() {
    let pair = Pair::start().await;
    for (round, user) in USERS.into_iter().enumerate() {
        let (from, to) = (round, 1 - round);
        let tag = (0..10_000).map(|n| format!("{{{n}}}")).find(|tag| pair.owner(tag) == from).unwrap();
        let (key, list) = (format!("lock:{tag}"), format!("lock-signal:{tag}"));
        pair.say(from, &format!("SET {key} {TOKEN}")).await;
        pair.say(from, &format!("RPUSH {list} x")).await;
        let services = pair.services(&[0, 1], user);
        pair.begin_move(&key, from, to).await;
        pair.carry(&key, from, to).await;
        let action = services.prepare(release_with_companion(pair.lock(from, &key))).await.unwrap();
        assert_eq!(action.prepared().plan.keys().len(), 2);
        let (_, outcome) = redwarden::act::execute(action).await;
        assert_eq!(not_done(&outcome), &NotDone::Moving, "{user:?}");
        assert_eq!(pair.ask(to, &format!("EXISTS {key}")).await, "1");
        assert_eq!(pair.say(from, &format!("LLEN {list}")).await, "1");
        // It arrives while the plan waits.
        let action = services.prepare(release_with_companion(pair.lock(from, &key))).await.unwrap();
        let run = tokio::spawn(redwarden::act::execute(action));
        pair.carry(&list, from, to).await;
        pair.end_move(&key, to).await;
        let (plan, outcome) = run.await.unwrap();
        assert!(is_done(&outcome), "{user:?}: {outcome:?}");
        assert_eq!(plan.target.node, pair.node(to));
        assert_eq!(pair.say(to, &format!("EXISTS {key}")).await, "0");
        pair.say(to, &format!("DEL {list}")).await;
    }
}

#[tokio::test]
async fn keys_in_two_slots_are_refused_before_anything_is_sent() {
    let pair = Pair::start().await;
    let key = pair.key_on(0);
    pair.say(0, &format!("SET {key} {TOKEN}")).await;
    let why = pair.services(&[0, 1], None).prepare(release_with_companion(pair.lock(0, &key))).await;
    let why = why.err().unwrap();
    assert!(why.contains("in slot") && why.contains("nothing was sent"), "{why}");
    assert_eq!(pair.say(0, &format!("EXISTS {key}")).await, "1");
}

#[tokio::test]
async fn a_node_that_is_not_watched_is_never_dialled() {
    let pair = Pair::start().await;
    let key = pair.key_on(1);
    pair.say(1, &format!("SET {key} {TOKEN}")).await;
    let before = pair.say(1, "INFO stats").await;
    let why = pair.services(&[0], None).prepare(release(pair.lock(0, &key))).await.err().unwrap();
    assert!(why.contains(pair.node(1).as_str()) && why.contains("no node that is watched"), "{why}");
    let connections = |info: &str| {
        let at = info.split("total_connections_received:").nth(1).unwrap();
        at.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap()
    };
    let after = pair.say(1, "INFO stats").await;
    // The one that asked.
    assert_eq!(connections(&after), connections(&before) + 1);
    assert_eq!(pair.say(1, &format!("EXISTS {key}")).await, "1");
}

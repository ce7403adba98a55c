//! Users with few rights: what is missing is said, the rest goes on, unknown is never 0.

use redwarden::config::{Endpoint, Secret};
use redwarden::domain::lock::{LockState, Token, Ttl};
use redwarden::domain::node::{NodeState, Reason};
use redwarden::domain::{Rules, Stamp};
use redwarden::launcher::Server;

use super::{run, wait_for, watch, writer};

/// Everything the README grants for watching.
pub(crate) const WATCH: &str = "+ping +hello +auth +client|setname +client|no-touch +client|list +select +info +time +slowlog|len +slowlog|get +latency|latest +config|get +command|info +scan +type +pttl +object|idletime +strlen +getrange +llen +eval_ro +lindex +lpos";

pub(crate) async fn user(server: &Server, rights: &str) -> Endpoint {
    let mut w = writer(server).await;
    run(&mut w, "SET lock:a 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 600000").await;
    run(&mut w, "DEL queue:a").await;
    run(&mut w, "LPUSH queue:a one two three").await;
    let reply = run(&mut w, &format!("ACL SETUSER watcher reset on >pw ~* {rights}")).await;
    // Old servers know no CLIENT|NO-TOUCH or EVAL_RO; 7.0 refuses unknown subcommands.
    if let Some(error) = reply.as_error() {
        let rights = rights.replace(" +client|no-touch", "");
        let reply = run(&mut w, &format!("ACL SETUSER watcher reset on >pw ~* {rights}")).await;
        assert!(reply.as_error().is_none(), "{error} / {reply:?}");
    }
    Endpoint { username: Some("watcher".into()), password: Some(Secret::new("pw")), ..server.endpoint() }
}

#[tokio::test]
async fn the_watching_rights_are_enough_for_everything() {
    let server = Server::start(&[]).unwrap();
    let fleet = watch(&[user(&server, WATCH).await]);
    let view = wait_for(&fleet, "lock and queue", |v| {
        v.locks.len() == 1 && v.queues.first().is_some_and(|q| q.samples >= 3)
    })
    .await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    assert_eq!(view.queues[0].waiting, Some(3));
    assert_eq!(view.queues[0].rates.incoming, Some(0.0));
}

#[tokio::test]
async fn each_right_removed_in_turn_leaves_the_rest_going() {
    let server = Server::start(&[]).unwrap();
    for right in [
        "info",
        "time",
        "scan",
        "type",
        "pttl",
        "object|idletime",
        "getrange",
        "strlen",
        "llen",
        "eval_ro",
        "lpos",
        "ping",
    ] {
        let rights = WATCH.replace(&format!("+{right} "), "");
        let rights = rights.replace(&format!(" +{right}"), "");
        let fleet = watch(&[user(&server, &rights).await]);
        let view = wait_for(&fleet, right, |v| {
            let s = &v.nodes[0].snapshot;
            s.status.state == NodeState::Up
                && (s.scan.passes > 0 || s.scan.error.is_some())
                && (right == "ping" || right == "strlen" || !s.denied.is_empty())
        })
        .await;
        let snapshot = &view.nodes[0].snapshot;
        let told = snapshot.denied.iter().any(|d| d.command.eq_ignore_ascii_case(right));
        match right {
            // Liveness is proven by any answer.
            "ping" => {}
            "info" => assert!(told && snapshot.facts.is_none()),
            "scan" => assert!(told && view.locks.is_empty()),
            "lpos" => {
                assert!(told && view.queues[0].rates.incoming.is_none() && view.queues[0].waiting == Some(3));
            }
            "pttl" => {
                assert!(told);
                let lock = &view.locks[0];
                assert!(matches!(lock.ttl, Ttl::Unknown(_)), "{lock:?}");
                assert_eq!(lock.state(&Rules::default(), Stamp::now().mono), LockState::Unknown);
            }
            "getrange" => assert!(told && matches!(view.locks[0].token, Token::Unknown(_))),
            "eval_ro" => {
                assert!(told && view.queues[0].waiting == Some(3) && view.queues[0].rates.incoming.is_none());
            }
            "llen" => assert!(told),
            _ => assert_eq!(view.locks.len(), 1, "{right}: {:?}", snapshot.denied),
        }
    }
}

#[tokio::test]
async fn no_rights_at_all() {
    let server = Server::start(&[]).unwrap();
    let fleet = watch(&[user(&server, "").await]);
    wait_for(&fleet, "noperm", |v| {
        let status = &v.nodes[0].snapshot.status;
        (status.state, status.reason) == (NodeState::Down, Some(Reason::Noperm))
    })
    .await;
}

#[tokio::test]
async fn a_search_that_is_refused_does_not_spin() {
    let server = Server::start(&["--rename-command", "SCAN", "XSCAN"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "refused", |v| v.nodes[0].snapshot.scan.error.is_some()).await;
    let mut w = writer(&server).await;
    let pings = |reply: redwarden::domain::Reply| -> u64 {
        let text = reply.as_bytes().unwrap().as_utf8().unwrap().to_string();
        let line = text.lines().find(|l| l.starts_with("cmdstat_ping:")).unwrap_or_default().to_string();
        line.split(['=', ',']).nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let began = view.nodes[0].snapshot.taken_at;
    let view = wait_for(&fleet, "a second has passed", |v| {
        v.nodes[0].snapshot.taken_at.since(began) >= std::time::Duration::from_secs(1)
    })
    .await;
    // Ten looks a second are wanted here; spinning makes hundreds.
    let looks = view.nodes[0].snapshot.seq;
    assert!(looks < 40, "{looks} looks");
    assert!(pings(run(&mut w, "INFO commandstats").await) < 40);
}

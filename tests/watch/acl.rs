//! Users with few rights: what is missing is said, the rest goes on, unknown is never 0.
//!
//! The rights come from the README itself: a right that is added there and not judged here fails.

use std::sync::Arc;

use redwarden::config::{Endpoint, Secret};
use redwarden::domain::lock::{LockState, Token, Ttl};
use redwarden::domain::node::{NodeState, Reason};
use redwarden::domain::{FleetView, Lock, NodeSnapshot, Rules, Severity, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::{config, run, wait_for, watch, writer};

const TOKEN: &str = "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa";

/// What the README grants for watching, word by word: keys, channels and commands.
pub(crate) fn granted() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let (_, line) = readme.split_once("ACL SETUSER redwarden-watch on >PASSWORD ").expect("the line");
    line.lines().next().unwrap_or_default().split(' ').collect()
}

/// The rights that the README lists after these words.
pub(crate) fn listed(after: &str) -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once(after).expect("the sentence");
    let (_, rest) = rest.split_once('`').unwrap();
    rest.split_once('`').unwrap().0.split_whitespace().collect()
}

/// All of it but these commands.
pub(crate) fn without(rights: &[&str]) -> String {
    let granted = granted();
    for right in rights {
        assert!(granted.contains(&format!("+{right}").as_str()), "{right} is not in the README");
    }
    let left = granted.iter().filter(|word| !rights.iter().any(|r| word.strip_prefix('+') == Some(r)));
    left.copied().collect::<Vec<_>>().join(" ")
}

/// Locks of each type that the rights are for, a queue, and a key that is nobody's business.
pub(crate) async fn user(server: &Server, rights: &str) -> Endpoint {
    let mut w = writer(server).await;
    for words in [
        "FLUSHALL",
        &format!("SET lock:a {TOKEN} PX 600000"),
        "HSET lock:hash 285475da-9152-4c83-822a-67ee2f116a79:52 1",
        "PEXPIRE lock:hash 600000",
        "ZADD lock:permits 9795435255614.5 APPHOST01_4312_13faded8aaf14ddda350a36240ff8a05",
        "PEXPIRE lock:permits 600000",
        "SADD lock:rw.readers APPHOST01_4312_13faded8aaf14ddda350a36240ff8a05",
        "PEXPIRE lock:rw.readers 600000",
        "LPUSH queue:a one two three",
        "SET other:key theirs",
    ] {
        run(&mut w, words).await;
    }
    let reply = run(&mut w, &format!("ACL SETUSER watcher reset on >pw {rights}")).await;
    assert!(reply.as_error().is_none(), "{reply:?}");
    Endpoint { username: Some("watcher".into()), password: Some(Secret::new("pw")), ..server.endpoint() }
}

fn node(view: &FleetView) -> &NodeSnapshot {
    &view.nodes[0].snapshot
}

fn lock<'v>(view: &'v FleetView, key: &str) -> Option<&'v Lock> {
    view.locks.iter().map(|l| &**l).find(|l| l.id.key.as_slice() == key.as_bytes())
}

/// True once all was looked at that is ever looked at.
fn looked(view: &FleetView) -> bool {
    let s = node(view);
    s.status.state == NodeState::Up
        && (s.scan.passes > 0 || s.scan.error.is_some())
        && s.diagnostics.read_at.is_some()
        && s.seq > 5
}

fn told(view: &FleetView) -> Vec<(&'static str, &str)> {
    node(view).denied.iter().map(|d| (d.pane, d.command.as_str())).collect()
}

#[tokio::test]
async fn the_watching_rights_are_enough_for_everything() {
    let server = Server::start(&[]).unwrap();
    let endpoint = user(&server, &without(&[])).await;
    let fleet = Fleet::spawn_live(Arc::new(config(&[endpoint])));
    let view = wait_for(&fleet, "locks and queue", |v| {
        looked(v) && v.locks.len() == 4 && v.queues.first().is_some_and(|q| q.samples >= 3)
    })
    .await;
    assert_eq!(told(&view), []);
    assert_eq!(view.queues[0].waiting, Some(3));
    assert_eq!(view.queues[0].rates.incoming, Some(0.0));
    assert!(node(&view).live.pushed, "{:?}", node(&view).live);
    // No command was tried that is not granted. Companions of a lock are looked for outside the user's keys, too.
    let denied = format!("{:?}", run(&mut writer(&server).await, "ACL LOG").await);
    assert!(!denied.contains(r#"Bulk("command")"#), "{denied}");
}

/// What must be said when a right is missing.
enum Missing {
    /// Nothing: it is asked for by courtesy, or only while something is done.
    Nothing,
    /// That this is not permitted, there.
    Said(&'static [&'static str], &'static str),
    /// That changes are polled, and why.
    Polled(&'static str),
}

/// Each right of the README, and what its lack leads to.
fn missing(right: &str) -> Missing {
    use Missing::{Nothing, Polled, Said};
    match right {
        // Liveness is proven by any answer; AUTH and HELLO are nobody's to take away.
        // SELECT is for other databases than the first; with the last three is looked up what became of a released lock.
        "ping" | "hello" | "auth" | "client|setname" | "select" | "hexists" | "zscore" | "hget" => Nothing,
        "client|tracking" => Polled("CLIENT TRACKING is not permitted"),
        "subscribe" => Polled("SUBSCRIBE is not permitted"),
        "client|list" => Said(&["nodes", "queues"], "CLIENT|LIST"),
        "info" => Said(&["nodes"], "INFO"),
        "time" => Said(&["nodes"], "TIME"),
        "slowlog|len" => Said(&["nodes"], "SLOWLOG|LEN"),
        "slowlog|get" => Said(&["nodes"], "SLOWLOG|GET"),
        "latency|latest" => Said(&["nodes"], "LATENCY|LATEST"),
        "config|get" => Said(&["nodes"], "CONFIG|GET"),
        "command|info" => Said(&["nodes"], "COMMAND|INFO"),
        "scan" => Said(&["locks", "queues"], "SCAN"),
        "type" => Said(&["locks"], "TYPE"),
        "pttl" => Said(&["locks"], "PTTL"),
        "object|idletime" => Said(&["locks"], "OBJECT|IDLETIME"),
        "strlen" => Said(&["locks"], "STRLEN"),
        "getrange" => Said(&["locks"], "GETRANGE"),
        "llen" => Said(&["queues"], "LLEN"),
        "lindex" => Said(&["queues"], "LINDEX"),
        "lpos" => Said(&["queues"], "LPOS"),
        "hlen" => Said(&["locks"], "HLEN"),
        "hscan" => Said(&["locks"], "HSCAN"),
        "zcard" => Said(&["locks"], "ZCARD"),
        "zrange" => Said(&["locks"], "ZRANGE"),
        "scard" => Said(&["locks"], "SCARD"),
        "sscan" => Said(&["locks"], "SSCAN"),
        "pubsub|numsub" => Said(&["locks"], "PUBSUB|NUMSUB"),
        "eval_ro" => Said(&["queues"], "EVAL_RO"),
        new => panic!("what does the lack of +{new} lead to?"),
    }
}

#[tokio::test]
async fn each_right_removed_in_turn_leaves_the_rest_going() {
    let server = Server::start(&[]).unwrap();
    let granted = granted();
    let mut wrong = Vec::new();
    for right in granted.iter().filter_map(|word| word.strip_prefix('+')) {
        let endpoint = user(&server, &without(&[right])).await;
        let fleet = Fleet::spawn_live(Arc::new(config(&[endpoint])));
        let view = wait_for(&fleet, right, |v| looked(v) && (right == "scan" || !v.locks.is_empty())).await;
        let told = told(&view);
        let live = &node(&view).live;
        match missing(right) {
            Missing::Nothing => {
                if !told.is_empty() || !live.pushed {
                    wrong.push(format!("{right}: {told:?} {live:?}"));
                }
            }
            Missing::Polled(why) => {
                if live.pushed || live.why.as_deref() != Some(why) || !told.is_empty() {
                    wrong.push(format!("{right}: {told:?} {live:?}"));
                }
            }
            Missing::Said(panes, command) => {
                let said =
                    |pane: &&str| told.iter().any(|(p, c)| p == pane && c.split(", ").any(|c| c == command));
                let only = told.iter().all(|(_, c)| c.split(", ").any(|c| c == command));
                if !panes.iter().all(said) || !only {
                    wrong.push(format!("{right}: {told:?}"));
                }
                let findings = node(&view).findings(&Rules::default(), Stamp::now().mono);
                let finding = findings.iter().find(|f| f.code == "not-permitted");
                if finding
                    .is_none_or(|f| f.since.is_none() || f.remedy.is_none() || f.severity > Severity::Unknown)
                {
                    wrong.push(format!("{right}: {finding:?}"));
                }
            }
        }
        wrong.extend(invented(right, &view).map(|what| format!("{right}: {what}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is shown although it can't be known. `None`: nothing.
fn invented(right: &str, view: &FleetView) -> Option<String> {
    if right == "scan" {
        return (!view.locks.is_empty() || !view.queues.is_empty()).then(|| "keys without a search".into());
    }
    let now = Stamp::now().mono;
    let (Some(a), Some(queue)) = (lock(view, "lock:a"), view.queues.first()) else {
        return Some(format!("something is not listed: {:?} {:?}", view.locks, view.queues));
    };
    // A lock of which a part can't be read is listed, without that part, or not at all.
    let unknown = |key| lock(view, key).is_none_or(|l| matches!(l.token, Token::Unknown(_)));
    let fine = match right {
        "info" => node(view).facts.is_none() && view.verdict(&Rules::default(), now).code() == "unknown",
        "time" => node(view).clock_offset_ms.is_none(),
        "pttl" => matches!(a.ttl, Ttl::Unknown(_)) && a.state(&Rules::default(), now) == LockState::Unknown,
        "getrange" => matches!(a.token, Token::Unknown(_)),
        "llen" => queue.waiting.is_none(),
        "lindex" | "lpos" | "eval_ro" => queue.waiting == Some(3) && queue.rates.incoming.is_none(),
        "hlen" | "hscan" => unknown("lock:hash"),
        "zcard" | "zrange" => unknown("lock:permits"),
        "scard" | "sscan" => unknown("lock:rw.readers"),
        _ => matches!(a.ttl, Ttl::Left(_)) && queue.waiting == Some(3),
    };
    (!fine).then(|| format!("{:?} {queue:?}", view.locks))
}

/// Redisson keeps the line of a fair lock under a name of its own, which a user of few keys may not read.
#[tokio::test]
async fn companions_that_may_not_be_read_are_asked_for_once_and_stay_unknown() {
    let server = Server::start(&[]).unwrap();
    let endpoint = user(&server, &without(&[])).await;
    let mut w = writer(&server).await;
    for n in 0..20 {
        run(&mut w, &format!("HSET lock:fair-{n} 285475da-9152-4c83-822a-67ee2f116a79:52 1")).await;
        let line = "RPUSH redisson_lock_queue:{lock:fair-N} 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9";
        run(&mut w, &line.replace('N', &n.to_string())).await;
    }
    let fleet = watch(&[endpoint]);
    let seen = wait_for(&fleet, "all of them", |v| looked(v) && lock(v, "lock:fair-19").is_some()).await;
    let many = |seq: u64| move |v: &FleetView| node(v).seq > seq + 20;
    let view = wait_for(&fleet, "many looks", many(node(&seen).seq)).await;
    assert!(view.locks.iter().filter(|l| l.family == "redisson").all(|l| l.waiters.is_none()), "{view:?}");
    let info = run(&mut w, "INFO errorstats").await.as_bytes().unwrap().escaped();
    let denied = info.split("errorstat_NOPERM:count=").nth(1).unwrap_or("0");
    let denied: usize = denied.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    // The first look, and few others of what else is looked for.
    assert!(denied < 60, "{denied} refusals");
    // Once it may be read, it is; at once when somebody asks for it.
    run(&mut w, "ACL SETUSER watcher ~redisson_lock_queue:*").await;
    fleet.refresh();
    wait_for(&fleet, "who waits", |v| lock(v, "lock:fair-7").is_some_and(|l| l.waiters == Some(1))).await;
}

#[tokio::test]
async fn a_database_that_may_not_be_selected_says_so() {
    let server = Server::start(&[]).unwrap();
    let endpoint = user(&server, &without(&["select"])).await;
    let fleet = watch(&[Endpoint { db: 3, ..endpoint }]);
    let view = wait_for(&fleet, "what is missing", |v| !node(v).denied.is_empty()).await;
    assert_eq!(told(&view), [("locks", "SELECT"), ("queues", "SELECT")]);
    assert_eq!(node(&view).status.state, NodeState::Up, "{:?}", node(&view).status);
    assert!(view.locks.is_empty() && view.verdict(&Rules::default(), Stamp::now().mono).code() == "unknown");
}

#[tokio::test]
async fn no_rights_at_all() {
    let server = Server::start(&[]).unwrap();
    let fleet = watch(&[user(&server, "").await]);
    wait_for(&fleet, "noperm", |v| {
        let status = &node(v).status;
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

//! Redlocks of real libraries over three independent servers: their votes, what a restarted voter forgets, and the
//! release of all votes.

use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::locks::Scene;

/// Two more servers beside the scene's own, and their ports.
fn more() -> (Vec<Server>, Vec<String>) {
    let servers: Vec<Server> = (0..2).map(|_| Server::start(&[]).unwrap()).collect();
    let ports = servers.iter().map(|s| s.port().to_string()).collect();
    (servers, ports)
}

/// The quorum over this key as `redwarden locks` tells it.
#[track_caller]
fn quorum(s: &Scene, more: &[Server], key: &str) -> Value {
    let urls: Vec<String> = std::iter::once(&s.server).chain(more).map(Server::url).collect();
    let mut args = vec!["locks", "--format", "json"];
    args.extend(urls.iter().map(String::as_str));
    let ran = s.run(&args);
    let told = ran.json();
    let found = told["quorums"].as_array().unwrap().iter().find(|q| q["key"] == key).cloned();
    found.unwrap_or_else(|| panic!("no quorum: {told:#}"))
}

#[track_caller]
fn assert_votes(quorum: &Value, state: &str, votes: &[&str]) {
    let told: Vec<&Value> = quorum["nodes"].as_array().unwrap().iter().map(|n| &n["vote"]).collect();
    assert_eq!((&quorum["state"], json!(told)), (&json!(state), json!(votes)), "{quorum:#}");
}

/// Held by all, forgotten by one, released on all: the waiter gets it with a token of its own.
async fn votes_of(mut s: Scene, mut others: Vec<Server>, key: &str) {
    s.contend().await;
    let held = quorum(&s, &others, key);
    assert_votes(&held, "held", &["held"; 3]);
    assert!(held["ttl_spread_ms"].as_u64().unwrap() < 5_000, "{held:#}");
    // Without persistence a voter forgets; the waiter may get that one vote for a moment, and gives it back.
    others[1].kill();
    let silent = quorum(&s, &others, key);
    assert_votes(&silent, "held", &["held", "held", "unknown"]);
    others[1].restart().unwrap();
    let urls: Vec<String> = std::iter::once(&s.server).chain(&others).map(Server::url).collect();
    let told = quorum(&s, &others, key);
    assert_eq!((&told["token"], &told["votes"]), (&held["token"], &json!(2)), "{told:#}");
    let restarted = told["findings"].as_array().unwrap().iter().any(|f| f["code"] == "voter-restarted");
    let tried = told["nodes"][2]["vote"] == "held";
    assert!(restarted || tried, "{told:#}");
    let token = held["token"].as_str().unwrap();
    let mut release = vec!["locks", "release", key, "--all-nodes", "--yes", "--if-token", token];
    release.extend(urls.iter().flat_map(|url| ["-u", url]));
    let ran = s.run(&release);
    let released = ran.err.matches(": released").count();
    assert_eq!(released, 2, "{}", ran.err);
    s.waiter.until("waited", &json!(true));
    let next = quorum(&s, &others, key);
    assert_votes(&next, "held", &["held"; 3]);
    assert_ne!(next["token"], held["token"]);
    assert!(s.holder.ask("release", &[]).is_string(), "the old holder learns that it lost");
    assert_eq!(s.waiter.ask("release", &[]), Value::Null);
}

#[tokio::test]
async fn node_redlock_over_three_servers() {
    let (others, ports) = more();
    let s = Scene::node("redlock", "lock_redlock", &["5", &ports[0], &ports[1]]).await;
    votes_of(s, others, "lock:orders:1").await;
}

#[tokio::test]
#[ignore = "fetches pottery: cargo test --test libraries -- --ignored"]
async fn pottery_over_three_servers() {
    let (others, ports) = more();
    let s = Scene::python("pottery", "lock_pottery", &[&ports[0], &ports[1]]).await;
    votes_of(s, others, "redlock:printer").await;
}

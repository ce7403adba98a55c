//! What Sentinels watch: found, followed through a failover, judged.

use std::sync::Arc;
use std::time::Duration;

use redwarden::config::{Config, Sentinel, Topology};
use redwarden::domain::node::Role;
use redwarden::domain::{FleetView, GroupSnapshot, NodeId, Severity};
use redwarden::launcher::{SentinelGroup, SentinelShape, Server};
use redwarden::poll::Fleet;

use super::fleet::{config, run, wait_for, writer};

fn watching(sentinel: Sentinel) -> Config {
    let topology = Topology { sentinels: vec![sentinel], ..Topology::default() };
    Config { topology, timeout: Duration::from_secs(1), ..config(&[]) }
}

fn group(view: &FleetView) -> &GroupSnapshot {
    &view.groups[0]
}

fn has(view: &FleetView, code: &str) -> Option<Severity> {
    group(view).findings().into_iter().find(|f| f.code == code).map(|f| f.severity)
}

fn name(server: &Server) -> NodeId {
    NodeId::new(&format!("127.0.0.1:{}", server.port()))
}

async fn start() -> SentinelGroup {
    tokio::task::spawn_blocking(|| SentinelGroup::start(&SentinelShape::default()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_failover_is_followed_and_told() {
    let mut redis = start().await;
    // One seed is enough: it tells the others, and they tell on after it.
    let seed = redis.sentinels().next().unwrap().endpoint();
    let fleet = Fleet::spawn(Arc::new(watching(Sentinel { seeds: vec![seed], ..Sentinel::default() })));
    let view = wait_for(&fleet, "five nodes", |v| {
        v.up_of_total() == (5, 5)
            && group(v).sentinel().is_some_and(|s| s.answering() == 3 && s.ckquorum == Some(Ok(())))
    })
    .await;
    assert_eq!(group(&view).id.as_str(), "mymaster");
    let roles: Vec<_> = view.nodes.iter().map(|n| n.snapshot.facts.as_ref().unwrap().role.unwrap()).collect();
    assert_eq!(roles, [Role::Primary, Role::Replica, Role::Sentinel, Role::Sentinel, Role::Sentinel]);
    let (old, heir) = (name(redis.server(0).unwrap()), name(redis.server(1).unwrap()));
    let facts = group(&view).sentinel().unwrap();
    assert_eq!((facts.primary.as_ref(), facts.quorum, facts.replicas.len()), (Some(&old), Some(2), 1));
    let mut events = redwarden::app::events::EventLog::default();
    events.observe(&view, &redwarden::domain::Rules::default(), redwarden::domain::Stamp::now());
    redis.server_mut(0).unwrap().kill();
    let view =
        wait_for(&fleet, "the heir leads", |v| group(v).sentinel().unwrap().primary.as_ref() == Some(&heir))
            .await;
    events.observe(&view, &redwarden::domain::Rules::default(), redwarden::domain::Stamp::now());
    let told: Vec<_> = events.iter().map(|e| e.text.clone()).collect();
    assert!(told.contains(&format!("failover: the primary is {heir} instead of {old}")), "{told:?}");
    wait_for(&fleet, "nobody could take over", |v| has(v, "no-replica") == Some(Severity::Warning)).await;
    // The seed dies as well: the others are known.
    redis.sentinel_mut(0).unwrap().kill();
    wait_for(&fleet, "two Sentinels answer", |v| group(v).sentinel().unwrap().answering() == 2).await;
    redis.sentinel_mut(1).unwrap().kill();
    let view = wait_for(&fleet, "no quorum", |v| has(v, "quorum") == Some(Severity::Critical)).await;
    let why = group(&view).findings().into_iter().find(|f| f.code == "quorum").unwrap().message;
    assert!(why.starts_with("no failover is possible: 1 usable Sentinels"), "{why}");
    redis.sentinel_mut(2).unwrap().kill();
    wait_for(&fleet, "nobody tells", |v| has(v, "topology-unknown") == Some(Severity::Warning)).await;
}

#[tokio::test]
async fn two_that_claim_to_be_the_primary() {
    let redis = start().await;
    let seeds = redis.sentinels().map(Server::endpoint).collect();
    let sentinel = Sentinel {
        seeds,
        name: Some("orders".into()),
        master_names: vec!["mymaster".into()],
        ..Sentinel::default()
    };
    let fleet = Fleet::spawn(Arc::new(watching(sentinel)));
    wait_for(&fleet, "five nodes", |v| v.up_of_total() == (5, 5)).await;
    // Sentinels would set the replica right after a while: they are stopped first.
    redis.sentinels().for_each(Server::freeze);
    let mut replica = writer(redis.server(1).unwrap()).await;
    run(&mut replica, "REPLICAOF NO ONE").await;
    let view = wait_for(&fleet, "two primaries", |v| has(v, "masters") == Some(Severity::Critical)).await;
    let said = group(&view).findings().into_iter().find(|f| f.code == "masters").unwrap().message;
    assert!(said.starts_with("2 nodes claim to be its primary: "), "{said}");
    assert_eq!(group(&view).id.as_str(), "orders");
    redis.sentinels().for_each(Server::thaw);
}

#[tokio::test]
async fn sentinels_with_a_password_of_their_own() {
    let redis = start().await;
    for sentinel in redis.sentinels() {
        let mut own = writer(sentinel).await;
        run(&mut own, "ACL SETUSER watcher on >sesame +@all").await;
        run(&mut own, "ACL SETUSER default off").await;
    }
    let with = |password: &str| {
        let seed = redis.sentinels().next().unwrap().endpoint();
        let seed = redwarden::config::Endpoint {
            username: Some("watcher".into()),
            password: Some(redwarden::config::Secret::new(password)),
            ..seed
        };
        watching(Sentinel { seeds: vec![seed], ..Sentinel::default() })
    };
    let fleet = Fleet::spawn(Arc::new(with("sesame")));
    wait_for(&fleet, "all Sentinels answer", |v| group(v).sentinel().is_some_and(|s| s.answering() == 3))
        .await;
    let fleet = Fleet::spawn(Arc::new(with("wrong")));
    let view =
        wait_for(&fleet, "the reason", |v| v.groups.first().is_some_and(|g| g.trouble.is_some())).await;
    let why = group(&view).trouble.clone().unwrap();
    assert!(why.contains("user or password is wrong") && !why.contains("wrong password"), "{why}");
    assert_eq!(has(&view, "topology-unknown"), Some(Severity::Unknown));
}

#[tokio::test]
async fn each_right_for_sentinels_removed_in_turn_leaves_the_rest_going() {
    let redis = start().await;
    let rights = super::acl::listed("A user of Sentinels needs");
    for right in rights.iter().copied() {
        let left: Vec<&str> = rights.iter().copied().filter(|r| *r != right).collect();
        for sentinel in redis.sentinels() {
            let words = format!("ACL SETUSER watcher reset on >pw {}", left.join(" "));
            let reply = run(&mut writer(sentinel).await, &words).await;
            assert!(reply.as_error().is_none(), "{words}: {reply:?}");
        }
        let seed = |server: &Server| redwarden::config::Endpoint {
            username: Some("watcher".into()),
            password: Some(redwarden::config::Secret::new("pw")),
            ..server.endpoint()
        };
        let seeds: Vec<_> = redis.sentinels().map(seed).collect();
        let fleet = Fleet::spawn(Arc::new(watching(Sentinel { seeds, ..Sentinel::default() })));
        if right == "+sentinel|masters" {
            let view =
                wait_for(&fleet, right, |v| v.up_of_total() == (3, 3) && group(v).trouble.is_some()).await;
            let why = group(&view).trouble.clone().unwrap();
            assert!(why.contains("no permissions"), "{why}");
            wait_for(&fleet, "said", |v| has(v, "topology-unknown") == Some(Severity::Unknown)).await;
            continue;
        }
        let view = wait_for(&fleet, right, |v| {
            let facts = group(v).sentinel();
            let (up, all) = v.up_of_total();
            up == all && up >= 4 && facts.is_some_and(|s| s.answering() == 3 && s.primary.is_some())
        })
        .await;
        let facts = group(&view).sentinel().unwrap();
        let said: Vec<String> = group(&view).findings().into_iter().map(|f| f.message).collect();
        if let Some(command) = right.strip_prefix("+sentinel|") {
            let wanted = format!("not permitted (SENTINEL|{})", command.to_uppercase());
            assert!(said.contains(&wanted), "{right}: {said:?}");
            // What is not told is no alarm.
            assert_eq!(said.len(), 1, "{right}: {said:?}");
            let findings = group(&view).findings();
            assert!(findings.iter().all(|f| f.since.is_some() && f.remedy.is_some()), "{findings:?}");
        } else {
            assert!(said.is_empty(), "{right}: {said:?}");
        }
        assert_eq!(facts.ckquorum, (right != "+sentinel|ckquorum").then_some(Ok(())), "{right}");
    }
}

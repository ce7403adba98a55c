//! Is anybody working on it? Said only where it is known.

use std::time::Duration;

use redwarden::domain::{FleetView, Queue, Rules, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;

use super::{config, find, run, wait_for, writer};

fn rules() -> Rules {
    Rules { stalled_after: Duration::from_millis(400), ..Rules::default() }
}

fn codes(queue: &Queue) -> Vec<&'static str> {
    queue.findings(&rules(), Stamp::now().mono).iter().map(|f| f.code).collect()
}

async fn until(fleet: &Fleet, key: &str, code: &str) -> FleetView {
    wait_for(fleet, code, |v| v.queues.iter().any(|q| q.id.key == key.into() && codes(q) == [code])).await
}

#[tokio::test]
async fn a_list_nobody_waits_on_has_no_consumers() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "LPUSH queue:a x").await;
    let mut config = config(&server);
    config.rules = rules();
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    until(&fleet, "queue:a", "no-consumers").await;
}

#[tokio::test]
async fn somebody_who_waits_may_be_its_consumer_and_without_client_list_nothing_is_known() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let mut other = writer(&server).await;
    let blocked = tokio::spawn(async move { run(&mut other, "BRPOP some:list 0").await });
    super::wait_blocked(&mut w).await;
    run(&mut w, "LPUSH queue:a x").await;
    run(&mut w, "ACL SETUSER few on >pw ~* +@all -client|list").await;
    let mut config = config(&server);
    config.rules = rules();
    let fleet = Fleet::spawn(std::sync::Arc::new(config.clone()));
    let view = until(&fleet, "queue:a", "stalled").await;
    assert_eq!(find(&view, "queue:a").blocked, Some(1));
    blocked.abort();
    config.nodes[0].endpoint.username = Some("few".into());
    config.nodes[0].endpoint.password = Some(redwarden::config::Secret::new("pw"));
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    let view = until(&fleet, "queue:a", "stalled").await;
    assert_eq!(find(&view, "queue:a").blocked, None);
    let denied = &view.nodes[0].snapshot.denied;
    assert!(denied.iter().any(|d| d.command == "CLIENT|LIST"), "{denied:?}");
}

#[tokio::test]
async fn who_waits_for_a_queue_of_the_users_own_is_counted_and_told_since_when_nobody_does() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let mut other = writer(&server).await;
    let blocked = tokio::spawn(async move { run(&mut other, "BZPOPMIN nothing 0").await });
    super::wait_blocked(&mut w).await;
    run(&mut w, "LPUSH jobs:a x").await;
    run(&mut w, "ZADD ranks:a 1 x").await;
    let schemas = "[[queue_family]]\nid = 'jobs'\nqueue = 'jobs:{name}'\n[[queue_family]]\nid = 'ranks'\nqueue = 'ranks:{name}'\ntype = 'zset'\n";
    let mut config = super::own::with_file(&server, schemas);
    config.rules = rules();
    let fleet = Fleet::spawn(std::sync::Arc::new(config));
    let view = until(&fleet, "jobs:a", "no-consumers").await;
    let (jobs, ranks) = (find(&view, "jobs:a"), find(&view, "ranks:a"));
    assert_eq!((jobs.blocked, ranks.blocked), (Some(0), Some(1)));
    assert!(jobs.lacks_consumers_since().is_some_and(|at| at.mono <= jobs.read_at.mono));
    blocked.abort();
}

#[tokio::test]
async fn bullmq_workers_are_known_by_the_names_of_their_clients() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "HSET bull:mails:meta version bullmq:6.7.0").await;
    run(&mut w, "LPUSH bull:mails:wait 1").await;
    run(&mut w, "HSET bull:other:meta version bullmq:6.7.0").await;
    run(&mut w, "LPUSH bull:other:wait 1").await;
    let mut worker = writer(&server).await;
    run(&mut worker, "CLIENT SETNAME bull:bWFpbHM=:w:wkr-1").await;
    let fleet = super::watch(&server);
    let view =
        wait_for(&fleet, "workers", |v| v.queues.len() == 2 && find(v, "bull:mails:wait").workers == Some(1))
            .await;
    assert_eq!(codes(find(&view, "bull:mails:wait")), Vec::<&str>::new());
    let other = find(&view, "bull:other:wait");
    assert_eq!(codes(other), ["no-consumers"]);
    assert_eq!(other.lacks_consumers_since(), other.unattended_since);
    assert!(other.unattended_since.is_some());
}

#[tokio::test]
async fn a_queue_of_rq_without_a_live_worker_has_no_consumers_unless_it_is_suspended() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SADD rq:queues rq:queue:default").await;
    run(&mut w, "RPUSH rq:queue:default j1").await;
    run(&mut w, "SADD rq:workers rq:worker:killed").await;
    let fleet = super::watch(&server);
    until(&fleet, "rq:queue:default", "no-consumers").await;
    run(&mut w, "SET rq:suspended 1").await;
    wait_for(&fleet, "paused", |v| codes(find(v, "rq:queue:default")).is_empty()).await;
}

//! Python's libraries: the counts that the recordings' scenarios name, and what moves after them.

use std::time::{SystemTime, UNIX_EPOCH};

use redwarden::domain::queue::{Oldest, PushEnd, RateSource};
use redwarden::domain::{Command, FleetView};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::recorded::{counts, has_detail, is_from, restore_at};
use super::{call, complete, find, run, wait_for, watch, writer};

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A server with a scenario that was recorded at that time, as if it were now; watched.
async fn stage(library: &str, version: &str, scenario: &str, recorded_ms: i64) -> (Server, Writer, Fleet) {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore_at(&mut w, library, version, scenario, now_ms() - recorded_ms).await;
    let fleet = watch(&server);
    (server, w, fleet)
}

async fn whole(fleet: &Fleet) -> FleetView {
    let view = wait_for(fleet, "queues", |v| complete(v) && !v.queues.is_empty()).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
    view
}

#[tokio::test]
async fn huey_by_list_and_by_priority() {
    for (scenario, priority) in [("plain storage", false), ("prio storage", true), ("expire storage", false)]
    {
        let (_server, mut w, fleet) = stage("huey", "3.5.4", scenario, 1_795_434_000_000).await;
        let view = whole(&fleet).await;
        let queue = find(&view, "huey.redis.myapp");
        assert_eq!((queue.family, queue.name.as_str(), queue.push), ("huey", "myapp", PushEnd::Left));
        assert_eq!(counts(queue), [Some(6), None, Some(1), None, None, None], "{scenario}");
        if priority {
            is_from(queue, 1_795_434_615);
        } else {
            assert!(matches!(queue.oldest, Oldest::AtLeast { .. }), "{:?}", queue.oldest);
        }
        // Emptied, and filled again by a consumer of the other kind.
        run(&mut w, "DEL huey.redis.myapp").await;
        wait_for(&fleet, "empty", |v| find(v, "huey.redis.myapp").oldest == Oldest::Empty).await;
        if priority {
            run(&mut w, "LPUSH huey.redis.myapp a b").await;
        } else {
            run(&mut w, "ZADD huey.redis.myapp -4 aaaaaaaaa 0 bbbbbbbbb").await;
        }
        wait_for(&fleet, "the other kind", |v| find(v, "huey.redis.myapp").waiting == Some(2)).await;
    }
}

#[tokio::test]
async fn huey_is_found_by_its_schedule_and_hidden_from_the_plain_lists() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ZADD huey.schedule.my_queue 1 x").await;
    let fleet = watch(&server);
    let view = whole(&fleet).await;
    assert_eq!(counts(find(&view, "huey.redis.my_queue"))[..3], [Some(0), None, Some(1)]);
    run(&mut w, "LPUSH huey.redis.my_queue x").await;
    let view = wait_for(&fleet, "a task", |v| find(v, "huey.redis.my_queue").waiting == Some(1)).await;
    assert_eq!((view.queues.len(), view.queues[0].family), (1, "huey"));
}

#[tokio::test]
async fn arq_tells_running_from_waiting_and_later() {
    let recorded = 1_795_434_689_322;
    let (_server, mut w, fleet) = stage("arq", "0.28.0", "worker max_jobs=1", recorded).await;
    // The two that were put off stand in the recording only as a length.
    let later = now_ms() + 600_000;
    run(&mut w, &format!("ZADD arq:queue {later} filler-6 {later} filler-7")).await;
    let view =
        wait_for(&fleet, "later", |v| complete(v) && v.queues.iter().any(|q| q.scheduled == Some(2))).await;
    let queue = find(&view, "arq:queue");
    assert_eq!((queue.family, queue.name.as_str()), ("arq", "queue"));
    assert_eq!(counts(queue), [Some(5), Some(1), Some(2), None, None, None]);
    has_detail(queue, "runs", "e68b4d995fc140f8ba88c1f6fb5c0c71");
    has_detail(queue, "workers", "j_ongoing=1");
    let Oldest::At { age } = queue.oldest else { panic!("{:?}", queue.oldest) };
    assert!((1..20).contains(&age.as_secs()), "{age:?}");
    // Done: it leaves the set and its key goes.
    run(&mut w, "DEL arq:in-progress:e68b4d995fc140f8ba88c1f6fb5c0c71 arq:queue:health-check").await;
    run(&mut w, "ZREM arq:queue e68b4d995fc140f8ba88c1f6fb5c0c71").await;
    let view = wait_for(&fleet, "done", |v| find(v, "arq:queue").in_flight == Some(0)).await;
    assert_eq!(find(&view, "arq:queue").waiting, Some(5));
    has_detail(find(&view, "arq:queue"), "workers", "no health check");
    let view = wait_for(&fleet, "rates", |v| find(v, "arq:queue").samples > 3).await;
    assert_eq!(find(&view, "arq:queue").rates.source, RateSource::NetOnly);
}

#[tokio::test]
async fn arq_under_another_name_and_a_sorted_set_that_is_none() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ZADD mails:todo 5 j1").await;
    run(&mut w, "SET arq:job:j1 x").await;
    run(&mut w, "ZADD scores 5 alice").await;
    let fleet = watch(&server);
    let view = whole(&fleet).await;
    let queue = find(&view, "mails:todo");
    assert_eq!((queue.family, queue.name.as_str(), queue.waiting), ("arq", "mails:todo", Some(1)));
}

#[tokio::test]
async fn arq_with_more_running_than_is_looked_at_says_so() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for n in 0..100 {
        run(&mut w, &format!("ZADD arq:queue {n} j{n:02}")).await;
        run(&mut w, &format!("SET arq:in-progress:j{n:02} 1")).await;
    }
    run(&mut w, "SET arq:job:j00 x").await;
    let fleet = watch(&server);
    let view = whole(&fleet).await;
    let queue = find(&view, "arq:queue");
    assert_eq!((queue.waiting, queue.in_flight), (Some(100), None));
    has_detail(queue, "in flight", "at least 64 jobs run");
}

#[tokio::test]
async fn saq_with_a_worker_and_one_that_was_killed() {
    let recorded = 1_795_434_767_000;
    let (_server, mut w, fleet) = stage("saq", "0.26.4", "worker concurrency=1", recorded).await;
    let view = wait_for(&fleet, "a queue", |v| complete(v) && !v.queues.is_empty()).await;
    assert_eq!(view.queues.len(), 1, "{:#?}", view.queues);
    // The two that are put off stand in the recording only as a length.
    let later = now_ms() / 1000 + 600;
    run(&mut w, &format!("ZADD saq:default:incomplete {later} filler-6 {later} filler-7")).await;
    let view = wait_for(&fleet, "later", |v| find(v, "saq:default:queued").scheduled == Some(2)).await;
    let queue = find(&view, "saq:default:queued");
    assert_eq!((queue.family, queue.name.as_str(), queue.push), ("saq", "default", PushEnd::Right));
    assert_eq!(counts(queue), [Some(5), Some(1), Some(2), None, None, Some(1)]);
    is_from(queue, 1_795_434_766);
    has_detail(queue, "worker", "633e1d14-e734-11f1-b5c0-02fc00000001: 0 complete, 0 failed");
    has_detail(queue, "runs", "slow for ");
    // Its figures are not renewed any more: it is gone, and so is who was to finish its job.
    run(&mut w, "ZADD saq:default:stats 1 saq:default:worker_info:633e1d14-e734-11f1-b5c0-02fc00000001")
        .await;
    let view = wait_for(&fleet, "gone", |v| find(v, "saq:default:queued").workers == Some(0)).await;
    let queue = find(&view, "saq:default:queued");
    has_detail(queue, "gone", "633e1d14-e734-11f1-b5c0-02fc00000001");
    has_detail(queue, "orphaned", "slow for ");
}

#[tokio::test]
async fn dramatiq_with_and_without_a_worker() {
    let (_server, _w, fleet) = stage("dramatiq", "2.2.1", "no worker yet", 1_795_434_808_600).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "dramatiq:default");
    assert_eq!((queue.family, queue.name.as_str(), queue.push), ("dramatiq", "default", PushEnd::Right));
    assert_eq!(counts(queue), [Some(5), Some(0), Some(1), None, Some(0), None]);
    has_detail(queue, "process", "a producer or an idle worker");
    is_from(queue, 1_795_434_808);

    let (_server, mut w, fleet) = stage("dramatiq", "2.2.1", "worker -p1", 1_795_434_817_000).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "dramatiq:default");
    assert_eq!(counts(queue), [Some(4), Some(2), Some(2), None, Some(1), Some(1)]);
    has_detail(queue, "worker", "0b98889f-02c2-439b-bd27-8fe74e02730a: holds 2 messages and 2 delayed");
    // It holds nothing for a moment, and is a worker all the same.
    run(&mut w, "DEL dramatiq:__acks__.0b98889f-02c2-439b-bd27-8fe74e02730a.default").await;
    run(&mut w, "RENAME dramatiq:__acks__.0b98889f-02c2-439b-bd27-8fe74e02730a.default.DQ held").await;
    run(&mut w, "DEL dramatiq:default").await;
    let view = wait_for(&fleet, "idle", |v| find(v, "dramatiq:default").waiting == Some(0)).await;
    assert_eq!(find(&view, "dramatiq:default").workers, Some(1));
    run(&mut w, "RENAME held dramatiq:__acks__.0b98889f-02c2-439b-bd27-8fe74e02730a.default.DQ").await;
    run(&mut w, "ZADD dramatiq:__heartbeats__ 1 0b98889f-02c2-439b-bd27-8fe74e02730a").await;
    run(&mut w, "ZADD dramatiq:__heartbeats__ 1 29832754-dec5-4692-901e-4c00ca6e78e1").await;
    let view = wait_for(&fleet, "gone", |v| find(v, "dramatiq:default").workers == Some(0)).await;
    has_detail(find(&view, "dramatiq:default"), "gone", "holds 0 messages and 2 delayed ones, silent for");
}

#[tokio::test]
async fn dramatiq_in_two_namespaces_is_kept_apart_and_a_hash_alone_is_none() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for (namespace, n) in [("dramatiq", 1), ("shop:tasks", 2)] {
        run(&mut w, &format!("ZADD {namespace}:__heartbeats__ 1 p")).await;
        for id in 0..n {
            run(&mut w, &format!("HSET {namespace}:default.msgs m{id} {{}}")).await;
            run(&mut w, &format!("RPUSH {namespace}:default m{id}")).await;
        }
    }
    run(&mut w, "HSET other:default.msgs a b").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "both", |v| complete(v) && v.queues.len() == 2).await;
    assert_eq!(
        (find(&view, "dramatiq:default").waiting, find(&view, "shop:tasks:default").waiting),
        (Some(1), Some(2))
    );
    assert_eq!(find(&view, "shop:tasks:default").name, "shop:tasks:default");
    assert_eq!(find(&view, "dramatiq:default").workers, Some(0), "nobody beat for a minute");
}

#[tokio::test]
async fn taskiq_by_list_and_by_stream() {
    let (_server, mut w, fleet) = stage("taskiq-redis", "1.2.4", "list broker, 1 worker", 0).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "taskiq");
    assert_eq!((queue.family, queue.push), ("taskiq", PushEnd::Left));
    assert_eq!(counts(queue), [Some(4), None, None, None, None, None]);
    // Another name is known by the tasks where the user calls it a queue.
    run(&mut w, "RENAME taskiq queue:mails").await;
    wait_for(&fleet, "renamed", |v| v.queues.iter().any(|q| q.name == "queue:mails" && q.family == "taskiq"))
        .await;

    let (_server, mut w, fleet) = stage("taskiq-redis", "1.2.4", "stream broker, 1 worker", 0).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "taskiq");
    assert_eq!(queue.family, "taskiq");
    assert_eq!(counts(queue), [Some(4), Some(2), None, None, None, None]);
    has_detail(queue, "consumer", "6fc2698d-bab2-4256-8818-96259c0c810a: 2 not acknowledged");
    assert!(matches!(queue.oldest, Oldest::At { .. }), "{:?}", queue.oldest);
    call(&mut w, Command::new("XADD taskiq * data").arg("{}")).await;
    let view = wait_for(&fleet, "one more", |v| find(v, "taskiq").waiting == Some(5)).await;
    assert_eq!(find(&view, "taskiq").rates.source, RateSource::Counters);
}

#[tokio::test]
async fn streaq_with_a_worker_and_one_that_was_killed() {
    let (_server, mut w, fleet) = stage("streaq", "7.2.0", "worker concurrency=1", 0).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "streaq:default:queues:normal");
    assert_eq!((queue.family, queue.name.as_str()), ("streaq", "default"));
    assert_eq!(counts(queue), [Some(4), Some(2), Some(1), None, None, Some(1)]);
    has_detail(queue, "worker", "22318d43: 2 not acknowledged");
    has_detail(queue, "running", "1 tasks");
    has_detail(queue, "results", "2 tasks");
    run(&mut w, "DEL streaq:default:health:22318d43").await;
    let view = wait_for(&fleet, "gone", |v| find(v, "streaq:default:queues:normal").workers == Some(0)).await;
    has_detail(find(&view, "streaq:default:queues:normal"), "gone", "22318d43: 2 not acknowledged");

    let (_server, mut w, fleet) = stage("streaq", "7.2.0", "drained", 0).await;
    let view = whole(&fleet).await;
    let queue = find(&view, "streaq:default:queues:normal");
    assert_eq!(counts(queue), [Some(0), Some(0), Some(1), None, None, Some(1)]);
    assert_eq!(queue.oldest, Oldest::Empty);
    run(&mut w, "XADD streaq:default:queues:high * task_id a enqueue_time 1").await;
    run(&mut w, "XGROUP CREATE streaq:default:queues:high workers 0").await;
    let view = wait_for(&fleet, "another priority", |v| v.queues.len() == 2).await;
    assert_eq!(find(&view, "streaq:default:queues:high").name, "default:high");
}

//! Resque, Laravel and the libraries of Go.

use redwarden::domain::queue::{Oldest, PushEnd, RateSource};
use redwarden::domain::{Bytes, Command};
use redwarden::launcher::Server;

use super::recorded::{counts, has_detail, is_from, restore};
use super::{call, complete, find, now, run, wait_for, watch, writer};

fn iso(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

#[tokio::test]
async fn resque_with_a_worker_that_works_and_dies() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "resque", "3.0.0", "worker (queues").await;
    let name = "vm:758:default,mailers";
    run(&mut w, &format!("HSET resque:workers:heartbeat {name} {}", iso(now()))).await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "resque:queue:default");
    assert_eq!((queue.family, queue.name.as_str(), queue.push), ("resque", "default", PushEnd::Right));
    // One list holds the failures of all queues.
    assert_eq!(counts(queue), [Some(5), Some(1), Some(0), None, None, Some(1)]);
    assert_eq!(queue.paused, Some(false));
    has_detail(queue, "worker", "on vm, pid 758, heartbeat");
    has_detail(queue, "worker", "runs Slow since");
    has_detail(queue, "failed list", "1 jobs of all queues");
    assert!(matches!(queue.oldest, Oldest::AtLeast { .. }), "jobs carry no time");
    let mails = find(&view, "resque:queue:mailers");
    assert_eq!(counts(mails), [Some(1), Some(0), Some(0), None, None, Some(1)]);
    run(&mut w, &format!("HSET resque:workers:heartbeat {name} {}", iso(now() - 400))).await;
    run(&mut w, "SET resque:pause-all-workers true").await;
    run(&mut w, "RPUSH resque:default_failed {}").await;
    let view = wait_for(&fleet, "dead and paused", |v| {
        find(v, "resque:queue:default").workers == Some(0)
            && find(v, "resque:queue:mailers").paused == Some(true)
    })
    .await;
    let queue = find(&view, "resque:queue:default");
    has_detail(queue, "gone", "no heartbeat for 6m, holds Slow");
    assert_eq!(queue.failed, Some(1), "a failed list of its own");
}

#[tokio::test]
async fn resque_that_ended_and_others_under_their_own_names() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "resque", "3.0.0", "worker ended").await;
    run(&mut w, "SADD shop:queues carts").await;
    run(&mut w, "SADD shop:workers host:1:*").await;
    run(&mut w, r#"RPUSH shop:queue:carts {"class":"Cart","args":[]}"#).await;
    // Sidekiq's set without a namespace and RQ's with one are not Resque's.
    run(&mut w, "SADD queues mail").await;
    run(&mut w, r#"LPUSH queue:mail {"class":"A","args":[],"jid":"1"}"#).await;
    run(&mut w, "SADD rq:queues rq:queue:default").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 5).await;
    let seen: Vec<(&str, &str)> = view.queues.iter().map(|q| (q.family, q.name.as_str())).collect();
    for one in [
        ("resque", "default"),
        ("resque", "mailers"),
        ("resque", "shop:carts"),
        ("sidekiq", "mail"),
        ("rq", "default"),
    ] {
        assert!(seen.contains(&one), "{one:?} in {seen:?}");
    }
    let queue = find(&view, "resque:queue:default");
    assert_eq!((queue.waiting, queue.workers, queue.in_flight), (Some(0), Some(0), Some(0)));
    // Nothing tells whether that worker lives.
    assert_eq!(find(&view, "shop:queue:carts").workers, None);
}

#[tokio::test]
async fn resque_as_node_writes_it() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SADD resque:queues mail math").await;
    // The workers of one process are numbered.
    run(&mut w, "SADD resque:workers vm:71+1:mail,math vm:71+2:mail").await;
    for (worker, age) in [("vm:71+1", 5), ("vm:71+2", 400)] {
        let ping = format!(r#"{{"time":{},"name":"{worker}","queues":"mail"}}"#, now() - age);
        run(&mut w, &format!("SET resque:worker:ping:{worker} {ping}")).await;
    }
    let date = jiff::Timestamp::from_second(now() - 90).unwrap().strftime("%a %b %d %Y %H:%M:%S");
    let job = r#""queue":"mail","worker":"vm:71+2","payload":{"class":"Slow","queue":"mail","args":[]}"#;
    let job = format!(r#"{{"run_at":"{date} GMT+0000 (Coordinated Universal Time)",{job}}}"#);
    call(&mut w, Command::new("SET").arg("resque:worker:vm:71+2:mail").arg(job)).await;
    // Two seconds with delayed jobs, one of them with jobs of both queues.
    for (second, queues) in [(now() + 600, &["mail", "math"][..]), (now() + 700, &["math"])] {
        for queue in queues {
            let job = format!(r#"{{"class":"Ok","queue":"{queue}","args":[]}}"#);
            run(&mut w, &format!("RPUSH resque:delayed:{second} {job}")).await;
        }
        run(&mut w, &format!("ZADD resque:delayed_queue_schedule {second} {second}")).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let (mail, math) = (find(&view, "resque:queue:mail"), find(&view, "resque:queue:math"));
    assert_eq!(counts(mail), [Some(0), Some(1), Some(1), None, Some(0), Some(1)]);
    assert_eq!(counts(math), [Some(0), Some(0), Some(2), None, Some(0), Some(1)]);
    has_detail(mail, "gone", "on vm, pid 71+2, no heartbeat for 6m, holds Slow since 9");
    has_detail(math, "worker", "on vm, pid 71+1, heartbeat");
    // A name that does not tell its queues leaves their number open; so do too many seconds.
    run(&mut w, "SADD resque:workers someone").await;
    for second in 0..20 {
        run(&mut w, &format!("ZADD resque:delayed_queue_schedule {second} {second}")).await;
    }
    wait_for(&fleet, "unknown", |v| {
        let math = find(v, "resque:queue:math");
        (math.workers, math.scheduled) == (None, None)
    })
    .await;
}

#[tokio::test]
async fn laravel_and_horizon() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "laravel-queue", "8.83.26", "5 pushed").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "laravel_database_queues:default");
    assert_eq!((queue.family, queue.name.as_str()), ("laravel", "laravel_database_default"));
    assert_eq!(counts(queue), [Some(3), Some(1), Some(2), None, None, None]);
    has_detail(queue, "timed out", "1 taken jobs");
    let mails = find(&view, "laravel_database_queues:mails");
    assert_eq!(counts(mails), [Some(1), Some(0), Some(0), None, None, None]);
    run(&mut w, "ZADD laravel_horizon:failed_jobs -1 a -2 b").await;
    // Two supervisors tell their processes, one of them is gone; another application stays apart.
    for (name, age) in [("web", 5), ("lost", 90)] {
        run(&mut w, &format!("ZADD laravel_horizon:supervisors {} {name}", now() - age)).await;
    }
    run(
        &mut w,
        r#"HSET laravel_horizon:supervisor:web processes {"redis:default,mails":3} status running pid 7"#,
    )
    .await;
    let pushed = format!(r#"{{"uuid":"1","displayName":"T","job":"T","pushedAt":"{}.5"}}"#, now() - 60);
    call(&mut w, Command::new("RPUSH").arg("shop-database-queues:{high}").arg(pushed)).await;
    let view = wait_for(&fleet, "horizon", |v| {
        find(v, "laravel_database_queues:mails").workers == Some(3) && v.queues.len() == 3
    })
    .await;
    let queue = find(&view, "laravel_database_queues:default");
    assert_eq!((queue.workers, queue.failed), (Some(3), None));
    has_detail(queue, "worker", "supervisor web, pid 7, running, 3 processes on this queue");
    has_detail(queue, "gone", "supervisor lost");
    has_detail(queue, "failed jobs", "2 of all queues");
    let other = find(&view, "shop-database-queues:{high}");
    assert_eq!((other.name.as_str(), other.workers), ("shop-database-high", None));
    is_from(other, now() - 60);
}

#[tokio::test]
async fn asynq_with_a_server() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "asynq", "0.26.0", "server concurrency=1").await;
    let identity = "asynq:servers:{vm:4145:43dcd181-9f1b-4c34-89d0-bd77bc6fe6b8}";
    run(&mut w, &format!("ZADD asynq:servers {} {identity}", now() + 3600)).await;
    // Two groups as its own RDB.AddToGroup leaves them.
    for (group, tasks) in [("mails", "0 a 0 b"), ("sms", "0 c")] {
        run(&mut w, &format!("SADD asynq:{{default}}:groups {group}")).await;
        run(&mut w, &format!("ZADD asynq:{{default}}:g:{group} {tasks}")).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "asynq:{default}:pending");
    assert_eq!((queue.family, queue.name.as_str()), ("asynq", "default"));
    assert_eq!(counts(queue), [Some(5), Some(1), Some(2), Some(1), Some(1), Some(1)]);
    assert_eq!(queue.paused, Some(false));
    is_from(queue, 1_795_435_764);
    has_detail(queue, "worker", "server on vm, pid 4145, active, 1 of 1 busy");
    has_detail(queue, "worker", "runs slow since");
    has_detail(queue, "completed", "1 tasks");
    has_detail(queue, "groups", "3 tasks wait to be aggregated (");
    has_detail(queue, "orphaned", "e29ae3be-35a8-4806-a7de-64d626674e51: its lease ran out");
    assert_eq!(counts(find(&view, "asynq:{low}:pending"))[..2], [Some(1), Some(0)]);
    // Killed: its own key ran out, its entry stays until another server sweeps it.
    run(&mut w, &format!("DEL {identity}")).await;
    run(&mut w, &format!("ZADD asynq:servers {} {identity}", now() - 60)).await;
    run(&mut w, "SET asynq:{default}:paused 1").await;
    let view = wait_for(&fleet, "gone", |v| {
        let queue = find(v, "asynq:{default}:pending");
        queue.workers == Some(0) && queue.paused == Some(true)
    })
    .await;
    has_detail(find(&view, "asynq:{default}:pending"), "gone", "on vm, pid 4145, no heartbeat for 7");
}

#[tokio::test]
async fn asynq_counts_what_goes_through() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "asynq", "0.26.0", "server shut down").await;
    let fleet = watch(&server);
    wait_for(&fleet, "queues", |v| v.queues.len() == 2 && v.queues.iter().all(|q| q.samples >= 2)).await;
    // Three are pushed, two of them run and are done.
    for n in 0..3 {
        run(&mut w, &format!("LPUSH asynq:{{low}}:pending t{n}")).await;
    }
    for _ in 0..2 {
        run(&mut w, "RPOP asynq:{low}:pending").await;
        run(&mut w, "INCR asynq:{low}:processed").await;
    }
    let view = wait_for(&fleet, "rates", |v| {
        let queue = find(v, "asynq:{low}:pending");
        queue.waiting == Some(1) && queue.rates.outgoing.is_some_and(|r| r > 0.0)
    })
    .await;
    let rates = find(&view, "asynq:{low}:pending").rates;
    assert_eq!(rates.source, RateSource::Counters);
    let (pushed, popped) = (rates.incoming.unwrap(), rates.outgoing.unwrap());
    assert!((pushed / popped - 1.5).abs() < 0.01, "3 in, 2 out: {rates:?}");
}

#[tokio::test]
async fn gocraft_work_with_pools() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let at = now() - 100;
    for line in [
        "SADD shop:work:known_jobs mail resize",
        "SADD shop:work:worker_pools p1 p2",
        &format!(
            "HSET shop:work:worker_pools:p1 heartbeat_at {} started_at {at} job_names mail,resize concurrency 10 \
             worker_ids w1,w2 host vm pid 42",
            now() + 1000
        ),
        &format!("HSET shop:work:worker_pools:p2 heartbeat_at {} job_names mail host old pid 7", now() - 300),
        &format!("HSET shop:work:worker:w1 job_name mail job_id 1 started_at {}", now() - 30),
        "SET shop:work:jobs:mail:lock 3",
        "HSET shop:work:jobs:mail:lock_info p1 1 p2 2",
        "SET shop:work:jobs:mail:max_concurrency 5",
        "SET shop:work:jobs:resize:paused 1",
        &format!(r#"ZADD shop:work:scheduled {} {{"name":"mail","id":"s1"}}"#, now() + 100),
        r#"ZADD shop:work:retry 1 {"name":"resize","id":"r1"}"#,
        r#"ZADD shop:work:dead 1 {"name":"mail","id":"d1"}"#,
        r#"ZADD shop:work:dead 2 {"name":"mail","id":"d2"}"#,
        &format!(r#"LPUSH shop:work:jobs:mail {{"name":"mail","id":"1","t":{at},"args":{{}}}}"#),
        &format!(r#"LPUSH shop:work:jobs:mail {{"name":"mail","id":"2","t":{},"args":{{}}}}"#, now()),
        // Another application on the same node.
        "SADD blog:known_jobs mail",
        r#"LPUSH blog:jobs:mail {"name":"mail","id":"9","t":1,"args":{}}"#,
    ] {
        run(&mut w, line).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 3).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "shop:work:jobs:mail");
    assert_eq!((queue.family, queue.name.as_str()), ("gocraft-work", "shop:work:mail"));
    assert_eq!(counts(queue), [Some(2), Some(3), Some(1), Some(0), Some(2), Some(1)]);
    assert_eq!(queue.paused, Some(false));
    is_from(queue, at);
    has_detail(queue, "worker", "pool p1 on vm, pid 42, 10 at once");
    has_detail(queue, "worker", "runs mail since");
    has_detail(queue, "gone", "pool p2 on old, pid 7, no heartbeat for 5m, holds 2 of mail");
    has_detail(queue, "concurrency", "at most 5");
    let resize = find(&view, "shop:work:jobs:resize");
    assert_eq!(counts(resize), [Some(0), Some(0), Some(0), Some(1), Some(0), Some(1)]);
    assert_eq!(resize.paused, Some(true));
    let other = find(&view, "blog:jobs:mail");
    assert_eq!((other.name.as_str(), other.workers), ("blog:mail", Some(0)));
}

#[tokio::test]
async fn rmq_with_a_connection_that_dies() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    restore(&mut w, "adjust-rmq", "v5.2.0", "consumer busy").await;
    run(&mut w, "SADD rmq::queues clustered").await;
    run(&mut w, "LPUSH rmq::queue::{clustered}::ready a b").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "rmq::queue::[things]::ready");
    assert_eq!((queue.family, queue.name.as_str()), ("rmq", "things"));
    assert_eq!(counts(queue), [Some(5), Some(1), None, None, Some(1), Some(1)]);
    has_detail(queue, "worker", "connection svc-vR4495, 1 consumers, 1 unacknowledged");
    let other = find(&view, "rmq::queue::{clustered}::ready");
    assert_eq!(
        (other.name.as_str(), counts(other)),
        ("clustered", [Some(2), Some(0), None, None, Some(0), Some(0)])
    );
    run(&mut w, "DEL rmq::connection::svc-vR4495::heartbeat").await;
    let view = wait_for(&fleet, "dead", |v| find(v, "rmq::queue::[things]::ready").workers == Some(0)).await;
    has_detail(find(&view, "rmq::queue::[things]::ready"), "gone", "1 unacknowledged, stuck until a cleaner");
}

#[tokio::test]
async fn machinery_by_its_signatures() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let task = |id: &str, queue: &str| {
        format!(r#"{{"UUID":"task_{id}","Name":"add","RoutingKey":"{queue}","ETA":null,"Args":[]}}"#)
    };
    let push = |key: &str, task: String| Command::new("RPUSH").arg(key).arg(task);
    call(&mut w, push("machinery_tasks", task("1", "machinery_tasks"))).await;
    call(&mut w, push("machinery_tasks", task("2", "machinery_tasks"))).await;
    run(&mut w, "RPUSH machinery_parts bolt nut").await;
    for (score, id, queue) in
        [(now() * 1_000_000_000, "3", "reports"), (1, "4", "reports"), (2, "5", "machinery_tasks")]
    {
        let add = Command::new("ZADD").arg("delayed_tasks").arg(score).arg(Bytes::from(task(id, queue)));
        call(&mut w, add).await;
    }
    let fleet = watch(&server);
    let view = wait_for(&fleet, "queues", |v| complete(v) && v.queues.len() == 2).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    let queue = find(&view, "machinery_tasks");
    assert_eq!((queue.family, queue.push), ("machinery", PushEnd::Right));
    assert_eq!(counts(queue), [Some(2), None, Some(1), None, None, None]);
    let reports = find(&view, "reports");
    assert_eq!(counts(reports), [Some(0), None, Some(2), None, None, None]);
}

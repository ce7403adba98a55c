//! What needs commands in order: streams, rates by counters, look-alikes, coming and going.

use std::time::Duration;

use redwarden::act::inspect_queue;
use redwarden::domain::Command;
use redwarden::domain::queue::Oldest;
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, connect};

use super::{call, complete, find, run, wait_for, watch, writer};

#[tokio::test]
async fn a_streams_groups_wait_for_what_they_were_not_given() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for n in 1..=8 {
        run(&mut w, &format!("XADD orders * id {n}")).await;
    }
    run(&mut w, "XADD log * no group").await;
    run(&mut w, "XGROUP CREATE orders billing 0").await;
    run(&mut w, "XREADGROUP GROUP billing c1 COUNT 2 STREAMS orders >").await;
    run(&mut w, "XREADGROUP GROUP billing c2 COUNT 1 STREAMS orders >").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "the stream", |v| complete(v) && !v.queues.is_empty()).await;
    assert_eq!(view.queues.len(), 1, "a stream without a group is a log: {:#?}", view.queues);
    let queue = find(&view, "orders");
    assert_eq!((queue.family, queue.waiting, queue.in_flight), ("stream", Some(5), Some(3)));
    assert!(matches!(queue.oldest, Oldest::At { .. }), "{:?}", queue.oldest);
    // The server's own lag stays 5.
    run(&mut w, "XTRIM orders MAXLEN 2").await;
    let view = wait_for(&fleet, "trimmed", |v| find(v, "orders").waiting == Some(2)).await;
    assert!(
        find(&view, "orders").details[0].text.contains("3 trimmed"),
        "{:?}",
        find(&view, "orders").details
    );
    // The lag of a group that begins in the middle after a deletion is not known to the server: it is counted.
    run(&mut w, "XADD orders 9999999999999-1 id 9").await;
    run(&mut w, "XADD orders 9999999999999-2 id 10").await;
    run(&mut w, "XDEL orders 9999999999999-1").await;
    wait_for(&fleet, "counted", |v| find(v, "orders").waiting == Some(3)).await;
    run(&mut w, "XGROUP DESTROY orders billing").await;
    wait_for(&fleet, "no group, no queue", |v| v.queues.is_empty()).await;
}

#[tokio::test]
async fn a_library_list_is_never_a_plain_one() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let job = r#"{"class":"A","args":[],"jid":"b1","queue":"emails","enqueued_at":1795435408.5}"#;
    call(&mut w, Command::new("LPUSH").arg("queue:emails").arg(job)).await;
    run(&mut w, "LPUSH queue:own x").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "both", |v| v.queues.len() == 2).await;
    assert_eq!(find(&view, "queue:emails").family, "list", "nothing says whose it is yet");
    run(&mut w, "SADD queues emails").await;
    let view = wait_for(&fleet, "Sidekiq's", |v| find(v, "queue:emails").family == "sidekiq").await;
    assert_eq!((view.queues.len(), find(&view, "queue:own").family), (2, "list"));
    // Resque's jobs have no id, and it has a set of workers.
    run(&mut w, "SADD ns:queues mail").await;
    run(&mut w, "SADD ns:workers w").await;
    run(&mut w, "SADD my:queues not-a-library").await;
    wait_for(&fleet, "looked again", |v| {
        v.nodes[0].snapshot.scan.passes > view.nodes[0].snapshot.scan.passes + 2 && v.queues.len() == 2
    })
    .await;
}

#[tokio::test]
async fn many_keys_of_a_look_alike_cost_little_and_unusual_prefixes_are_found() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let script = "for i=1,20000 do redis.call('HSET','doc:'..i..':meta','a','b') redis.call('SET','user:'..i..':id',i) end";
    call(&mut w, Command::new("EVAL").arg(script).arg(0_i64)).await;
    run(&mut w, "HSET jobs2:mail:meta version bullmq:5.0.0").await;
    run(&mut w, "LPUSH jobs2:mail:wait 1").await;
    run(&mut w, "XGROUP CREATE events g $ MKSTREAM").await;
    run(&mut w, "CONFIG RESETSTAT").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "a pass", complete).await;
    let names: Vec<&str> = view.queues.iter().map(|q| q.name.as_str()).collect();
    assert_eq!(names, ["events", "jobs2:mail"]);
    let stats = run(&mut w, "INFO commandstats").await.as_bytes().unwrap().escaped();
    let calls = stats.split("cmdstat_type:calls=").nth(1).unwrap().split(',').next().unwrap();
    assert!(calls.parse::<u32>().unwrap() < 500, "TYPE was asked {calls} times");
}

#[tokio::test]
async fn nothing_is_pushed_to_a_library_without_force() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let separator = "\x06\x16";
    let binding = format!("mail{separator}{separator}mail");
    call(&mut w, Command::new("SADD").arg("_kombu.binding.mail").arg(binding)).await;
    run(&mut w, "SADD rq:queues rq:queue:default").await;
    run(&mut w, "SADD queues emails").await;
    run(&mut w, "SET stat:processed 7").await;
    run(&mut w, "HSET jobs2:mail:meta version bullmq:5.0.0").await;
    run(&mut w, "HSET bull:q:meta version bullmq:5.0.0").await;
    run(&mut w, "XGROUP CREATE s g $ MKSTREAM").await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "all", |v| complete(v) && v.queues.len() == 6).await;
    let mut reader = connect(&server.endpoint(), ClientRole::Poll, Duration::from_secs(5)).await.unwrap();
    for queue in &view.queues {
        let found = inspect_queue(&mut reader, &queue.id.key, 0).await.unwrap();
        let refused = found.refusal().or(found.needs_force());
        assert!(refused.is_some(), "{}: {found:?}", queue.id.key);
    }
}

#[tokio::test]
async fn a_queue_leaves_with_its_registry() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "HSET bull:q:meta version bullmq:5.0.0").await;
    let fleet = watch(&server);
    wait_for(&fleet, "it", |v| v.queues.len() == 1).await;
    run(&mut w, "DEL bull:q:meta").await;
    wait_for(&fleet, "obliterated", |v| v.queues.is_empty()).await;
    run(&mut w, "HSET bull:q:meta version bullmq:5.0.0").await;
    wait_for(&fleet, "found again", |v| v.queues.len() == 1).await;
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_fewer_are_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SADD rq:queues rq:queue:default").await;
    run(&mut w, "SADD rq:workers rq:worker:w").await;
    run(&mut w, "HSET rq:worker:w queues default state idle").await;
    run(&mut w, "RPUSH rq:queue:default j1").await;
    run(&mut w, "HSET rq:job:j1 enqueued_at 2026-01-01T00:00:00Z").await;
    run(&mut w, "SADD queues mail").await;
    run(&mut w, r#"ZADD retry 1 {"queue":"mail"}"#).await;
    run(&mut w, "HSET bull:q:meta version bullmq:5.0.0").await;
    run(&mut w, "XADD s * a b").await;
    run(&mut w, "XGROUP CREATE s g 0").await;
    run(&mut w, "ZADD arq:queue 1 j1").await;
    run(&mut w, "SET arq:job:j1 x").await;
    run(&mut w, "RPUSH saq:q:queued saq:job:q:1").await;
    run(&mut w, "ZADD saq:q:incomplete 0 saq:job:q:1 9 saq:job:q:2").await;
    run(&mut w, "RPUSH saq:q:active saq:job:q:3").await;
    run(&mut w, "ZADD dramatiq:__heartbeats__ 1 p").await;
    run(&mut w, "HSET dramatiq:q.msgs a {}").await;
    run(&mut w, "SADD dramatiq:__acks__.p.q a").await;
    run(&mut w, "XADD streaq:d:queues:normal * a b").await;
    run(&mut w, "XGROUP CREATE streaq:d:queues:normal workers 0").await;
    run(&mut w, "XREADGROUP GROUP workers w1 STREAMS streaq:d:queues:normal >").await;
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|l| l.starts_with("ACL SETUSER redwarden-watch")).unwrap();
    let commands: Vec<&str> = line.split(' ').filter(|word| word.starts_with('+')).collect();
    let more = readme.split("and `+").nth(1).unwrap().split('`').next().unwrap();
    // CLIENT NO-TOUCH came with 7.2.
    let all = format!("{} +{more}", commands.join(" ").replace(" +client|no-touch", ""));
    for (user, rights, denied) in
        [("all", all.as_str(), None), ("few", &all.replace("+sscan ", ""), Some("SSCAN"))]
    {
        run(&mut w, &format!("ACL SETUSER {user} on >pw %R~* {rights}")).await;
        let mut config = super::config(&server);
        config.nodes[0].endpoint.username = Some(user.into());
        config.nodes[0].endpoint.password = Some(redwarden::config::Secret::new("pw"));
        let fleet = redwarden::poll::Fleet::spawn(std::sync::Arc::new(config));
        let queues = if denied.is_some() { 6 } else { 8 };
        let view = wait_for(&fleet, user, |v| complete(v) && v.queues.len() == queues).await;
        let told: Vec<&str> = view.nodes[0].snapshot.denied.iter().map(|d| d.command.as_str()).collect();
        assert_eq!(told, denied.into_iter().collect::<Vec<_>>(), "{user}");
        if denied.is_none() {
            let queue = find(&view, "rq:queue:default");
            assert_eq!((queue.waiting, queue.workers), (Some(1), Some(1)));
            assert!(matches!(queue.oldest, Oldest::At { .. }));
            assert_eq!(find(&view, "queue:mail").retry, Some(1));
            assert_eq!(find(&view, "s").waiting, Some(1));
            assert_eq!(find(&view, "arq:queue").waiting, Some(1));
            assert_eq!(
                (find(&view, "saq:q:queued").in_flight, find(&view, "saq:q:queued").scheduled),
                (Some(1), Some(1))
            );
            assert!(find(&view, "dramatiq:q").details.iter().any(|d| d.text.contains("holds 1 messages")));
            let streaq = find(&view, "streaq:d:queues:normal");
            assert_eq!((streaq.in_flight, streaq.workers), (Some(1), Some(0)));
        }
    }
}

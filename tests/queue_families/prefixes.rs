//! Two applications of one library on one node, each under a prefix of its own.

use std::sync::Arc;

use redwarden::config::Secret;
use redwarden::decode::Redactor;
use redwarden::domain::Command;
use redwarden::domain::queue::PushEnd;
use redwarden::family::TaskSet;
use redwarden::family::registry::queue_family;
use redwarden::launcher::Server;
use redwarden::peek::{Subject, peek};
use redwarden::poll::Fleet;
use redwarden::redis_io::{ClientRole, connect};

use super::own::with_file;
use super::recorded::{counts, has_detail, restore};
use super::{call, complete, find, now, run, wait_for, writer};

const FILE: &str = r#"
    [queue_prefixes]
    laravel = ["shop", "queue:blog_"]
    gocraft-work = ["shop", "queue:blog"]
    kue = ["shop", "queue"]
    celery = ["shop.", "blog."]
"#;

/// Puts everything that begins with the one under the other.
async fn move_keys(w: &mut redwarden::redis_io::Writer, from: &str, to: &str) {
    let keys = run(w, &format!("KEYS {from}*")).await;
    for key in keys.as_array().unwrap() {
        let old = key.as_bytes().unwrap();
        let new = [to.as_bytes(), old.as_slice().strip_prefix(from.as_bytes()).unwrap()].concat();
        call(w, Command::new("RENAME").arg(old).arg(redwarden::domain::Bytes::from(new))).await;
    }
}

/// For a user who may not search: only what was told is found.
fn without_search(server: &Server, file: &str) -> redwarden::config::Config {
    let mut config = with_file(server, file);
    config.nodes[0].endpoint.username = Some("few".into());
    config.nodes[0].endpoint.password = Some(Secret::new("pw"));
    config
}

#[tokio::test]
async fn laravel_applications_under_prefixes_that_were_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ACL SETUSER few on >pw ~* &* +@all -scan").await;
    // One ends in a letter, and the lists of the other match the usual pattern of plain ones.
    for prefix in ["shop", "queue:blog_"] {
        restore(&mut w, "laravel-queue", "8.83.26", "5 pushed").await;
        move_keys(&mut w, "laravel_database_", prefix).await;
    }
    run(&mut w, "DEL shopqueues:mails").await;
    for prefix in ["shop", "queue:blog_"] {
        run(&mut w, &format!("ZADD {prefix}horizon:supervisors {} web", now())).await;
        run(&mut w, &format!("ZADD {prefix}horizon:failed_jobs -1 a -2 b")).await;
    }
    let fleet = Fleet::spawn(Arc::new(with_file(&server, FILE)));
    let view = wait_for(&fleet, "both", |v| complete(v) && v.queues.len() >= 3).await;
    let mut seen: Vec<_> = view.queues.iter().map(|q| (q.family, q.name.as_str())).collect();
    seen.sort_unstable();
    let blog = [("laravel", "queue:blog_default"), ("laravel", "queue:blog_mails")];
    assert_eq!(seen, [blog[0], blog[1], ("laravel", "shopdefault")]);
    let shop = find(&view, "shopqueues:default");
    assert_eq!(counts(shop)[..3], [Some(3), Some(1), Some(2)]);
    assert_eq!(shop.failed, Some(2), "the only queue of its application");
    // It is known at once that its application has another queue only where that was found first.
    let view =
        wait_for(&fleet, "one of two", |v| find(v, "queue:blog_queues:default").failed.is_none()).await;
    let blog = find(&view, "queue:blog_queues:default");
    has_detail(blog, "failed jobs", "2 of all queues");
    let fleet = Fleet::spawn(Arc::new(without_search(&server, FILE)));
    wait_for(&fleet, "both without a search", |v| v.queues.len() == 2).await;
}

#[tokio::test]
async fn gocraft_work_in_namespaces_that_were_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ACL SETUSER few on >pw ~* &* +@all -scan").await;
    // The third has none.
    for (base, jobs) in [("shop:", 1), ("queue:blog:", 2), ("", 3)] {
        run(&mut w, &format!("SADD {base}known_jobs mail")).await;
        for n in 0..jobs {
            run(&mut w, &format!(r#"LPUSH {base}jobs:mail {{"name":"mail","id":"{n}","t":{}}}"#, now()))
                .await;
        }
        run(&mut w, &format!(r#"LPUSH {base}jobs:mail:p1:inprogress {{"name":"mail","id":"9","t":1}}"#))
            .await;
        run(&mut w, &format!("SET {base}jobs:mail:lock {jobs}")).await;
        run(&mut w, &format!(r#"ZADD {base}dead 1 {{"name":"mail","id":"d{jobs}"}}"#)).await;
        run(&mut w, &format!("SADD {base}worker_pools p1")).await;
        run(&mut w, &format!("HSET {base}worker_pools:p1 heartbeat_at {} job_names mail", now() + 600)).await;
    }
    for config in [with_file(&server, FILE), without_search(&server, FILE)] {
        let fleet = Fleet::spawn(Arc::new(config));
        let view = wait_for(&fleet, "all", |v| v.queues.len() == 3).await;
        for (base, jobs) in [("shop:", 1), ("queue:blog:", 2), ("", 3)] {
            let queue = find(&view, format!("{base}jobs:mail").as_str());
            assert_eq!((queue.family, queue.name.clone()), ("gocraft-work", format!("{base}mail")));
            assert_eq!(counts(queue), [Some(jobs), Some(jobs), Some(0), Some(0), Some(1), Some(1)], "{base}");
        }
    }
    let fleet = Fleet::spawn(Arc::new(with_file(&server, FILE)));
    let view = wait_for(&fleet, "a whole search", complete).await;
    assert_eq!(view.queues.len(), 3, "what a pool took is no queue: {:#?}", view.queues);
}

#[tokio::test]
async fn kue_under_prefixes_that_were_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ACL SETUSER few on >pw ~* &* +@all -scan").await;
    for (prefix, jobs) in [("shop", 1), ("queue", 2)] {
        run(&mut w, &format!("SADD {prefix}:job:types email")).await;
        run(&mut w, &format!("SET {prefix}:ids 10")).await;
        for n in 0..jobs {
            run(&mut w, &format!("ZADD {prefix}:jobs:email:inactive 0 01|{n}")).await;
            run(&mut w, &format!("ZADD {prefix}:jobs:email:failed 0 01|5{n}")).await;
            // Wakes a worker; its name is that of a plain list.
            run(&mut w, &format!("LPUSH {prefix}:email:jobs 1")).await;
        }
    }
    for config in [with_file(&server, FILE), without_search(&server, FILE)] {
        let fleet = Fleet::spawn(Arc::new(config));
        let view = wait_for(&fleet, "both", |v| v.queues.len() == 2).await;
        for (prefix, jobs) in [("shop", 1), ("queue", 2)] {
            let queue = find(&view, format!("{prefix}:jobs:email:inactive").as_str());
            assert_eq!((queue.family, queue.name.clone()), ("kue", format!("{prefix}:email")));
            assert_eq!((queue.waiting, queue.failed, queue.push), (Some(jobs), Some(jobs), PushEnd::Right));
        }
    }
    let fleet = Fleet::spawn(Arc::new(with_file(&server, FILE)));
    let view = wait_for(&fleet, "a whole search", complete).await;
    assert_eq!(view.queues.len(), 2, "{:#?}", view.queues);
}

#[tokio::test]
async fn celery_applications_hold_what_is_theirs() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    for (prefix, held) in [("shop.", 2), ("blog.", 1)] {
        let binding = "celery\x06\x16\x06\x16celery";
        call(&mut w, Command::new("SADD").arg(format!("{prefix}_kombu.binding.celery")).arg(binding)).await;
        run(&mut w, &format!("LPUSH {prefix}celery x")).await;
        for n in 0..held {
            run(&mut w, &format!("HSET {prefix}unacked {n} x")).await;
        }
    }
    let fleet = Fleet::spawn(Arc::new(with_file(&server, FILE)));
    let view = wait_for(&fleet, "both", |v| complete(v) && v.queues.len() == 2).await;
    for (prefix, held) in [("shop.", 2), ("blog.", 1)] {
        let queue = find(&view, format!("{prefix}celery").as_str());
        assert_eq!((queue.waiting, queue.in_flight), (Some(1), Some(held)), "{prefix}");
        has_detail(queue, "held", "of all queues of this prefix");
        // A look at what is held goes where this application keeps it.
        let timeout = std::time::Duration::from_secs(5);
        let mut reader = connect(&server.endpoint(), ClientRole::Poll, timeout).await.unwrap();
        let family = queue_family("celery").unwrap();
        let (key, application) = (&queue.id.key, &queue.application);
        let subject = Subject { family, key, application, push: queue.push };
        let seen = peek(&mut reader, subject, TaskSet::InFlight, 3, &Redactor::default()).await.unwrap();
        assert_eq!((seen.count, seen.shared), (Some(held), true), "{prefix}");
    }
}

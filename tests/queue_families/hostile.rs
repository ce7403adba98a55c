//! Whatever a server answers: no family panics, and what it shows can't drive a terminal.

use std::time::Duration;

use proptest::prelude::*;
use redwarden::config::{Config, Liveness, QueueSchema, QueueType};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::reply::ReplyError;
use redwarden::domain::{Bytes, NodeId, Reply, Stamp};
use redwarden::family::template::Template;
use redwarden::family::{Context, Dialect, KeyFact, QueueMemory, Registry};

fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        prop_oneof![
            Just("name"),
            Just("last-delivered-id"),
            Just("lag"),
            Just("0-1"),
            Just("99999999999999999999-0"),
            Just("rq:queue:a"),
            Just("queue:\x06\x16\x06\x16q"),
            Just("bullmq:6"),
            Just("zset"),
            Just("set"),
            Just("list"),
            Just("host:1:*,a"),
            Just("0.5"),
            Just("inf"),
            Just("a:workers"),
            Just("{\"redis:default,mails\":3}"),
            Just("{\"UUID\":\"1\",\"RoutingKey\":\"q\"}"),
            Just("{\"uuid\":1,\"displayName\":\"T\"}"),
            Just("asynq:servers:{h:1:u}"),
            Just("-1"),
            Just("9223372036854775807"),
            Just("2026-11-23T11:44:37.118979Z"),
            Just("{\"queues\":[1,\"a\"]}"),
        ]
        .prop_map(Bytes::from),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        Just(Reply::Nil),
        any::<i64>().prop_map(Reply::Int),
        (0_i64..4).prop_map(Reply::Int),
        text().prop_map(Reply::Bulk),
        "[a-z]{0,8}".prop_map(Reply::Status),
        Just(Reply::Error(ReplyError { code: "WRONGTYPE".into(), message: "x".into() })),
        Just(Reply::Error(ReplyError { code: "NOPERM".into(), message: "x".into() })),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Reply::Array),
            proptest::collection::vec((inner.clone(), inner), 0..3).prop_map(Reply::Map),
        ]
    })
}

fn context(at: Stamp, server_ms: i64) -> Context {
    Context {
        node: NodeId::new("n"),
        db: 0,
        at,
        server_ms,
        push: PushEnd::Left,
        is_new: false,
        rate_window: Duration::from_secs(10),
    }
}

/// A family of the user's own of each type, with all that it may have.
fn own() -> Vec<QueueSchema> {
    let template = |text: &str| Template::new(text, "{name}");
    let kinds = [QueueType::List, QueueType::Stream, QueueType::Zset];
    let schema = |kind: QueueType| QueueSchema {
        id: format!("own-{}", kind.word()),
        queue: template("arq:{name}").unwrap(),
        kind,
        push: PushEnd::Left,
        per_second: (kind == QueueType::Zset).then_some(1000),
        registry: Some("queues".into()),
        processing: template("p:{name}"),
        delayed: template("d:{name}"),
        retry: template("r:{name}"),
        failed: template("f:{name}"),
        completed: template("c:{name}"),
        paused: template("h:{name}"),
        workers: Some(match kind {
            QueueType::List => {
                let heartbeat = Template::new("w:{worker}", "{worker}").unwrap();
                Liveness::Keys { registry: "w".into(), heartbeat }
            }
            _ => Liveness::Scores { registry: "w".into(), alive_for: Duration::from_secs(30) },
        }),
    };
    kinds.map(schema).into()
}

proptest! {
    #[test]
    fn no_reply_makes_a_family_panic(
        key in prop_oneof![text(), Just(Bytes::from("rq:queues")), Just("a:meta".into()), Just("a:wait".into()),
            Just("queues".into()), Just("_kombu.binding.c".into()), Just("rq:queue:a".into()),
            Just("huey.redis.a".into()), Just("arq:queue".into()), Just("saq:a:stats".into()),
            Just("saq:a:queued".into()), Just("d:q.DQ.msgs".into()), Just("taskiq".into()),
            Just("streaq:a:queues:delayed:normal".into()),
            Just("resque:queues".into()), Just("a_database_queues:{q}:delayed".into()), Just("queues:".into()),
            Just("asynq:queues".into()), Just("asynq:{q}:pending".into()), Just("a:known_jobs".into()),
            Just("rmq::queues".into()), Just("rmq::queue::[q]::ready".into()), Just("delayed_tasks".into()),
            Just("core:apalis:queues:list".into()), Just("a:active".into()), Just("bq:a:jobs".into()),
            Just("q:job:types".into()), Just("q:jobs:a:inactive".into()), Just("machinery".into())],
        looks in proptest::collection::vec(proptest::collection::vec(reply(), 0..20), 1..4),
        server_ms in any::<i64>(),
    ) {
        let registry = Registry::new(&Config { queue_families: own(), ..Config::default() });
        for family in registry.queue_families() {
            let (mut memory, mut queue) = (QueueMemory::default(), None);
            let fact = KeyFact {
                key: key.clone(), key_type: "list".into(), lock_pattern: false, queue_pattern: true,
            };
            let mut at = Stamp::now();
            for replies in &looks {
                at.mono += Duration::from_millis(700);
                let ctx = context(at, server_ms);
                let _ = (family.may_be_clue(key.as_slice()), family.owns(key.as_slice()), family.is_clue(&fact));
                let _ = (family.site_reads(&key), family.site_more(&key, replies), family.site_deep(&key, replies));
                if let Some(part) =
                    family.site(&key, replies, &ctx).and_then(|site| site.queues.into_iter().next())
                {
                    memory.part = part.part;
                }
                let _ = (family.reads(&key, PushEnd::Left, &memory), family.more_reads(&key, replies));
                let _ = family.tasks_at(&key, PushEnd::Left);
                for part in replies.iter().filter_map(Reply::as_bytes) {
                    for label in ["", "msg"] {
                        let _ = family.unfold(label, &part);
                    }
                    // Only reads of the closed list, whatever the element says; they can be sent.
                    for (_, read) in family.task_parts(&key, &part) {
                        prop_assert!(["GETRANGE", "EVAL_RO"].contains(&read.command(Dialect::EvalRo).name().as_str()));
                    }
                }
                queue = family.interpret(&fact, queue.as_ref(), &mut memory, replies, &ctx);
                if let (Some(queue), Some(text)) = (&mut queue, replies.iter().find_map(Reply::as_bytes)) {
                    redwarden::family::consumers::Consumers::parse(&text, 0).enter(queue, None);
                }
                if let Some(queue) = &queue {
                    let shown = queue.details.iter().map(|d| d.text.as_str()).chain([queue.name.as_str()]);
                    for text in shown {
                        prop_assert!(!text.contains(char::is_control), "{text:?}");
                    }
                }
            }
        }
    }
}

//! Libraries that nobody described, as they wrote their keys on a real server: what is said of them by default is
//! little, and none of it false.

use redwarden::domain::lock::LockState;
use redwarden::launcher::Server;

use super::{complete, now, run, wait_for, watch, writer};

/// Keys of rpqueue 0.33, tasktiger 0.26, HotQueue 0.2, minique 0.12, RSMQ 0.12, WakaQ 4.0, redlock-ng 2.0 and
/// redis-lock 1.0.
async fn write(server: &Server) {
    let mut w = writer(server).await;
    let (soon, ms) = (now() + 600, (now() + 600) * 1000);
    for command in [
        // Two for now in the list, one for later in the sorted set, each with its message.
        "RPUSH nqueue:mail_queue a b".to_owned(),
        format!("ZADD queue:mail_queue {soon} c"),
        "HSET messages:mail_queue a 1 b 1 c 1".into(),
        "SADD queues:all mail_queue".into(),
        format!("ZADD locks: {soon} nightly_lock"),
        "SADD t:scheduled mail".into(),
        format!("ZADD t:scheduled:mail {soon} id"),
        "SADD t:active mail".into(),
        format!("ZADD t:active:mail {} id2", now()),
        "SET t:task:id {\"queue\":\"mail\"}".into(),
        "SET t:lockv2:f93deb6e 1 EX 60".into(),
        "LPUSH hotqueue:emails a b".into(),
        "RPUSH mqq:thumbs mqj:a mqj:b mqj:c".into(),
        "HSET mqj:a status none".into(),
        format!("ZADD rsmq:mail {ms} id"),
        "HSET rsmq:mail:Q totalsent 5 totalrecv 1".into(),
        "SADD rsmq:QUEUES mail".into(),
        "RPUSH wakaq:high {}".into(),
        format!("ZADD wakaq:eta:high {soon} {{}}"),
        "SET lock:redlock-ng 34c92ece-7a9a-47e0-bd65-5f3dbb1d3a6e PX 60000".into(),
        "SET lock.myResource 1795466956000 PX 60000".into(),
    ] {
        run(&mut w, &command).await;
    }
}

#[tokio::test]
async fn nothing_false_is_said_of_libraries_that_nobody_described() {
    let server = Server::start(&[]).unwrap();
    write(&server).await;
    let fleet = watch(&server);
    let view = wait_for(&fleet, "a whole search", |v| complete(v) && !v.queues.is_empty()).await;
    assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
    // What waits for its time is not waiting, and nobody's registry makes a queue of something else.
    let queues: Vec<_> =
        view.queues.iter().map(|q| (q.id.key.to_string(), q.family, q.waiting, q.in_flight)).collect();
    assert_eq!(queues, [("nqueue:mail_queue".to_owned(), "list", Some(2), None)]);
    // One lock has the name of one. Its value could be of several libraries, and none is sure.
    let locks: Vec<_> = view.locks.iter().collect();
    let [lock] = locks.as_slice() else { panic!("{locks:#?}") };
    assert_eq!((lock.id.key.to_string().as_str(), lock.family), ("lock:redlock-ng", "setnx"));
    assert!(lock.candidates.len() > 1 && lock.candidates.iter().all(|(_, sure)| *sure < 50), "{lock:#?}");
    let rules = redwarden::domain::Rules::default();
    assert_eq!(lock.state(&rules, std::time::Instant::now()), LockState::Held);
}

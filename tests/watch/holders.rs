//! Whether holders live, told by real servers: a named client, a worker's heartbeat, a library's own keys.

use redwarden::domain::presence::HolderState;
use redwarden::domain::{FleetView, Lock, Rules, Severity, Stamp};
use redwarden::launcher::Server;

use super::diagnostics::wait_refreshed;
use super::{run, watch, writer};

fn find<'a>(view: &'a FleetView, key: &str) -> Option<&'a Lock> {
    view.locks.iter().find(|l| l.id.key.as_slice() == key.as_bytes()).map(AsRef::as_ref)
}

fn holder(view: &FleetView, key: &str) -> Option<HolderState> {
    find(view, key).map(|lock| lock.holder_state(Stamp::now().mono))
}

fn codes(lock: &Lock) -> Vec<(&'static str, Severity)> {
    lock.findings(&Rules::default(), Stamp::now().mono).iter().map(|f| (f.code, f.severity)).collect()
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_lock_behind() {
    let server = Server::start(&[]).unwrap();
    let mut worker = writer(&server).await;
    run(&mut worker, "CLIENT SETNAME worker-7").await;
    run(&mut worker, "SET lock:import worker-7:1f0c9b52 PX 600000").await;
    run(&mut worker, "SET lock:forever worker-7:77").await;
    run(&mut worker, "SET lock:other 3dcb04b8-2e15-4208-8244-348d3fb4fa6c PX 600000").await;
    let fleet = watch(&[server.endpoint()]);
    let view =
        wait_refreshed(&fleet, "alive", |v| holder(v, "lock:import") == Some(HolderState::Alive)).await;
    let evidence = find(&view, "lock:import").unwrap().evidence(Stamp::now().mono).unwrap();
    assert!(
        evidence.starts_with("a client named worker-7 is connected from 127.0.0.1 (as of "),
        "{evidence}"
    );
    assert_eq!(holder(&view, "lock:other"), Some(HolderState::Unknown));
    drop(worker);
    let view = wait_refreshed(&fleet, "gone", |v| holder(v, "lock:import") == Some(HolderState::Gone)).await;
    assert_eq!(codes(find(&view, "lock:import").unwrap()), [("holder-gone", Severity::Warning)]);
    assert_eq!(
        codes(find(&view, "lock:forever").unwrap()),
        [("never-expires", Severity::Critical), ("holder-gone", Severity::Critical)]
    );
    assert_eq!(holder(&view, "lock:other"), Some(HolderState::Unknown));
    // Somebody renews it all the same: who holds it lives.
    let mut other = writer(&server).await;
    run(&mut other, "PEXPIRE lock:import 900000").await;
    wait_refreshed(&fleet, "renewed", |v| holder(v, "lock:import") == Some(HolderState::Alive)).await;
}

#[tokio::test]
async fn without_client_list_nobody_is_gone() {
    let server = Server::start(&[]).unwrap();
    let mut worker = writer(&server).await;
    run(&mut worker, "CLIENT SETNAME worker-7").await;
    run(&mut worker, "SET lock:import worker-7:1f0c9b52 PX 600000").await;
    let fleet = watch(&[server.endpoint()]);
    wait_refreshed(&fleet, "alive", |v| holder(v, "lock:import") == Some(HolderState::Alive)).await;
    let mut admin = writer(&server).await;
    run(&mut admin, "ACL SETUSER default -client|list").await;
    drop(worker);
    wait_refreshed(&fleet, "not known", |v| holder(v, "lock:import") == Some(HolderState::Unknown)).await;
}

#[tokio::test]
async fn a_workers_heartbeat_that_ran_out_is_told() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SADD rq:queues rq:queue:default").await;
    run(&mut w, "SADD rq:workers rq:worker:importer-1").await;
    run(&mut w, "HSET rq:worker:importer-1 queues default state busy hostname web-3 pid 77").await;
    run(&mut w, "RPUSH rq:queue:default 78e79d0b-87f5-4a5d-b23a-66637a5de832").await;
    run(&mut w, "SET lock:import importer-1:77 PX 600000").await;
    // The scheduler's hash and lock, as RQ 3 keeps them, and a lock whose task is over.
    let id = "f126cd8a4b654d018509502efa143680";
    run(&mut w, &format!("SET rq:scheduler-lock:default {id} PX 600000")).await;
    run(&mut w, &format!("HSET rq:scheduler:{id} name s1 hostname web-3 pid 78")).await;
    let task = "0a4c4b8e-2e15-4208-8244-348d3fb4fa6c";
    run(&mut w, &format!("SET SINGLETONLOCK_d41d8cd98f00b204e9800998ecf8427e {task}")).await;
    let fleet = watch(&[server.endpoint()]);
    let view = wait_refreshed(&fleet, "both alive", |v| {
        [holder(v, "lock:import"), holder(v, "rq:scheduler-lock:default")] == [Some(HolderState::Alive); 2]
    })
    .await;
    let singleton = "SINGLETONLOCK_d41d8cd98f00b204e9800998ecf8427e";
    assert_eq!(holder(&view, singleton), Some(HolderState::Unknown));
    run(&mut w, "DEL rq:worker:importer-1").await;
    run(&mut w, &format!("DEL rq:scheduler:{id}")).await;
    run(&mut w, &format!("SET celery-task-meta-{task} {{\"status\":\"SUCCESS\"}}")).await;
    let view = wait_refreshed(&fleet, "all gone", |v| {
        ["lock:import", "rq:scheduler-lock:default", singleton]
            .iter()
            .all(|key| holder(v, key) == Some(HolderState::Gone))
    })
    .await;
    let told = find(&view, "lock:import").unwrap().evidence(Stamp::now().mono).unwrap();
    assert!(told.starts_with("the heartbeat of the worker importer-1 ran out"), "{told}");
}

#[tokio::test]
async fn a_redisson_client_that_renews_one_lock_lives_for_its_others() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    let client = "b983c153-7421-469a-addb-44fb92259a1b";
    run(&mut w, &format!("HSET lock:a {client}:1 1")).await;
    run(&mut w, "PEXPIRE lock:a 30000").await;
    run(&mut w, &format!("HSET lock:b {client}:2 1")).await;
    run(&mut w, "PEXPIRE lock:b 600000").await;
    run(&mut w, "HSET lock:c 99999999-7421-469a-addb-44fb92259a1b:2 1").await;
    run(&mut w, "PEXPIRE lock:c 600000").await;
    let fleet = watch(&[server.endpoint()]);
    wait_refreshed(&fleet, "three locks", |v| v.locks.len() == 3).await;
    run(&mut w, "PEXPIRE lock:a 60000").await;
    let view = wait_refreshed(&fleet, "alive", |v| holder(v, "lock:b") == Some(HolderState::Alive)).await;
    assert!(
        find(&view, "lock:b")
            .unwrap()
            .evidence(Stamp::now().mono)
            .unwrap()
            .contains("renews another lock, lock:a")
    );
    assert_eq!(holder(&view, "lock:c"), Some(HolderState::Unknown));
}

//! The search on a server that is slow: rarer, smaller, and one in a hurry is no exception.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redwarden::config::Config;
use redwarden::domain::Reply;
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::push::info;
use super::{config, run, wait_for, writer};

/// COUNT of each SCAN that the slow log holds, newest first.
async fn counts(writer: &mut Writer) -> Vec<u64> {
    let log = run(writer, "SLOWLOG GET 300").await;
    let text = |reply: &Reply| reply.as_bytes().map(|b| b.escaped()).unwrap_or_default();
    let arguments = log.as_array().unwrap().iter().filter_map(|entry| entry.as_array()?.get(3)?.as_array());
    let scans = arguments.filter(|args| args.first().is_some_and(|name| text(name) == "SCAN"));
    scans.filter_map(|args| text(args.last()?).parse().ok()).collect()
}

#[tokio::test]
async fn a_server_that_is_busy_is_left_in_peace() {
    let server = Server::start(&["--enable-debug-command", "yes", "--slowlog-max-len", "1000"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "DEBUG POPULATE 300000 key 10").await;
    run(&mut w, "SET last:lock 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 600000").await;
    run(&mut w, "CONFIG SET slowlog-log-slower-than 0").await;
    // One look is long enough for all of it: nothing but the search's own pauses stands between its calls.
    let patient = Config {
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        ..config(&[server.endpoint()])
    };
    let fleet = Fleet::spawn(Arc::new(patient));
    wait_for(&fleet, "a whole pass", |v| v.nodes[0].snapshot.scan.passes > 0).await;
    // Others keep it busy: whatever is sent waits for one or two of these.
    let (busy, slept) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let mut others = Vec::new();
    for _ in 0..2 {
        let (busy, slept, mut w) = (busy.clone(), slept.clone(), writer(&server).await);
        others.push(tokio::spawn(async move {
            while busy.load(Ordering::Relaxed) {
                run(&mut w, "DEBUG SLEEP 0.03").await;
                slept.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    // All keys once more at full speed, as in the first pass.
    fleet.refresh();
    let deadline = Instant::now() + Duration::from_secs(60);
    while counts(&mut w).await.first().is_none_or(|count| *count > 50) {
        assert!(Instant::now() < deadline, "its steps never became small: {:?}", counts(&mut w).await);
    }
    let (scans, sleeps) = (info(&mut w, "cmdstat_scan").await, slept.load(Ordering::Relaxed));
    while slept.load(Ordering::Relaxed) < sleeps + 60 {
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
        run(&mut w, "PING").await;
    }
    let (calls, others_did) = (
        info(&mut w, "cmdstat_scan").await - scans,
        i64::try_from(slept.load(Ordering::Relaxed) - sleeps).unwrap(),
    );
    assert!(calls * 5 <= others_did, "{calls} calls while others had {others_did}: it does not rest");
    assert_eq!(fleet.board().borrow().nodes[0].scan.passes, 1, "it is still at it");
    // Left alone, it is searched to the end.
    busy.store(false, Ordering::Relaxed);
    for other in others {
        other.await.unwrap();
    }
    wait_for(&fleet, "found", |v| v.nodes[0].snapshot.scan.passes > 1 && v.locks.len() == 1).await;
    assert!(counts(&mut w).await.first().is_some_and(|count| *count > 50), "its steps are large again");
}

//! Rates by keyspace events, where the server sends them anyway and nothing else tells.

use std::time::{Duration, Instant};

use redwarden::domain::queue::RateSource;
use redwarden::domain::{FleetView, Queue};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::{config, run, wait_for, writer};

fn queue<'a>(view: &'a FleetView, key: &str) -> Option<&'a Queue> {
    view.queues.iter().map(|q| &**q).find(|q| q.id.key.as_slice() == key.as_bytes())
}

async fn channels(w: &mut Writer) -> usize {
    run(w, "PUBSUB CHANNELS __key*").await.as_array().unwrap().len()
}

fn watched(server: &Server) -> Fleet {
    let mut config = config(&[server.endpoint()]);
    config.rules.rate_window = Duration::from_secs(3);
    Fleet::spawn_live(std::sync::Arc::new(config))
}

/// Pushes three at once and takes each alone, about twenty times a second, so that the queue is empty at each look; how
/// many went through a second.
async fn feed(w: &mut Writer, key: &str, until: impl Fn() -> bool) -> f64 {
    let (began, mut n) = (Instant::now(), 0_u32);
    while !until() {
        // One transaction: no look sees anything of it.
        run(w, "MULTI").await;
        run(w, &format!("RPUSH {key} a{n} b{n} c{n}")).await;
        for _ in 0..3 {
            run(w, &format!("LPOP {key}")).await;
        }
        run(w, "EXEC").await;
        n += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    f64::from(n * 3) / began.elapsed().as_secs_f64()
}

#[tokio::test]
async fn a_list_that_is_empty_at_each_look_has_rates_where_the_server_sends_events() {
    let server = Server::start(&["--notify-keyspace-events", "AKE"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "RPUSH queue:quick x").await;
    let fleet = watched(&server);
    wait_for(&fleet, "the queue", |view| queue(view, "queue:quick").is_some()).await;
    run(&mut w, "LPOP queue:quick").await;
    let (began, board) = (Instant::now(), fleet.board());
    // Longer than the window after the first that came by events.
    let told = || {
        let view = FleetView::build(&board.borrow().clone());
        queue(&view, "queue:quick").map(|q| q.rates).filter(|r| r.source == RateSource::KeyspaceEvents)
    };
    let since = std::cell::Cell::new(None);
    let done = || {
        if since.get().is_none() && told().is_some() {
            since.set(Some(Instant::now()));
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never told by events: {:?}", told());
        since.get().is_some_and(|at: Instant| at.elapsed() > Duration::from_secs(4))
    };
    let truth = feed(&mut w, "queue:quick", done).await;
    let rates = told().unwrap();
    for rate in [rates.incoming, rates.outgoing] {
        let rate = rate.unwrap();
        assert!((rate - truth).abs() < truth * 0.2, "told {rate}, was {truth}");
    }
    let setting = run(&mut w, "CONFIG GET notify-keyspace-events").await;
    assert!(format!("{setting:?}").contains("AKE"), "left alone: {setting:?}");
    fleet.sleep().await;
    assert_eq!(channels(&mut w).await, 0, "closed before this process is stopped");
}

#[tokio::test]
async fn a_sorted_set_of_hueys_has_rates_and_a_flood_is_left_out() {
    let server = Server::start(&["--notify-keyspace-events", "Kgz"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ZADD huey.redis.app 0 keep").await;
    run(&mut w, "ZADD huey.redis.flood 0 keep").await;
    run(&mut w, "RPUSH queue:lists x").await;
    let fleet = watched(&server);
    let mut n = 0_u32;
    let by_events = |view: &FleetView, key: &str| {
        queue(view, key).is_some_and(|q| q.rates.source == RateSource::KeyspaceEvents)
    };
    let (deadline, board) = (Instant::now() + Duration::from_secs(60), fleet.board());
    loop {
        run(&mut w, &format!("ZADD huey.redis.app {n} a{n}")).await;
        run(&mut w, "ZPOPMAX huey.redis.app").await;
        n += 1;
        let view = FleetView::build(&board.borrow().clone());
        let rates = queue(&view, "huey.redis.app").map(|q| q.rates);
        if by_events(&view, "huey.redis.app")
            && rates.unwrap().outgoing.is_some_and(|out| out > 5.0)
            && by_events(&view, "huey.redis.flood")
        {
            // Of lists this server tells nothing.
            assert!(!by_events(&view, "queue:lists"));
            break;
        }
        assert!(Instant::now() < deadline, "{rates:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let flood = "for i=1,7000 do redis.call('zadd',KEYS[1],1,i) redis.call('zpopmax',KEYS[1]) end";
    w.call(&redwarden::domain::Command::new("EVAL").arg(flood).arg(1_i64).arg("huey.redis.flood"))
        .await
        .unwrap();
    let view = wait_for(&fleet, "the flood is left out", |view| {
        queue(view, "huey.redis.flood")
            .is_some_and(|q| q.details.iter().any(|d| d.label == "keyspace events"))
    })
    .await;
    let left_out =
        |key: &str| queue(&view, key).unwrap().details.iter().any(|d| d.label == "keyspace events");
    assert!(left_out("huey.redis.flood") && !left_out("huey.redis.app"));
    wait_for(&fleet, "net only again", |view| {
        queue(view, "huey.redis.flood").is_some_and(|q| q.rates.source == RateSource::NetOnly)
    })
    .await;
}

#[tokio::test]
async fn a_user_who_may_not_subscribe_is_told_and_the_rest_goes_on() {
    let server = Server::start(&["--notify-keyspace-events", "AKE"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "RPUSH queue:same x x x").await;
    let endpoint = super::acl::user(&server, "resetchannels &redwarden:push ~* +@all").await;
    let fleet = Fleet::spawn_live(std::sync::Arc::new(config(&[endpoint])));
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        run(&mut w, "LPUSH queue:same x").await;
        let view = FleetView::build(&fleet.board().borrow().clone());
        let details = queue(&view, "queue:same").map(|q| q.details.clone()).unwrap_or_default();
        if details.iter().any(|d| d.label == "keyspace events" && d.text.contains("not permitted")) {
            let rates = queue(&view, "queue:same").unwrap().rates;
            assert!(rates.source == RateSource::NetOnly && rates.net.is_some_and(|n| n > 0.0), "{rates:?}");
            let findings = &view.nodes[0].snapshot.health;
            assert!(
                !format!("{findings:?}").contains("acl-denials"),
                "our own refusal is no alarm: {findings:?}"
            );
            break;
        }
        assert!(Instant::now() < deadline, "{details:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn where_the_server_sends_none_nothing_is_asked_for() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "RPUSH queue:quick x x").await;
    let fleet = watched(&server);
    wait_for(&fleet, "looks", |view| queue(view, "queue:quick").is_some_and(|q| q.samples > 20)).await;
    assert_eq!(channels(&mut w).await, 0);
    // Somebody switches them on.
    run(&mut w, "CONFIG SET notify-keyspace-events AK").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while channels(&mut w).await == 0 {
        run(&mut w, "RPUSH queue:quick x").await;
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

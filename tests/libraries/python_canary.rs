//! Canaries that the real libraries' own workers take, run and are counted for; nothing of them is left.

use std::path::Path;

use redwarden::act::canary::Stage;
use redwarden::launcher::Server;
use serde_json::json;

use super::db::Db;
use super::flight::{fly, keyspace, left};
use super::python::Python;
use super::shell::Shell;

fn python(library: &str) -> Python {
    Python::with(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/libraries/python/{library}.txt")))
}

#[tokio::test]
async fn a_worker_of_rq_does_it_with_either_serializer() {
    for arguments in [&[][..], &["json"]] {
        let python = python("rq");
        let server = Server::start(&[]).unwrap();
        let mut driver = python.driver(&server, "app_rq.py", arguments);
        let mut db = Db::open(&server.endpoint()).await;
        driver.ask("one", &[]);
        let _worker = python.worker(&server, "app_rq.py", arguments);
        let counts = json!({
            "waiting": 0, "in_flight": 0, "scheduled": 0, "failed": 0, "deferred": 0, "finished": 1, "workers": 1
        });
        driver.until("counts", &counts);
        // Its heartbeat, and what it counts.
        let own = ["rq:worker:*", "rq:scheduler*"];
        let before = keyspace(&mut db, &own).await;
        let flight = fly(&server, "rq", "rq:queue:default", Vec::new()).await;
        let done = Stage::Done(Some("w1".into()));
        assert_eq!((flight.end(), &flight.cleaning), (&done, &None), "{arguments:?} {flight:?}");
        driver.until("successful", &json!([2]));
        driver.until("counts", &counts);
        assert_eq!(keyspace(&mut db, &own).await, before, "{arguments:?}");
        assert_eq!(left(&mut db).await, [""; 0]);
    }
}

/// The prefix is told by the search, and is in no configuration.
#[tokio::test]
async fn a_worker_of_celery_under_a_prefix_of_its_own() {
    let arguments = ["results", "prefix"];
    let (python, server) = (python("celery"), Server::start(&[]).unwrap());
    let mut driver = python.driver(&server, "app_celery.py", &arguments);
    let mut db = Db::open(&server.endpoint()).await;
    let _worker = python.worker(&server, "app_celery.py", &arguments);
    driver.until("ran", &json!({}));
    let own = ["*pidbox*", "*_kombu.binding_deadlines*"];
    let before = keyspace(&mut db, &own).await;
    let shell = Shell::new();
    let ran = shell.run(&["queues", "canary", "shop_celery", "--yes", "--wait", "60s", "-u", &server.url()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("done"), "{}", ran.err);
    driver.until("ran", &json!({ "celery.accumulate": 1 }));
    let sent = &shell.audit()[0].to_string();
    assert!(sent.contains("shop_celery") && !sent.contains("shop_shop_"), "{sent}");
    assert_eq!(keyspace(&mut db, &own).await, before);
    assert_eq!(left(&mut db).await, [""; 0]);
}

#[tokio::test]
async fn a_worker_of_celery_runs_it_and_its_result_tells_the_end_where_it_is_kept_here() {
    for (arguments, end) in [(&[][..], Stage::Taken), (&["results"], Stage::Done(None))] {
        let python = python("celery");
        let server = Server::start(&[]).unwrap();
        let mut driver = python.driver(&server, "app_celery.py", arguments);
        let mut db = Db::open(&server.endpoint()).await;
        let _worker = python.worker(&server, "app_celery.py", arguments);
        driver.until("ran", &json!({}));
        // Answers to its own questions, and until when its bindings hold.
        let own = ["*pidbox*", "_kombu.binding_deadlines*"];
        let before = keyspace(&mut db, &own).await;
        let flight = fly(&server, "celery", "celery", Vec::new()).await;
        assert_eq!((flight.end(), &flight.cleaning), (&end, &None), "{arguments:?} {flight:?}");
        driver.until("ran", &json!({ "celery.accumulate": 1 }));
        assert_eq!(keyspace(&mut db, &own).await, before, "{arguments:?}");
        assert_eq!(left(&mut db).await, [""; 0]);
    }
}

//! Canaries that the real libraries' own workers take, run and are counted for; nothing of them is left.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redwarden::act::canary::{Stage, Trail, clean};
use redwarden::act::{Audit, Outcome, Request, Services, execute};
use redwarden::domain::queue::PushEnd;
use redwarden::domain::{NodeId, QueueId};
use redwarden::family::registry::{Canaries, LockFamilies};
use redwarden::launcher::Server;
use redwarden::redis_io::WritePermit;
use serde_json::json;

use super::db::Db;
use super::python::Python;

fn python(library: &str) -> Python {
    Python::with(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/libraries/python/{library}.txt")))
}

/// Sends a canary, follows it to its end and cleans up.
async fn fly(server: &Server, family: &'static str, key: &str) -> Stage {
    let state = tempfile::tempdir().unwrap();
    let endpoint = server.endpoint();
    let services = Services {
        directory: Arc::new(move |_| Some(endpoint.clone())),
        routes: Arc::new(|_| None),
        permit: Some(WritePermit::for_own_servers()),
        families: LockFamilies::default(),
        canaries: Canaries::new(&redwarden::config::Config::default()),
        audit: Audit::in_dir(state.path()),
        timeout: Duration::from_secs(5),
    };
    let queue = QueueId { node: NodeId::new("n1"), db: 0, key: key.into() };
    let id = uuid::Uuid::new_v4().to_string();
    let request = Request::Canary { queue, family, push: PushEnd::Left, id };
    let action = services.prepare(request).await.unwrap();
    let sent = action.canary().unwrap().clone();
    let (plan, outcome) = execute(action).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let mut trail = Trail::new(&services, &plan, &sent, Duration::from_secs(60));
    let end = loop {
        match trail.step().await {
            Some((stage, _)) if stage.is_end() => break stage,
            _ => {}
        }
    };
    assert_eq!(clean(&services, &plan, &sent.canary, &end).await, None);
    end
}

/// Keys whose names tell of a canary.
async fn left(db: &mut Db) -> redwarden::domain::Reply {
    db.run("KEYS *redwarden*").await
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
        assert_eq!(
            fly(&server, "rq", "rq:queue:default").await,
            Stage::Done(Some("w1".into())),
            "{arguments:?}"
        );
        driver.until("successful", &json!([2]));
        driver.until("counts", &counts);
        assert_eq!(left(&mut db).await, redwarden::domain::Reply::Array(vec![]));
    }
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
        assert_eq!(fly(&server, "celery", "celery").await, end, "{arguments:?}");
        driver.until("ran", &json!({ "celery.accumulate": 1 }));
        assert_eq!(left(&mut db).await, redwarden::domain::Reply::Array(vec![]));
    }
}

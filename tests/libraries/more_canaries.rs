//! Canaries of the libraries that have no task of their own: the user's, one that fails, one that no worker knows, and
//! one that nobody takes. Each leaves the keys as they were.

use std::path::Path;
use std::time::Duration;

use redwarden::act::canary::Stage;
use redwarden::config::CanaryTask;
use redwarden::family::template::Template;
use redwarden::launcher::Server;

use super::db::Db;
use super::driver::Process;
use super::flight::{fly, fly_for, keyspace, task};
use super::locks::beside;
use super::node::Node;
use super::python::Python;

/// One library's queue.
struct Queue {
    family: &'static str,
    key: &'static str,
    /// Keys that its workers write to all the time.
    own: &'static [&'static str],
}

impl Queue {
    /// Sends it, and proves that nothing is left of it.
    async fn flies(&self, server: &Server, db: &mut Db, task: CanaryTask) -> Stage {
        let before = keyspace(db, self.own).await;
        let flight = fly(server, self.family, self.key, vec![task]).await;
        assert_eq!(flight.cleaning, None, "{flight:?}");
        assert_eq!(keyspace(db, self.own).await, before, "{flight:?}");
        flight.end().clone()
    }

    /// Sends it where nobody works.
    async fn comes_back(&self, server: &Server, db: &mut Db, task: CanaryTask) {
        let before = keyspace(db, &[]).await;
        let limit = Duration::from_millis(300);
        let flight = fly_for(server, self.family, self.key, vec![task], limit).await;
        assert_eq!(flight.stages, [Stage::NotTaken]);
        assert!(flight.cleaning.unwrap().ends_with("nobody took it: taken away again"));
        assert_eq!(keyspace(db, &[]).await, before);
    }
}

/// An application in Python and its server.
struct App {
    python: Python,
    server: Server,
    program: String,
    arguments: Vec<&'static str>,
}

impl App {
    fn new(library: &str, arguments: &[&'static str]) -> Self {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/python");
        let python = Python::with(&programs.join(format!("{library}.txt")));
        let (server, program) = (Server::start(&[]).unwrap(), format!("app_{library}.py"));
        Self { python, server, program, arguments: arguments.to_vec() }
    }

    fn worker(&self) -> Process {
        self.python.worker(&self.server, &self.program, &self.arguments)
    }
}

fn failed(stage: &Stage) -> &str {
    match stage {
        Stage::Failed(_, why) => why,
        other => panic!("it should have failed: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "fetches arq: cargo test --test libraries -- --ignored"]
async fn arq_keeps_how_it_ended_and_refuses_what_no_worker_has() {
    let queue = Queue { family: "arq", key: "arq:queue", own: &["arq:queue:health-check"] };
    let app = App::new("arq", &[]);
    let mut db = Db::open(&app.server.endpoint()).await;
    queue.comes_back(&app.server, &mut db, task("arq", "ok", None)).await;
    let _worker = app.worker();
    for _ in 0..2 {
        let end = queue.flies(&app.server, &mut db, task("arq", "ok", None)).await;
        assert_eq!(end, Stage::Done(None));
    }
    let end = queue.flies(&app.server, &mut db, task("arq", "boom", Some("[\"as asked\"]"))).await;
    assert!(failed(&end).contains("as asked"), "{end:?}");
    let end = queue.flies(&app.server, &mut db, task("arq", "nobody", None)).await;
    assert!(failed(&end).contains("not found"), "{end:?}");
}

#[tokio::test]
#[ignore = "fetches SAQ: cargo test --test libraries -- --ignored"]
async fn saq_keeps_how_it_ended_and_refuses_what_no_worker_has() {
    let own =
        &["saq:default:stats", "saq:default:worker_info:*", "saq:default:sweep", "saq:default:schedule"];
    let queue = Queue { family: "saq", key: "saq:default:queued", own };
    let app = App::new("saq", &[]);
    let mut db = Db::open(&app.server.endpoint()).await;
    queue.comes_back(&app.server, &mut db, task("saq", "ok", None)).await;
    let _worker = app.worker();
    for _ in 0..2 {
        let end = queue.flies(&app.server, &mut db, task("saq", "ok", None)).await;
        assert!(matches!(end, Stage::Done(_)), "{end:?}");
    }
    let end = queue.flies(&app.server, &mut db, task("saq", "boom", Some("{}"))).await;
    assert!(failed(&end).contains("as asked"), "{end:?}");
    let end = queue.flies(&app.server, &mut db, task("saq", "nobody", None)).await;
    assert!(failed(&end).contains("nobody"), "{end:?}");
}

#[tokio::test]
#[ignore = "fetches dramatiq: cargo test --test libraries -- --ignored"]
async fn dramatiq_keeps_only_what_failed() {
    let own = &["dramatiq:__heartbeats__", "dramatiq:__acks__.*"];
    let queue = Queue { family: "dramatiq", key: "dramatiq:default", own };
    let app = App::new("dramatiq", &[]);
    let mut db = Db::open(&app.server.endpoint()).await;
    queue.comes_back(&app.server, &mut db, task("dramatiq", "ok", None)).await;
    let _worker = app.worker();
    for _ in 0..2 {
        let end = queue.flies(&app.server, &mut db, task("dramatiq", "ok", None)).await;
        assert_eq!(end, Stage::Done(None));
    }
    let end = queue.flies(&app.server, &mut db, task("dramatiq", "boom", None)).await;
    assert!(failed(&end).contains("dead ones"), "{end:?}");
    let end = queue.flies(&app.server, &mut db, task("dramatiq", "nobody", None)).await;
    assert!(failed(&end).contains("dead ones"), "{end:?}");
}

#[tokio::test]
#[ignore = "fetches Huey: cargo test --test libraries -- --ignored"]
async fn huey_keeps_errors_and_results_and_loses_what_no_worker_has() {
    for arguments in [&[][..], &["priority"]] {
        let queue = Queue { family: "huey", key: "huey.redis.myapp", own: &[] };
        let app = App::new("huey", arguments);
        let mut db = Db::open(&app.server.endpoint()).await;
        // An empty queue does not tell its type; one with a task does.
        let mut driver = app.python.driver(&app.server, &app.program, arguments);
        driver.ask("enqueue", &[]);
        queue.comes_back(&app.server, &mut db, task("huey", "__main__.ok", None)).await;
        let has_tasks = db.int("EXISTS huey.redis.myapp").await;
        assert_eq!(has_tasks, 1);
        if arguments.is_empty() {
            db.run("DEL huey.redis.myapp").await;
        }
        db.run("SET gate-open 1").await;
        let worker = app.worker();
        // By priority it goes in behind the others, whose end changes the schedule.
        super::db::eventually("the others", async || {
            db.int("EXISTS huey.redis.myapp").await == 0 && db.int("EXISTS gate-started").await == 1
                || arguments.is_empty()
        })
        .await;
        if arguments.is_empty() {
            let end = queue.flies(&app.server, &mut db, task("huey", "__main__.ok", None)).await;
            assert_eq!(end, Stage::Taken);
            let end = queue.flies(&app.server, &mut db, task("huey", "__main__.echo", Some("[7]"))).await;
            assert_eq!(end, Stage::Done(None));
            let end = queue.flies(&app.server, &mut db, task("huey", "__main__.boom", None)).await;
            assert!(failed(&end).contains("as asked"), "{end:?}");
            let end = queue.flies(&app.server, &mut db, task("huey", "__main__.nobody", None)).await;
            assert_eq!(end, Stage::Taken);
        } else {
            drop(worker);
            driver.ask("slow", &[]);
            db.run("DEL gate-open gate-started").await;
            let _worker = app.worker();
            super::db::eventually("a task at the gate", async || db.int("EXISTS gate-started").await == 1)
                .await;
            driver.ask("one", &[]);
            let opened = async {
                super::db::eventually("both wait", async || db.int("ZCARD huey.redis.myapp").await == 2)
                    .await;
                db.run("SET gate-open 1").await;
            };
            let echo = vec![task("huey", "__main__.echo", Some("[7]"))];
            let (flight, ()) = tokio::join!(fly(&app.server, "huey", queue.key, echo), opened);
            assert_eq!((flight.end(), &flight.cleaning), (&Stage::Done(None), &None), "{flight:?}");
        }
    }
}

#[tokio::test]
#[ignore = "fetches taskiq: cargo test --test libraries -- --ignored"]
async fn taskiq_tells_by_its_results_and_drops_what_no_worker_has() {
    let queue = Queue { family: "taskiq", key: "taskiq", own: &["tasks-done"] };
    let app = App::new("taskiq", &["list", "results"]);
    let mut db = Db::open(&app.server.endpoint()).await;
    queue.comes_back(&app.server, &mut db, task("taskiq", "app:ok", None)).await;
    let worker = app.worker();
    for _ in 0..2 {
        let end = queue.flies(&app.server, &mut db, task("taskiq", "app:ok", None)).await;
        assert_eq!(end, Stage::Done(None));
    }
    let end = queue.flies(&app.server, &mut db, task("taskiq", "app:boom", None)).await;
    assert!(failed(&end).contains("as asked"), "{end:?}");
    let end = queue.flies(&app.server, &mut db, task("taskiq", "app:nobody", None)).await;
    assert_eq!(end, Stage::Taken);
    drop(worker);

    // A stream: who was given it is known, and the entry stays, as all of them do.
    let app = App::new("taskiq", &["stream"]);
    let mut db = Db::open(&app.server.endpoint()).await;
    let mut driver = app.python.driver(&app.server, &app.program, &["stream"]);
    driver.ask("prepare", &[]);
    let _worker = app.worker();
    for name in ["app:ok", "app:nobody", "app:ok"] {
        let flight = fly(&app.server, "taskiq", "taskiq", vec![task("taskiq", name, None)]).await;
        assert!(
            matches!(flight.end(), Stage::Done(Some(by)) if by.contains("group taskiq")),
            "{name} {flight:?}"
        );
        assert_eq!(flight.cleaning, None);
    }
    assert_eq!(db.int("XLEN taskiq").await, 3);
    let done = db.run("GET tasks-done").await.as_bytes().unwrap();
    assert_eq!(done.escaped(), "2", "what no worker knows is dropped and acknowledged");
}

#[tokio::test]
#[ignore = "fetches bee-queue: cargo test --test libraries -- --ignored"]
async fn bee_queue_keeps_how_it_ended() {
    let queue = Queue { family: "bee-queue", key: "bq:mail:waiting", own: &["bq:mail:stallBlock"] };
    let payload = |what: &str| {
        let text = format!(r#"{{"what": "{what}", "id": "{{id}}"}}"#);
        let payload = Some(Template::new(&text, "{id}").unwrap());
        CanaryTask { family: "bee-queue".into(), queue: None, task: None, args: None, payload }
    };
    let node = Node::with(&beside("node/bee-queue"));
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    queue.comes_back(&server, &mut db, payload("ok")).await;
    let _worker = node.worker(&server, "queue_bee_queue.js", &[]);
    for _ in 0..2 {
        let end = queue.flies(&server, &mut db, payload("ok")).await;
        assert_eq!(end, Stage::Done(None));
    }
    let end = queue.flies(&server, &mut db, payload("boom")).await;
    assert!(failed(&end).contains("as asked"), "{end:?}");
}

#[tokio::test]
#[ignore = "fetches Bull: cargo test --test libraries -- --ignored"]
async fn bull_keeps_how_it_ended() {
    let queue = Queue { family: "bull", key: "bull:mail:wait", own: &["bull:mail:stalled-check"] };
    let node = Node::with(&beside("node/bull"));
    let server = Server::start(&[]).unwrap();
    let mut db = Db::open(&server.endpoint()).await;
    queue.comes_back(&server, &mut db, task("bull", "ok", None)).await;
    let _worker = node.worker(&server, "queue_bull.js", &[]);
    for _ in 0..2 {
        let end = queue.flies(&server, &mut db, task("bull", "ok", None)).await;
        assert_eq!(end, Stage::Done(None));
    }
    let end = queue.flies(&server, &mut db, task("bull", "boom", None)).await;
    assert!(failed(&end).contains("as asked"), "{end:?}");
}

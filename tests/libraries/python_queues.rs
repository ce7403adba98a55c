//! Python's queue libraries.

use std::path::Path;

use redwarden::domain::Queue;
use redwarden::domain::queue::Oldest;
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use serde_json::{Value, json};

use super::counted::{figures, shows_in_flight};
use super::db::{Db, eventually};
use super::driver::{Driver, Process};
use super::python::Python;
use super::shell::Shell;
use super::{agree, watch};

/// A library, its program and a server that both use.
struct Stage {
    db: Db,
    driver: Driver,
    fleet: Fleet,
    python: Python,
    server: Server,
    program: String,
    arguments: Vec<&'static str>,
}

impl Stage {
    async fn new(library: &str, arguments: &[&'static str]) -> Self {
        Self::of(library, library, arguments).await
    }

    /// The packages of one file, the program of a library.
    async fn of(packages: &str, library: &str, arguments: &[&'static str]) -> Self {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/python");
        let python = Python::with(&programs.join(format!("{packages}.txt")));
        let server = Server::start(&[]).unwrap();
        let program = format!("app_{library}.py");
        let driver = python.driver(&server, &program, arguments);
        let (db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
        Self { db, driver, fleet, python, server, program, arguments: arguments.to_vec() }
    }

    fn worker(&self) -> Process {
        self.python.worker(&self.server, &self.program, &self.arguments)
    }

    fn ask(&mut self, command: &str) -> Value {
        self.driver.ask(command, &[])
    }

    /// Waits until a task stands at the gate.
    async fn busy(&mut self) {
        let db = &mut self.db;
        eventually("a task at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1))
            .await;
    }

    async fn open_gate(&mut self) {
        self.db.run("SET gate-open 1").await;
    }
}

#[tokio::test]
async fn failed_jobs_of_rq_go_back_as_its_own_requeue_does() {
    rq_goes_back("rq").await;
}

#[tokio::test]
#[ignore = "fetches older versions of RQ: cargo test --test libraries -- --ignored"]
async fn failed_jobs_of_older_rq_go_back_as_its_own_requeue_does() {
    for packages in ["rq-1", "rq-2"] {
        rq_goes_back(packages).await;
    }
}

async fn rq_goes_back(packages: &str) {
    let mut s = Stage::of(packages, "rq", &[]).await;
    let shell = Shell::new();
    let url = s.server.url();
    let states = |waiting: u64, failed: u64, finished: u64| json!({ "waiting": waiting, "in_flight": 0, "failed": failed, "finished": finished });
    // More than one batch of ours, and one that RQ itself requeues.
    let ours: Vec<String> = (0..25).map(|i| format!("ours{i:02}")).collect();
    let all: Vec<&str> = std::iter::once("theirs").chain(ours.iter().map(String::as_str)).collect();
    s.driver.ask("flakies", &[json!(all)]);
    let worker = s.worker();
    s.driver.until("states", &states(0, 26, 0));
    drop(worker);
    s.driver.ask("requeue", &[json!("theirs")]);
    let requeue = |args: &[&str]| {
        shell.run(&[&["queues", "requeue", "rq:queue:default", "-u", &url][..], args].concat())
    };
    let dry = requeue(&["--all", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(
        dry.err.contains("moves 20 failed jobs of 25") && dry.err.contains("until 25 are"),
        "{}",
        dry.err
    );
    assert_eq!(s.ask("states"), states(1, 25, 0), "nothing yet");
    let ran = requeue(&["--all", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("20 of 25") && ran.err.contains("25 of 25"), "{}", ran.err);
    assert_eq!(s.ask("states"), states(26, 0, 0));
    let theirs = s.driver.ask("fields", &[json!("theirs")]);
    assert_eq!(theirs["status"], "queued");
    assert_eq!(s.driver.ask("fields", &[json!("ours07")]), theirs, "as RQ leaves it");
    s.db.run("SET mended 1").await;
    let _worker = s.worker();
    s.driver.until("states", &states(0, 0, 26));
    let none = requeue(&["--all", "--yes"]);
    assert_eq!(none.code, 1, "{}", none.err);
    assert!(none.err.contains("rq:failed:default is empty"), "{}", none.err);
}

#[tokio::test]
async fn rq_counts_as_its_registries_do() {
    let mut s = Stage::new("rq", &[]).await;
    s.ask("enqueue");
    let before = json!({
        "waiting": 8, "in_flight": 0, "scheduled": 1, "failed": 0, "deferred": 1, "finished": 0, "workers": 0
    });
    assert_eq!(s.ask("counts"), before);
    let queue = agree(&s.fleet, "rq:queue:default", "rq", "before", |q| figures(q, &before) == before).await;
    assert!(matches!(queue.oldest, Oldest::At { age } if age.as_secs() < 60), "{:?}", queue.oldest);
    let worker = s.worker();
    s.busy().await;
    let busy = json!({
        "waiting": 5, "in_flight": 1, "scheduled": 1, "failed": 1, "deferred": 1, "finished": 1, "workers": 1
    });
    s.driver.until("counts", &busy);
    let queue = agree(&s.fleet, "rq:queue:default", "rq", "busy", |q| figures(q, &busy) == busy).await;
    assert!(queue.details.iter().any(|d| d.label == "worker" && d.text.contains("w1: busy")), "{queue:#?}");
    s.driver.ask("suspend", &[json!(true)]);
    agree(&s.fleet, "rq:queue:default", "rq", "paused", |q| q.paused == Some(true)).await;
    s.driver.ask("suspend", &[json!(false)]);
    s.open_gate().await;
    let done = json!({
        "waiting": 0, "in_flight": 0, "scheduled": 1, "failed": 1, "deferred": 0, "finished": 8, "workers": 1
    });
    s.driver.until("counts", &done);
    agree(&s.fleet, "rq:queue:default", "rq", "done", |q| figures(q, &done) == done).await;
    drop(worker);
    agree(&s.fleet, "rq:queue:default", "rq", "left", |q| q.workers == Some(0)).await;
}

#[tokio::test]
async fn celery_counts_as_its_inspection_does() {
    let mut s = Stage::new("celery", &[]).await;
    s.ask("enqueue");
    assert_eq!(s.ask("waiting"), json!(11));
    agree(&s.fleet, "celery", "celery", "before", |q| (q.waiting, q.in_flight) == (Some(11), Some(0))).await;
    let _worker = s.worker();
    s.busy().await;
    // One runs, four are fetched ahead, and one that waits for its time takes no place among them.
    let is = |waiting: u64, held: u64| {
        move |q: &Queue| {
            let workers = q.details.iter().filter(|d| d.label == "worker").count();
            (q.waiting, q.in_flight, workers) == (Some(waiting), Some(held), 1)
        }
    };
    let mut told = s.ask("counts");
    for _ in 0..50 {
        let again = s.ask("counts");
        if told == again && told["workers"] == 1 && told["active"] == 1 {
            break;
        }
        told = again;
    }
    let (waiting, held) = (told["waiting"].as_u64().unwrap(), told["held"].as_u64().unwrap());
    assert!(waiting > 0 && held > 1 && waiting + held == 11, "{told}");
    agree(&s.fleet, "celery", "celery", "busy", is(waiting, held)).await;
    s.open_gate().await;
    s.driver.until("counts", &json!({ "waiting": 0, "active": 0, "held": 1, "workers": 1 }));
    agree(&s.fleet, "celery", "celery", "done", is(0, 1)).await;
}

#[tokio::test]
#[ignore = "fetches huey: cargo test --test libraries -- --ignored"]
async fn huey_counts_as_it_does_itself() {
    for arguments in [&[][..], &["priority"]] {
        let mut s = Stage::new("huey", arguments).await;
        s.ask("enqueue");
        for (moment, waiting, scheduled) in [("before", 7, 0), ("busy", 6, 0), ("done", 0, 1)] {
            let _worker = (moment != "before").then(|| s.worker());
            match moment {
                "busy" => s.busy().await,
                "done" => s.open_gate().await,
                _ => {}
            }
            let told = json!({ "waiting": waiting, "scheduled": scheduled });
            s.driver.until("counts", &told);
            agree(&s.fleet, "huey.redis.myapp", "huey", moment, |q| figures(q, &told) == told).await;
        }
    }
}

#[tokio::test]
#[ignore = "fetches arq: cargo test --test libraries -- --ignored"]
async fn arq_counts_as_its_jobs_tell() {
    let mut s = Stage::new("arq", &[]).await;
    s.ask("enqueue");
    let moment = |waiting, in_flight| json!({ "waiting": waiting, "in_flight": in_flight, "scheduled": 1 });
    let before = moment(6, 0);
    assert_eq!(s.ask("counts"), before);
    agree(&s.fleet, "arq:queue", "arq", "before", |q| figures(q, &before) == before).await;
    let _worker = s.worker();
    s.busy().await;
    let busy = moment(5, 1);
    s.driver.until("counts", &busy);
    let told = |q: &Queue| q.details.iter().any(|d| d.label == "workers" && d.text.contains("j_ongoing=1"));
    agree(&s.fleet, "arq:queue", "arq", "busy", |q| figures(q, &busy) == busy && told(q)).await;
    s.open_gate().await;
    let done = moment(0, 0);
    s.driver.until("counts", &done);
    agree(&s.fleet, "arq:queue", "arq", "done", |q| figures(q, &done) == done).await;
}

#[tokio::test]
#[ignore = "fetches SAQ: cargo test --test libraries -- --ignored"]
async fn saq_counts_as_its_info_does() {
    let mut s = Stage::new("saq", &[]).await;
    s.ask("enqueue");
    let without_failed = |q: &Queue, told: &Value| {
        let mut told = told.clone();
        let _ = told.as_object_mut().unwrap().remove("failed");
        figures(q, &told) == told
    };
    let before = json!({ "waiting": 7, "in_flight": 0, "scheduled": 1, "workers": 0, "failed": 0 });
    assert_eq!(s.ask("counts"), before);
    agree(&s.fleet, "saq:default:queued", "saq", "before", |q| without_failed(q, &before)).await;
    let worker = s.worker();
    s.busy().await;
    let busy = json!({ "waiting": 5, "in_flight": 1, "scheduled": 1, "workers": 1, "failed": 1 });
    s.driver.until("counts", &busy);
    let says =
        |q: &Queue, label, text: &str| q.details.iter().any(|d| d.label == label && d.text.contains(text));
    agree(&s.fleet, "saq:default:queued", "saq", "busy", |q| {
        without_failed(q, &busy) && says(q, "worker", "1 failed") && says(q, "runs", "slow for")
    })
    .await;
    worker.kill();
    agree(&s.fleet, "saq:default:queued", "saq", "killed", |q| {
        q.workers == Some(0) && q.details.iter().any(|d| d.label == "orphaned")
    })
    .await;
}

#[tokio::test]
#[ignore = "fetches dramatiq: cargo test --test libraries -- --ignored"]
async fn dramatiq_counts_as_its_broker_does() {
    let mut s = Stage::new("dramatiq", &[]).await;
    s.ask("enqueue");
    // The broker counts what is delayed with the rest.
    let told = |q: &Queue| {
        let all = [q.waiting, q.in_flight, q.scheduled].into_iter().sum::<Option<u64>>();
        json!({ "size": all })
    };
    let moment = |size| json!({ "size": size });
    let before = moment(8);
    assert_eq!(s.ask("counts"), before);
    agree(&s.fleet, "dramatiq:default", "dramatiq", "before", |q| {
        told(q) == before && (q.waiting, q.scheduled, q.failed) == (Some(7), Some(1), Some(0))
    })
    .await;
    let _worker = s.worker();
    s.busy().await;
    let busy = moment(7);
    s.driver.until("counts", &busy);
    agree(&s.fleet, "dramatiq:default", "dramatiq", "busy", |q| {
        told(q) == busy && q.in_flight >= Some(1) && (q.failed, q.workers) == (Some(1), Some(1))
    })
    .await;
    shows_in_flight(&s.server.url(), "dramatiq:default", "actor_name: \"slow\"");
    s.open_gate().await;
    let done = moment(1);
    s.driver.until("counts", &done);
    agree(&s.fleet, "dramatiq:default", "dramatiq", "done", |q| {
        told(q) == done && (q.failed, q.workers) == (Some(1), Some(1))
    })
    .await;
}

#[tokio::test]
#[ignore = "fetches taskiq: cargo test --test libraries -- --ignored"]
async fn taskiq_has_open_what_is_not_done() {
    for arguments in [&[][..], &["stream"]] {
        let mut s = Stage::new("taskiq", arguments).await;
        if arguments == ["stream"] {
            s.ask("prepare");
        }
        s.ask("enqueue");
        assert_eq!(s.ask("counts"), json!({ "open": 6 }));
        agree(&s.fleet, "taskiq", "taskiq", "before", |q| q.waiting == Some(6)).await;
        let _worker = s.worker();
        s.busy().await;
        assert_eq!(s.ask("counts"), json!({ "open": 6 }));
        agree(&s.fleet, "taskiq", "taskiq", "busy", |q| match q.in_flight {
            Some(taken) => taken >= 1 && q.waiting == Some(6 - taken),
            None => q.waiting.is_some_and(|n| n < 6),
        })
        .await;
        s.open_gate().await;
        s.driver.until("counts", &json!({ "open": 0 }));
        agree(&s.fleet, "taskiq", "taskiq", "done", |q| {
            q.waiting == Some(0) && q.in_flight.is_none_or(|n| n == 0)
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "fetches streaQ: cargo test --test libraries -- --ignored"]
async fn streaq_counts_as_its_queue_size_does() {
    let mut s = Stage::new("streaq", &[]).await;
    s.ask("enqueue");
    let told = |q: &Queue| {
        let ready = q.waiting.zip(q.in_flight).map(|(waiting, taken)| waiting + taken);
        json!({ "ready": ready, "scheduled": q.scheduled })
    };
    let before = json!({ "ready": 6, "scheduled": 1 });
    assert_eq!(s.ask("counts"), before);
    let worker = s.worker();
    s.busy().await;
    s.driver.until("counts", &before);
    agree(&s.fleet, "streaq:default:queues:normal", "streaq", "busy", |q| {
        told(q) == before && q.in_flight >= Some(1) && q.workers == Some(1)
    })
    .await;
    s.open_gate().await;
    let done = json!({ "ready": 0, "scheduled": 1 });
    s.driver.until("counts", &done);
    agree(&s.fleet, "streaq:default:queues:normal", "streaq", "done", |q| told(q) == done).await;
    drop(worker);
}

//! A release races a re-acquisition, ten thousand times: never a wrong delete, and both outcomes happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use redwarden::act::plan::{Guard, Plan, Target};
use redwarden::act::{NotDone, Outcome};
use redwarden::domain::{Bytes, Command, NodeId, Reply};
use redwarden::redis_io::run_plan::{Means, run_plan};

use crate::support::*;

const TASKS: u32 = 4;
const ROUNDS: u32 = 2_500;

fn plan(key: &str, token: &str) -> Plan {
    Plan {
        id: uuid::Uuid::new_v4(),
        intent: "release",
        target: Target { node: NodeId::new("n1"), db: 0, run_id: None },
        subject: key.into(),
        guards: vec![Guard::StringEquals { key: key.into(), value: token.into() }],
        unchanged: false,
        steps: vec![Command::new("DEL").arg(key)],
        valid_for: TIMEOUT,
        effects: Vec::new(),
        warnings: Vec::new(),
        undo: redwarden::act::plan::Undo::Value,
        undo_of: None,
        frees_in: None,
        batch: None,
    }
}

async fn race(means: Means, rounds: u32, trips: u32) {
    let bench = Bench::start(&[]);
    let (released, changed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let endpoint = bench.server.endpoint();
        let (released, changed) = (released.clone(), changed.clone());
        tasks.push(tokio::spawn(async move {
            let (mut mine, mut theirs) = (raw(&endpoint).await, raw(&endpoint).await);
            let key = format!("lock:{task}");
            for round in 0..rounds {
                let old = format!("old-holder-{task}-{round}");
                let new = format!("new-holder-{task}-{round}");
                mine.call(&Command::new("SET").arg(key.as_str()).arg(old.as_str())).await.unwrap();
                let plan = plan(&key, &old);
                // The old holder lets go and a new one takes it, while the release is on its way.
                let retake = [
                    Command::new("DEL").arg(key.as_str()),
                    Command::new("SET").arg(key.as_str()).arg(new.as_str()).arg("NX"),
                ];
                // Round trips before it does so, around as many as the release takes.
                let wait = fastrand::u32(0..=trips);
                let (ran, retaken) = tokio::join!(run_plan(&mut mine, &plan, means, false), async {
                    for _ in 0..wait {
                        theirs.call(&Command::new("PING")).await.unwrap();
                    }
                    theirs.pipeline(&retake).await.unwrap()
                });
                assert_eq!(retaken.get(1), Some(&Reply::Status("OK".into())));
                // Whatever the release did, it may only have met the old token: the new holder still has it.
                let held = mine.call(&Command::new("GET").arg(key.as_str())).await.unwrap();
                assert_eq!(held, Reply::Bulk(Bytes::from(new)), "a wrong delete in round {round}: {ran:?}");
                match ran.outcome {
                    Outcome::Done { .. } => released.fetch_add(1, Ordering::Relaxed),
                    Outcome::NotDone(NotDone::Changed | NotDone::Gone | NotDone::Touched) => {
                        changed.fetch_add(1, Ordering::Relaxed)
                    }
                    other => panic!("{other:?}"),
                };
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let (released, changed) = (released.load(Ordering::Relaxed), changed.load(Ordering::Relaxed));
    eprintln!("{means:?}: released {released}, not released {changed}");
    assert_eq!(released + changed, TASKS * rounds);
    assert!(released > 0 && changed > 0, "released {released}, not {changed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release_against_reacquisition_ten_thousand_times() {
    race(Means::Script, ROUNDS, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_transaction_races_as_safely() {
    race(Means::Transaction, 500, 12).await;
}

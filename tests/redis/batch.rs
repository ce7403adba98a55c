//! Many locks at once on real servers: each compared on its own, a dead node stops only its own locks, one undo.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redwarden::act::batch::{BatchEvent, FleetPlan, Item, MOST_CONNECTIONS, MOST_LOCKS};
use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Services, Ticket, spawn_with};
use redwarden::domain::{Command, LockId, NodeId, Reply};
use tokio::sync::mpsc;

use crate::support::*;

struct Running {
    commands: mpsc::Sender<ActionCommand>,
    events: mpsc::Receiver<ActionEvent>,
}

fn start(services: Services) -> Running {
    let (sender, events) = mpsc::channel(64);
    Running { commands: spawn_with(services, sender), events }
}

impl Running {
    async fn tell(&self, command: ActionCommand) {
        self.commands.send(command).await.unwrap();
    }

    async fn news(&mut self) -> (Ticket, BatchEvent) {
        match next(&mut self.events).await {
            ActionEvent::Batch(ticket, event) => (ticket, event),
            other => panic!("{other:?}"),
        }
    }

    async fn prepared(&mut self) -> Result<FleetPlan, String> {
        loop {
            if let (_, BatchEvent::Prepared(result)) = self.news().await {
                return *result;
            }
        }
    }

    async fn prepare(&mut self, ticket: u64, items: Vec<Item>) -> FleetPlan {
        self.tell(ActionCommand::PrepareBatch(Ticket(ticket), items)).await;
        self.prepared().await.unwrap()
    }

    /// Outcomes by number, and how many can be undone.
    async fn outcomes(&mut self) -> (BTreeMap<usize, Outcome>, usize) {
        let mut outcomes = BTreeMap::new();
        loop {
            match self.news().await.1 {
                BatchEvent::Outcome(at, outcome) => {
                    assert!(outcomes.insert(at, outcome).is_none(), "one outcome for each lock");
                }
                BatchEvent::Ended { undoable } => return (outcomes, undoable),
                BatchEvent::Afterwards(..) | BatchEvent::Watched => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn execute(&mut self, ticket: u64, plan: &FleetPlan) -> (BTreeMap<usize, Outcome>, usize) {
        let all = plan.ready().map(|(at, _)| at).collect();
        self.tell(ActionCommand::ExecuteBatch(Ticket(ticket), all)).await;
        self.outcomes().await
    }
}

fn item_on(node: &str, key: &str, token: &str) -> Item {
    Item { lock: LockId { node: NodeId::new(node), db: 0, key: key.into() }, seen: seen(token) }
}

fn token(n: usize) -> String {
    format!("{TOKEN}-{n}")
}

fn codes(outcomes: &BTreeMap<usize, Outcome>) -> Vec<&'static str> {
    outcomes.values().map(Outcome::code).collect()
}

async fn get(raw: &mut redwarden::redis_io::Writer, key: &str) -> Option<String> {
    raw.call(&Command::new("GET").arg(key)).await.unwrap().as_bytes().map(|b| b.escaped())
}

#[tokio::test]
async fn each_lock_is_compared_on_its_own_and_one_undo_puts_back_what_is_free() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    for n in 0..6 {
        run(&mut raw, &format!("SET lock:{n} {} PX 600000", token(n))).await;
    }
    run(&mut raw, "SET lock:const 1").await;
    let mut items: Vec<Item> = (0..6).map(|n| item_on("n1", &format!("lock:{n}"), &token(n))).collect();
    items.push(item_on("n1", "lock:const", "1"));
    items.push(item_on("n1", "lock:never-was", TOKEN));
    let mut running = start(bench.services());
    let plan = running.prepare(1, items).await;
    assert_eq!(plan.ready().count(), 7, "{plan:?}");
    assert!(plan.parts[7].plan.as_ref().unwrap_err().contains("gone already"));
    assert!(plan.parts[0].plan.as_ref().unwrap().frees_in.is_some());
    // Between the dialog and the execution: taken by another, gone, and a constant that was taken again.
    run(&mut raw, "SET lock:1 somebody-else-4711").await;
    run(&mut raw, "DEL lock:2").await;
    run(&mut raw, "SET lock:const 1").await;
    let (outcomes, undoable) = running.execute(1, &plan).await;
    assert_eq!(codes(&outcomes), ["done", "changed", "gone", "done", "done", "done", "touched"]);
    assert_eq!(get(&mut raw, "lock:1").await.as_deref(), Some("somebody-else-4711"));
    assert_eq!(get(&mut raw, "lock:const").await.as_deref(), Some("1"));
    assert_eq!(undoable, 4);
    let lines = bench.audit_lines();
    let batches: std::collections::BTreeSet<String> =
        lines.iter().map(|line| line["batch"].as_str().unwrap().to_owned()).collect();
    assert_eq!(batches.into_iter().collect::<Vec<_>>(), [plan.id.to_string()]);
    assert_eq!(lines.iter().filter(|line| line["phase"] == "after").count(), 7);
    // A retaken lock, and one that was taken and let go again, are not put back.
    run(&mut raw, "SET lock:3 the-next-one-4711").await;
    run(&mut raw, "SET lock:4 a-short-one-4711").await;
    run(&mut raw, "DEL lock:4").await;
    running.tell(ActionCommand::UndoBatch(Ticket(2), Ticket(1))).await;
    let back = running.prepared().await.unwrap();
    assert!(back.parts.iter().all(|part| part.plan.is_ok() || part.lock.key == "lock:3".into()), "{back:?}");
    let (outcomes, _) = running.outcomes().await;
    assert_eq!(outcomes.values().filter(|o| is_done(o)).count(), 2, "{outcomes:?}");
    assert_eq!(get(&mut raw, "lock:0").await, Some(token(0)));
    assert_eq!(get(&mut raw, "lock:5").await, Some(token(5)));
    assert!((1..=600_000).contains(&pttl(&mut raw, "lock:0").await));
    assert_eq!(get(&mut raw, "lock:3").await.as_deref(), Some("the-next-one-4711"));
    assert!(!exists(&mut raw, "lock:4").await, "it was used since its release");
    // There is one undo.
    running.tell(ActionCommand::UndoBatch(Ticket(3), Ticket(1))).await;
    assert!(running.prepared().await.unwrap_err().contains("nothing to undo"));
}

#[tokio::test]
async fn only_what_was_confirmed_runs_and_a_later_look_says_what_became_of_it() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    for n in 0..3 {
        run(&mut raw, &format!("SET lock:{n} {}", token(n))).await;
    }
    let items = (0..3).map(|n| item_on("n1", &format!("lock:{n}"), &token(n))).collect();
    let mut running = start(bench.services());
    let plan = running.prepare(1, items).await;
    assert_eq!(plan.ready().count(), 3);
    running.tell(ActionCommand::ExecuteBatch(Ticket(1), vec![0, 2])).await;
    let (outcomes, _) = running.outcomes().await;
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), [0, 2]);
    assert!(exists(&mut raw, "lock:1").await);
    // The holder of the last one is alive and takes it again.
    run(&mut raw, &format!("SET lock:2 {}", token(2))).await;
    let mut found = BTreeMap::new();
    while found.len() < 2 {
        if let (_, BatchEvent::Afterwards(at, text)) = running.news().await {
            found.insert(at, text);
        }
    }
    assert!(found[&0].contains("the key is free"), "{found:?}");
    assert!(found[&2].contains("holder is alive"), "{found:?}");
}

#[tokio::test]
async fn an_abandoned_batch_does_nothing_and_keeps_no_connection() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    for n in 0..5 {
        run(&mut raw, &format!("SET lock:{n} 1")).await;
    }
    let items: Vec<Item> = (0..5).map(|n| item_on("n1", &format!("lock:{n}"), "1")).collect();
    let mut running = start(bench.services());
    running.prepare(1, items).await;
    running.tell(ActionCommand::Abandon(Ticket(1))).await;
    running.tell(ActionCommand::ExecuteBatch(Ticket(1), vec![0, 1, 2, 3, 4])).await;
    until("no action connection is left", async || {
        let text = run(&mut raw, "CLIENT LIST").await.as_bytes().unwrap().escaped();
        !text.contains(":act ")
    })
    .await;
    assert_eq!(run(&mut raw, "DBSIZE").await, Reply::Int(5));
    assert!(bench.audit_lines().is_empty());
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let many = MOST_CONNECTIONS + 6;
    for n in 0..many {
        run(&mut raw, &format!("SET lock:{n} 1")).await;
        run(&mut raw, &format!("SET lock:random:{n} {}", token(n))).await;
    }
    let mut running = start(bench.services());
    // What WATCH must prove needs a connection each, and there are so many at most.
    let items = (0..many).map(|n| item_on("n1", &format!("lock:{n}"), "1")).collect();
    let plan = running.prepare(1, items).await;
    assert_eq!(plan.ready().count(), MOST_CONNECTIONS);
    assert!(plan.parts[many - 1].plan.as_ref().unwrap_err().contains("another one"));
    let connections = run(&mut raw, "CLIENT LIST").await.as_bytes().unwrap().escaped();
    assert!(connections.matches(":act ").count() <= MOST_CONNECTIONS);
    running.tell(ActionCommand::Abandon(Ticket(1))).await;
    // The others need none; of these as many can be put back as connections may watch.
    let items = (0..many).map(|n| item_on("n1", &format!("lock:random:{n}"), &token(n))).collect();
    let plan = running.prepare(2, items).await;
    let (outcomes, undoable) = running.execute(2, &plan).await;
    assert!(outcomes.len() == many && outcomes.values().all(is_done));
    assert_eq!(undoable, MOST_CONNECTIONS);
    let items = (0..=MOST_LOCKS).map(|n| item_on("n1", &format!("lock:{n}"), "1")).collect();
    running.tell(ActionCommand::PrepareBatch(Ticket(3), items)).await;
    let why = loop {
        if let (Ticket(3), BatchEvent::Prepared(result)) = running.news().await {
            break result.unwrap_err();
        }
    };
    assert!(why.contains("500"), "{why}");
}

/// Services over several servers, by the names of their nodes.
fn fleet(benches: &[(&'static str, &Bench)], timeout: Duration) -> Services {
    let places: Vec<_> = benches.iter().map(|(name, bench)| (*name, bench.server.endpoint())).collect();
    let mut services = benches[0].1.services();
    services.timeout = timeout;
    services.directory = Arc::new(move |id| {
        places.iter().find(|(name, _)| *name == id.as_str()).map(|(_, endpoint)| endpoint.clone())
    });
    services
}

#[cfg(unix)]
#[tokio::test]
async fn a_frozen_node_stops_only_its_own_locks() {
    let (well, ice) = (Bench::start(&[]), Bench::start(&[]));
    let (mut raw, mut raw_ice) = (well.raw().await, ice.raw().await);
    for n in 0..20 {
        run(&mut raw, &format!("SET lock:{n} {}", token(n))).await;
        run(&mut raw_ice, &format!("SET lock:{n} {}", token(n))).await;
    }
    let both = || -> Vec<Item> {
        let on = |node: &'static str| (0..20).map(move |n| item_on(node, &format!("lock:{n}"), &token(n)));
        on("well").chain(on("ice")).collect()
    };
    let services = fleet(&[("well", &well), ("ice", &ice)], Duration::from_millis(500));
    let mut running = start(services);
    let plan = running.prepare(1, both()).await;
    assert_eq!(plan.ready().count(), 40);
    ice.server.freeze();
    let started = std::time::Instant::now();
    let (outcomes, _) = running.execute(1, &plan).await;
    let took = started.elapsed();
    for (at, outcome) in &outcomes {
        if *at < 20 {
            assert!(is_done(outcome), "{at}: {outcome:?}");
        } else {
            let stopped = matches!(outcome, Outcome::NotDone(NotDone::NotSent(_)) | Outcome::Unknown(_));
            assert!(stopped, "{at}: {outcome:?}");
        }
    }
    // One deadline after another for each of the twenty would be ten seconds and more.
    assert!(took < Duration::from_secs(8), "{took:?}");
    // A plan for a node that does not answer is refused, in the same short time.
    let plan = running.prepare(2, both()).await;
    let frozen = plan.parts.iter().skip(20).all(|part| part.plan.as_ref().is_err_and(|w| w.contains("ice")));
    assert!(frozen, "{plan:?}");
    ice.server.thaw();
    assert_eq!(run(&mut raw_ice, "DBSIZE").await, Reply::Int(20), "nothing was sent there");
}

/// Locks are re-taken while the batch runs: never is one deleted whose token is not the one seen.
#[tokio::test]
async fn a_race_with_holders_never_deletes_another_token() {
    const LOCKS: usize = 150;
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let mut running = start(bench.services());
    for round in 0..4 {
        for n in 0..LOCKS {
            run(&mut raw, &format!("SET race:{n} {}", token(n))).await;
        }
        let items = (0..LOCKS).map(|n| item_on("n1", &format!("race:{n}"), &token(n))).collect();
        let plan = running.prepare(round, items).await;
        let mut rival = bench.raw().await;
        let rivals = tokio::spawn(async move {
            let mut taken = Vec::new();
            let mut order: Vec<usize> = (0..LOCKS).step_by(2).collect();
            fastrand::shuffle(&mut order);
            for n in order {
                run(&mut rival, &format!("SET race:{n} rival-token-4711-{n}")).await;
                taken.push(n);
                tokio::task::yield_now().await;
            }
            taken
        });
        let (outcomes, _) = running.execute(round, &plan).await;
        let taken = rivals.await.unwrap();
        for n in taken {
            let left = get(&mut raw, &format!("race:{n}")).await;
            assert_eq!(left, Some(format!("rival-token-4711-{n}")), "round {round}: {:?}", outcomes[&n]);
            assert!(matches!(outcomes[&n].code(), "done" | "changed"), "{:?}", outcomes[&n]);
        }
        assert!((1..LOCKS).step_by(2).all(|n| is_done(&outcomes[&n])));
    }
}

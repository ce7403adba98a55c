//! Several queues at once, each as its library counts it.

use std::time::{Duration, Instant};

use redwarden::domain::snapshot::Board;
use redwarden::domain::{FleetView, Queue};
use redwarden::poll::Fleet;
use serde_json::{Value, json};

/// The figures that a library calls so, as we have them; what is not one of the main ones stands in the details.
pub(crate) fn figures(queue: &Queue, names: &Value) -> Value {
    let detail = |label: &str| {
        let found = queue.details.iter().find(|d| d.label == label);
        found.map_or(0, |d| d.text.split(' ').next().unwrap().parse::<u64>().unwrap())
    };
    let of = |name: &str| match name {
        "waiting" => json!(queue.waiting),
        "in_flight" => json!(queue.in_flight),
        "scheduled" => json!(queue.scheduled),
        "retry" => json!(queue.retry),
        "failed" => json!(queue.failed),
        "workers" => json!(queue.workers),
        other => json!(detail(other)),
    };
    names.as_object().unwrap().keys().map(|name| (name.clone(), of(name))).collect()
}

/// Waits until all queues are of this family and as the library counts them, by name. Returns them by name.
pub(crate) async fn agree_on(fleet: &Fleet, family: &str, moment: &str, told: &Value) -> Vec<Queue> {
    agree_when(fleet, family, moment, told, |_| true).await
}

/// The same, and something else holds.
pub(crate) async fn agree_when(
    fleet: &Fleet,
    family: &str,
    moment: &str,
    told: &Value,
    holds: impl Fn(&[Queue]) -> bool,
) -> Vec<Queue> {
    let told = told.as_object().unwrap();
    let mut board = fleet.board();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let view = FleetView::build(&Board::clone(&board.borrow_and_update()));
        let mut queues: Vec<Queue> = view.queues.iter().map(|q| Queue::clone(q)).collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        let same = |(queue, (name, counts)): (&Queue, (&String, &Value))| {
            (queue.family, &queue.name) == (family, name) && figures(queue, counts) == *counts
        };
        if queues.len() == told.len() && queues.iter().zip(told).all(same) && holds(&queues) {
            assert!(view.nodes[0].snapshot.denied.is_empty(), "{:?}", view.nodes[0].snapshot.denied);
            return queues;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{moment}: never as {told:#?}\nlast seen: {queues:#?}");
        let _ = tokio::time::timeout(left, board.changed()).await;
    }
}

/// True when a line of the details with this label has this text in it.
pub(crate) fn says(queue: &Queue, label: &str, text: &str) -> bool {
    queue.details.iter().any(|d| d.label == label && d.text.contains(text))
}

/// Asserts that a peek at what is in flight tells who holds a task, and this of it.
pub(crate) fn shows_in_flight(url: &str, queue: &str, part: &str) {
    let seen = super::shell::Shell::new().run(&["queues", "peek", queue, "--set", "in-flight", "-u", url]);
    let has = |text: &str| seen.out.contains(text);
    assert!(seen.code == 0 && has("held by") && has(part), "{}{}", seen.out, seen.err);
}

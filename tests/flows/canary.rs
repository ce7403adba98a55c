//! `t` on a library's queue: the dialog, what is said on the way, and the plain list instead.

use std::time::Duration;

use redwarden::act::canary::{Stage, TEST_QUEUE};
use redwarden::act::plan::{Parts, Undo};
use redwarden::act::request::ActionCommand;
use redwarden::act::{ActionEvent, Request, Ticket};
use redwarden::app::effect::Effect;
use redwarden::app::event::Event;
use redwarden::app::state::{Dialog, Settings};
use redwarden::config::CanaryTask;
use redwarden::domain::queue::PushEnd;

use crate::fixtures::{board, node, queue, settings};
use crate::harness::{Flow, asked, done, flow_with, plan, queue_id};

fn flow(settings: Settings) -> Flow {
    let mut rq = queue("rq:queue:mail");
    rq.0.family = "rq";
    rq.0.push = PushEnd::Right;
    flow_with(settings, &board(vec![node("a").queues(vec![rq, queue("queue:plain")])]))
}

fn ask(f: &mut Flow) -> (Ticket, Request) {
    f.select_queue("rq:queue:mail");
    let (ticket, request) = asked(&f.press("t"));
    assert!(
        matches!(&request, Request::Canary { queue, family: "rq", push: PushEnd::Right, id, .. }
            if *queue == queue_id("a", "rq:queue:mail") && id.len() == 36),
        "{request:?}"
    );
    (ticket, request)
}

fn stage(f: &mut Flow, ticket: Ticket, stage: Stage, ms: u64) {
    let (queue, id) = (queue_id("a", "rq:queue:mail"), "redwarden-canary-1".to_string());
    let after = Duration::from_millis(ms);
    f.send(Event::Action(ActionEvent::Canary { ticket, queue, id, stage, after }));
}

fn sent(f: &mut Flow) -> Ticket {
    let (ticket, request) = ask(f);
    f.prepared(ticket, &request);
    f.draw();
    assert_eq!(f.press("y"), [Effect::Action(ActionCommand::Execute(ticket))]);
    let parts =
        Parts { guards: Vec::new(), steps: Vec::new(), alone: false, until_ms: None, words: String::new() };
    let mut plan = plan(&request);
    plan.undo = Undo::Remove(Box::new(parts));
    f.send(Event::Action(ActionEvent::Outcome(ticket, Box::new(plan), done())));
    ticket
}

#[test]
fn it_is_sent_followed_and_told() {
    let mut f = flow(settings());
    let ticket = sent(&mut f);
    assert!(f.toast().contains("it is followed, u takes it away"), "{}", f.toast());
    stage(&mut f, ticket, Stage::Waiting(Some(2)), 10);
    assert!(f.toast().contains("waits, 2 before it"), "{}", f.toast());
    stage(&mut f, ticket, Stage::Picked(Some("w1".into())), 1200);
    assert!(f.toast().contains("was picked by w1"), "{}", f.toast());
    stage(&mut f, ticket, Stage::Done(Some("w1".into())), 1500);
    assert!(
        f.toast().contains("rq:queue:mail on a is done by w1, after 1s") && !f.toast_is_error(),
        "{}",
        f.toast()
    );
    let known = &f.state.canaries[0];
    assert_eq!(known.picked_after, Some(Duration::from_millis(1200)));
    assert_eq!(f.press("u"), [], "nothing is left to take away");
    stage(&mut f, Ticket(99), Stage::NotTaken, 1);
    assert!(f.toast_is_error() && f.toast().contains("not taken by anybody"), "{}", f.toast());
}

#[test]
fn u_takes_it_away_while_it_waits() {
    let mut f = flow(settings());
    let ticket = sent(&mut f);
    stage(&mut f, ticket, Stage::Waiting(Some(0)), 10);
    let (_, undo) = asked(&f.press("u"));
    assert_eq!(undo, Request::Undo { of: ticket });
    assert!(f.toast().contains("taking away the test task"), "{}", f.toast());
}

#[test]
fn a_refusal_offers_the_plain_list() {
    let mut f = flow(settings());
    let (ticket, _) = ask(&mut f);
    f.send(Event::Action(ActionEvent::Prepared(ticket, Box::new(Err("no harmless task".into())))));
    assert_eq!(f.press("t"), [], "not before it was drawn");
    assert!(matches!(f.top(), Some(Dialog::Confirm(_))));
    f.draw();
    f.press("t");
    assert!(
        matches!(f.top(), Some(Dialog::Enqueue(form)) if form.queue == queue_id("a", TEST_QUEUE)),
        "{:?}",
        f.top()
    );
    let (_, request) = asked(&f.press("<enter>"));
    assert!(matches!(request, Request::Enqueue { queue, .. } if queue.key == TEST_QUEUE.into()));
}

#[test]
fn a_plain_list_gets_the_form_unless_a_task_is_named_or_it_is_production() {
    let mut f = flow(settings());
    f.select_queue("queue:plain");
    assert_eq!(f.press("t"), []);
    assert!(matches!(f.top(), Some(Dialog::Enqueue(_))));
    let named = CanaryTask {
        family: "list".into(),
        queue: Some("queue:plain".into()),
        task: None,
        args: None,
        payload: None,
    };
    for settings in
        [Settings { canaries: vec![named], ..settings() }, Settings { production: true, ..settings() }]
    {
        let mut f = flow(settings);
        f.select_queue("queue:plain");
        let (_, request) = asked(&f.press("t"));
        assert!(matches!(request, Request::Canary { family: "list", .. }), "{request:?}");
    }
}

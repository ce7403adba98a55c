//! What a release took is put back, unless its place was used in the meantime.

use redwarden::act::{ActionCommand, ActionEvent, NotDone, Outcome, Request, Ticket};
use redwarden::domain::{Lock, Reply};
use redwarden::redis_io::Writer;
use tokio::sync::mpsc;

use crate::support::{Bench, is_done, next, not_done, run};
use crate::{look, reader, seen};

const REDISSON: &str = "285475da-9152-4c83-822a-67ee2f116a79:52";
const MADELSON: &str = "APPHOST01_4312_13faded8aaf14ddda350a36240ff8a05";
const DIGEST: &str = "uniquejobs:3f1a3f1a3f1a3f1a3f1a3f1a3f1a3f1a";
const SYMFONY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

struct Executor {
    commands: mpsc::Sender<ActionCommand>,
    events: mpsc::Receiver<ActionEvent>,
    tickets: u64,
}

impl Executor {
    fn start(bench: &Bench, scripts: bool) -> Self {
        let services = if scripts { bench.services() } else { bench.services_as("noeval") };
        let (sender, events) = mpsc::channel(64);
        Self { commands: redwarden::act::spawn_with(services, sender), events, tickets: 0 }
    }

    async fn act(&mut self, request: Request) -> Result<(Ticket, Outcome), String> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.commands.send(ActionCommand::Prepare(ticket, request)).await.unwrap();
        loop {
            match next(&mut self.events).await {
                ActionEvent::Prepared(of, result) if of == ticket => {
                    (*result)?;
                    self.commands.send(ActionCommand::Execute(ticket)).await.unwrap();
                }
                ActionEvent::Outcome(of, _, outcome) if of == ticket => return Ok((ticket, outcome)),
                _ => {}
            }
        }
    }
}

async fn found(bench: &Bench, key: &str, family: Option<&'static str>) -> Lock {
    let lock = look(&mut reader(bench).await, &["*"], &key.into()).await.expect("a lock");
    Lock { family: family.unwrap_or(lock.family), ..lock }
}

/// Set-up, key, family, what everything looks like, what somebody else may do meanwhile.
struct Case {
    set_up: &'static [&'static str],
    key: &'static str,
    family: Option<&'static str>,
    state: &'static str,
    meanwhile: &'static str,
}

fn fill(text: &str) -> String {
    text.replace("HOLDER", REDISSON)
        .replace("APP", MADELSON)
        .replace("OTHR", "APPHOST02_99_d168d76730f54e76ab80437dff13da9f")
        .replace("THIRD", "APPHOST03_7_d168d76730f54e76ab80437dff13da90")
        .replace("DIGEST", DIGEST)
        .replace("SYMF", SYMFONY)
}

const CASES: [Case; 10] = [
    Case {
        set_up: &["HSET myLock HOLDER 2", "PEXPIRE myLock 600000"],
        key: "myLock",
        family: None,
        state: "HGETALL myLock",
        meanwhile: "HSET myLock 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9 1",
    },
    Case {
        set_up: &["HSET rw mode read HOLDER 1 6b1f6f0e-9a3c-4f1d-8f0e-1f5b3a2c7d11:9 1", "PEXPIRE rw 600000"],
        key: "rw",
        family: None,
        state: "HGETALL rw",
        meanwhile: "HSET rw mode write",
    },
    Case {
        set_up: &["HSET huey.results.a a.lock.x v result r"],
        key: "huey.results.a",
        family: None,
        state: "HGETALL huey.results.a",
        meanwhile: "HSET huey.results.a a.lock.x other",
    },
    Case {
        set_up: &["ZADD sem 9795435255614.5 APP 9795435255615.5 OTHR", "PEXPIRE sem 600000"],
        key: "sem",
        family: None,
        state: "ZRANGE sem 0 -1 WITHSCORES",
        meanwhile: "ZADD sem 9795435255619.5 THIRD",
    },
    Case {
        set_up: &["ZADD report 9795435255614 SYMF 9795435255614 __write__", "PEXPIRE report 600000"],
        key: "report",
        family: None,
        state: "ZRANGE report 0 -1 WITHSCORES",
        meanwhile: "ZADD report 9795435255614 another",
    },
    Case {
        set_up: &["SADD rw.readers APP", "PEXPIRE rw.readers 600000"],
        key: "rw.readers",
        family: None,
        state: "SMEMBERS rw.readers",
        meanwhile: "SET rw.writer APP",
    },
    Case {
        set_up: &["SET sem 3"],
        key: "sem",
        family: Some("redisson"),
        state: "GET sem",
        meanwhile: "DECR sem",
    },
    Case {
        set_up: &["SET limit 2 PX 600000"],
        key: "limit",
        family: Some("dramatiq"),
        state: "GET limit",
        meanwhile: "INCR limit",
    },
    Case {
        set_up: &["SET psem 3", "ZADD {psem}:timeout 9795435244140 0123456789abcdef"],
        key: "{psem}:timeout",
        family: None,
        state: "ZRANGE {psem}:timeout 0 -1 WITHSCORES",
        meanwhile: "DECR psem",
    },
    Case {
        set_up: &[
            "SET DIGEST d01bd06ec32d00db98f3fb53 PX 600000",
            "HSET DIGEST:LOCKED d01bd06ec32d00db98f3fb53 1795435243.5",
            "PEXPIRE DIGEST:LOCKED 600000",
            "ZADD uniquejobs:digests 5 DIGEST",
        ],
        key: "uniquejobs:3f1a3f1a3f1a3f1a3f1a3f1a3f1a3f1a:LOCKED",
        family: None,
        state: "HGETALL DIGEST:LOCKED",
        meanwhile: "SET DIGEST other",
    },
];

async fn set_up(raw: &mut Writer, case: &Case) {
    run(raw, "FLUSHALL").await;
    for command in case.set_up {
        run(raw, &fill(command)).await;
    }
}

/// What the case is about, the fields of a hash in order.
async fn state(raw: &mut Writer, case: &Case) -> Reply {
    match run(raw, &fill(case.state)).await {
        Reply::Map(mut fields) => {
            fields.sort_by_key(|(field, _)| field.as_bytes());
            Reply::Map(fields)
        }
        other => other,
    }
}

/// Releases the lock of the case; what an undo of that is called.
async fn released(bench: &Bench, it: &mut Executor, case: &Case, what: &str) -> Ticket {
    let lock = found(bench, case.key, case.family).await;
    let request = Request::Release { lock: lock.id.clone(), seen: seen(&lock) };
    let (of, outcome) = it.act(request).await.unwrap();
    assert!(is_done(&outcome), "{what}: {outcome:?}");
    of
}

#[tokio::test]
async fn what_was_taken_comes_back_with_its_ttl() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
    for case in &CASES {
        for scripts in [true, false] {
            let mut it = Executor::start(&bench, scripts);
            set_up(&mut raw, case).await;
            let what = format!("{} as {:?}, scripts {scripts}", case.key, case.family);
            let before = state(&mut raw, case).await;
            let had_ttl = crate::support::pttl(&mut raw, case.key).await > 0;
            // huey's release needs a script for the value, if only to read it.
            let of = released(&bench, &mut it, case, &what).await;
            assert_ne!(state(&mut raw, case).await, before, "{what}");
            match it.act(Request::Undo { of }).await {
                Ok((_, outcome)) => assert!(is_done(&outcome), "{what}: {outcome:?}"),
                Err(why) => {
                    assert!(!scripts && why.contains("cannot be undone"), "{what}: {why}");
                    continue;
                }
            }
            assert_eq!(state(&mut raw, case).await, before, "{what}");
            let pttl = crate::support::pttl(&mut raw, case.key).await;
            assert_eq!(had_ttl, (1..=600_000).contains(&pttl), "{what}: {pttl} ms");
            if case.key.ends_with(":LOCKED") {
                assert_eq!(run(&mut raw, "ZCARD uniquejobs:digests").await, Reply::Int(1));
                assert!((1..=600_000).contains(&crate::support::pttl(&mut raw, DIGEST).await));
            }
            let refused = it.act(Request::Undo { of }).await.unwrap_err();
            assert!(refused.contains("undone already"), "{what}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_place_that_was_used_meanwhile_stays_as_it_is() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "ACL SETUSER noeval on >pw ~* &* +@all -eval -evalsha -eval_ro").await;
    for case in &CASES {
        for scripts in [true, false] {
            let mut it = Executor::start(&bench, scripts);
            set_up(&mut raw, case).await;
            let what = format!("{} as {:?}, scripts {scripts}", case.key, case.family);
            let of = released(&bench, &mut it, case, &what).await;
            run(&mut raw, &fill(case.meanwhile)).await;
            let after = state(&mut raw, case).await;
            match it.act(Request::Undo { of }).await {
                Ok((_, outcome)) => assert!(
                    matches!(not_done(&outcome), NotDone::Taken | NotDone::Touched | NotDone::Changed),
                    "{what}: {outcome:?}"
                ),
                Err(why) => {
                    assert!(why.contains("in use") || why.contains("cannot be undone"), "{what}: {why}");
                }
            }
            assert_eq!(state(&mut raw, case).await, after, "{what}");
        }
    }
}

//! What a node tells beyond INFO, by real servers; and what is never told: arguments, passwords.

use std::time::Duration;

use redwarden::config::{Config, Endpoint, Secret};
use redwarden::domain::diagnostics::{Diagnostics, PARAMETERS, Told};
use redwarden::domain::node::{NodeState, Role};
use redwarden::domain::{Command, Finding, FleetView, NodeSnapshot, Rules, Severity, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::redis_io::Writer;

use super::{config, run, wait_for, watch, writer};

const SECRET: &str = "hunter2-0c8a2f0d7b11";

fn node(view: &FleetView) -> &NodeSnapshot {
    &view.nodes[0].snapshot
}

fn told(view: &FleetView) -> &Diagnostics {
    &node(view).diagnostics
}

fn found(view: &FleetView, code: &str) -> Option<Finding> {
    let findings = node(view).findings(&Rules::default(), Stamp::now().mono);
    findings.into_iter().find(|f| f.code == code)
}

/// Waits for a condition while everything is looked at anew again and again: the pace of ten seconds is not waited for.
pub(crate) async fn wait_refreshed(
    fleet: &Fleet,
    what: &str,
    condition: impl Fn(&FleetView) -> bool,
) -> FleetView {
    let hurry = async {
        loop {
            fleet.refresh();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        view = wait_for(fleet, what, condition) => view,
        () = hurry => unreachable!(),
    }
}

/// Keeps the server busy for at least so long with one command; longer ones are tried until one takes that long.
async fn stall(writer: &mut Writer, least: Duration) {
    let mut rounds: u64 = 100_000;
    loop {
        let script = format!("local i=0 while i<{rounds} do i=i+1 end return ARGV[1]");
        let started = std::time::Instant::now();
        let reply =
            writer.call(&Command::new("EVAL").arg(script).arg("1").arg("lock:slow").arg(SECRET)).await;
        assert_eq!(reply.unwrap(), redwarden::domain::Reply::Bulk(SECRET.into()));
        if started.elapsed() >= least {
            return;
        }
        rounds *= 2;
    }
}

fn with_rules(endpoints: &[Endpoint], change: impl FnOnce(&mut Rules)) -> Fleet {
    let mut config: Config = config(endpoints);
    change(&mut config.rules);
    Fleet::spawn(std::sync::Arc::new(config))
}

#[tokio::test]
async fn slow_commands_are_told_without_their_arguments() {
    let server = Server::start(&["--slowlog-log-slower-than", "0"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, &format!("SET user:1 {SECRET}")).await;
    run(&mut w, &format!("EVAL return(ARGV[1]) 1 lock:a {SECRET}")).await;
    run(&mut w, &format!("CONFIG SET requirepass {SECRET}")).await;
    run(&mut w, &format!("ACL SETUSER x on >{SECRET}")).await;
    run(&mut w, &format!("AUTH default {SECRET}")).await;
    run(&mut w, &format!("ECHO {SECRET}")).await;
    // Few of ours follow, so that these are among the newest ten.
    let endpoint = Endpoint { password: Some(Secret::new(SECRET)), ..server.endpoint() };
    run(&mut w, "CONFIG SET slowlog-log-slower-than 1000000").await;
    let fleet = watch(&[endpoint]);
    let view = wait_for(&fleet, "slow log", |v| told(v).slowlog.known().is_some()).await;
    let log = told(&view).slowlog.known().unwrap();
    let has = |command: &str, key: Option<&str>| {
        log.newest.iter().any(|c| {
            c.command == command && c.key.as_ref().map(redwarden::domain::Bytes::escaped).as_deref() == key
        })
    };
    assert!(log.len.unwrap() >= 6, "{log:?}");
    assert!(has("SET", Some("user:1")) && has("EVAL", Some("lock:a")), "{log:?}");
    assert!(has("CONFIG SET", None) && has("ECHO", None), "{log:?}");
    assert!(log.newest.iter().all(|c| c.host.as_deref() == Some("127.0.0.1")), "{log:?}");
    let all = format!("{view:?}");
    assert!(!all.contains(SECRET), "{all}");
}

#[tokio::test]
async fn a_log_that_grows_is_a_finding_since_it_appeared() {
    let server = Server::start(&["--slowlog-log-slower-than", "1000"]).unwrap();
    let fleet = with_rules(&[server.endpoint()], |rules| {
        rules.slowlog_above = 2;
        rules.slow_above = Duration::from_millis(1);
    });
    wait_for(&fleet, "slow log", |v| told(v).slowlog.known().is_some()).await;
    let mut w = writer(&server).await;
    for _ in 0..4 {
        stall(&mut w, Duration::from_millis(20)).await;
    }
    let before = std::time::SystemTime::now() - Duration::from_secs(20);
    let view = wait_refreshed(&fleet, "finding", |v| found(v, "slowlog").is_some()).await;
    let finding = found(&view, "slowlog").unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains("EVAL took longest"), "{finding:?}");
    assert!(finding.since.unwrap().wall > before, "{finding:?}");
}

#[tokio::test]
async fn latency_events_are_told_and_judged() {
    let server = Server::start(&["--latency-monitor-threshold", "50"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "no event yet", |v| told(v).latency.known().is_some()).await;
    assert_eq!(told(&view).latency, Told::Known(Vec::new()));
    stall(&mut writer(&server).await, Duration::from_millis(300)).await;
    let view = wait_refreshed(&fleet, "latency event", |v| found(v, "latency-events").is_some()).await;
    let events = told(&view).latency.known().unwrap();
    let event = events.iter().find(|e| e.event == "command").unwrap();
    assert!(event.latest >= Duration::from_millis(100) && event.most >= event.latest, "{event:?}");
}

#[tokio::test]
async fn a_replica_that_stands_still_lags_in_bytes() {
    let primary = Server::start(&["--repl-diskless-sync-delay", "0"]).unwrap();
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    let fleet =
        with_rules(&[primary.endpoint(), replica.endpoint()], |rules| rules.lag_bytes_above = 1 << 20);
    let view = wait_for(&fleet, "replica online", |v| {
        let facts = node(v).facts.as_deref();
        facts.is_some_and(|f| f.replicas.iter().any(|r| r.state == "online" && f.behind(r).is_some()))
            && v.nodes[1].snapshot.facts.as_deref().is_some_and(|f| f.primary_link_up == Some(true))
    })
    .await;
    let facts = view.nodes[1].snapshot.facts.clone().unwrap();
    assert_eq!(facts.role, Some(Role::Replica));
    assert!(facts.replica_offset.is_some() && facts.primary_heard.is_some(), "{facts:?}");
    assert!(found(&view, "replica-lag").is_none());
    // Forks for the first copy were counted.
    assert!(node(&view).facts.as_ref().unwrap().latest_fork.is_some_and(|d| !d.is_zero()));
    replica.freeze();
    let mut w = writer(&primary).await;
    let value = "x".repeat(200_000);
    for n in 0..16 {
        run(&mut w, &format!("SET big:{n} {value}")).await;
    }
    let view = wait_for(&fleet, "lag in bytes", |v| found(v, "replica-lag").is_some()).await;
    replica.thaw();
    let facts = node(&view).facts.as_deref().unwrap();
    assert!(facts.behind(&facts.replicas[0]).unwrap() >= 3_000_000, "{:?}", facts.replicas);
    assert!(found(&view, "replica-lag").unwrap().message.contains("MiB behind"));
}

#[tokio::test]
async fn clients_are_grouped_by_name_and_host() {
    let server = Server::start(&[]).unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = writer(&server).await;
        run(&mut client, "CLIENT SETNAME mailer").await;
        held.push(client);
    }
    let mut waiting = writer(&server).await;
    run(&mut waiting, "CLIENT SETNAME waiter").await;
    let blocked = tokio::spawn(async move { run(&mut waiting, "BLPOP nothing 0").await });
    let fleet = watch(&[server.endpoint()]);
    let view = wait_refreshed(&fleet, "groups", |v| {
        told(v).clients.known().is_some_and(|c| c.top.iter().any(|g| g.name == "waiter" && g.blocked == 1))
    })
    .await;
    let clients = told(&view).clients.known().unwrap();
    let group = clients.top.iter().find(|g| g.name == "mailer").unwrap();
    assert_eq!((group.host.as_str(), group.count, group.blocked), ("127.0.0.1", 3, 0));
    assert_eq!(clients.blocked, 1);
    blocked.abort();
}

#[tokio::test]
async fn configuration_hazards_and_features() {
    let server = Server::start(&["--tcp-keepalive", "0", "--rename-command", "LPOS", ""]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token PX 600000").await;
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "configuration", |v| {
        found(v, "config-hazards").is_some_and(|f| f.message.contains("written to disk"))
    })
    .await;
    let told = told(&view);
    assert_eq!((told.parameter("save"), told.parameter("tcp-keepalive")), (Some(""), Some("0")));
    assert_eq!(told.config.known().unwrap().len(), PARAMETERS.len(), "{:?}", told.config);
    let hazards = redwarden::domain::health::config::hazards(node(&view));
    let parameters: Vec<&str> = hazards.iter().map(|h| h.parameter).collect();
    assert!(parameters.contains(&"appendonly") && parameters.contains(&"tcp-keepalive"), "{hazards:?}");
    assert_eq!(found(&view, "config-hazards").unwrap().severity, Severity::Info);
    let has = |name| told.features.known().unwrap().iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(has("LMOVE") && !has("LPOS"), "{:?}", told.features);
    assert!(told.hello.known().is_some_and(|h| !h.version.is_empty() && h.mode == "standalone"));
}

/// The rights of the README without one of those that the details need.
async fn without(server: &Server, right: &str) -> Endpoint {
    super::acl::user(server, &super::acl::without(&[right])).await
}

#[tokio::test]
async fn each_missing_right_is_said_and_the_rest_goes_on() {
    let server = Server::start(&[]).unwrap();
    for right in ["slowlog|get", "slowlog|len", "latency|latest", "config|get", "command|info", "client|list"]
    {
        let fleet = watch(&[without(&server, right).await]);
        let command = right.to_uppercase();
        let view = wait_for(&fleet, right, |v| {
            let s = node(v);
            s.status.state == NodeState::Up
                && s.scan.passes > 0
                && s.denied.iter().any(|d| d.command == command)
        })
        .await;
        let told = told(&view);
        let denied: Vec<&str> = told.denied().collect();
        assert_eq!(denied, [command.as_str()], "{told:?}");
        let parts = [
            told.slowlog.known().is_some(),
            told.latency.known().is_some(),
            told.config.known().is_some(),
            told.features.known().is_some(),
            told.clients.known().is_some(),
        ];
        let missing = parts.iter().filter(|known| !**known).count();
        assert_eq!(missing, usize::from(right != "slowlog|len"), "{right}: {told:?}");
        if right == "slowlog|len" {
            assert_eq!(told.slowlog.known().unwrap().len, None);
        }
        let finding = found(&view, "not-permitted").unwrap();
        assert!(finding.message.contains(&command) && finding.since.is_some(), "{finding:?}");
        assert_eq!(view.locks.len(), 4, "{right}");
        if right == "config|get" {
            assert!(found(&view, "config-hazards").is_none(), "unknown is not fine, and no hazard either");
            assert!(redwarden::domain::health::config::hazards(node(&view)).is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_not_asked_for_at_each_look() {
    let server = Server::start(&[]).unwrap();
    let fleet = watch(&[without(&server, "config|get").await]);
    let view = wait_for(&fleet, "denied", |v| told(v).config.denied().is_some()).await;
    let seq = node(&view).seq;
    wait_for(&fleet, "twenty looks", |v| node(v).seq > seq + 20).await;
    let reply = run(&mut writer(&server).await, "INFO commandstats").await;
    let text = reply.as_bytes().unwrap().as_utf8().unwrap().to_string();
    let calls = |command: &str| {
        let line = text.lines().find(|l| l.starts_with(&format!("cmdstat_{command}:"))).unwrap_or_default();
        let number = |field: &str| {
            line.split([':', ','])
                .find_map(|p| p.strip_prefix(field))
                .and_then(|n| n.trim().parse::<u64>().ok())
        };
        (number("calls=").unwrap_or(0), number("rejected_calls=").unwrap_or(0))
    };
    assert_eq!(calls("config|get").1, 1, "{text}");
    // The others have a pace of their own: about once in ten seconds, not ten times a second.
    for command in ["slowlog|get", "latency|latest", "client|list"] {
        assert!((1..=3).contains(&calls(command).0), "{command}: {:?}", calls(command));
    }
}

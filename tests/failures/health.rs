//! Verdicts by real servers.

use std::io::{BufRead, Write};

use redwarden::domain::{Finding, FleetView, Rules, Severity, Stamp};
use redwarden::launcher::Server;

use super::{run, up, wait_for, watch, writer};

fn found(view: &FleetView, code: &str) -> Option<Finding> {
    let findings = view.nodes.first()?.snapshot.findings(&Rules::default(), Stamp::now().mono);
    findings.into_iter().find(|f| f.code == code)
}

#[tokio::test]
async fn a_plain_server_is_fine() {
    let server = Server::start(&[]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token PX 600000").await;
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "some looks", |v| v.nodes[0].snapshot.seq > 5 && v.locks.len() == 1).await;
    let verdict = view.verdict(&Rules::default(), Stamp::now().mono);
    assert_eq!((verdict.code(), verdict.reasons), ("ok", Vec::new()));
    assert_eq!(found(&view, "no-maxmemory").unwrap().severity, Severity::Info);
}

#[tokio::test]
async fn eviction_where_locks_are() {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    let view = wait_for(&fleet, "facts", |v| v.nodes[0].snapshot.seq > 3).await;
    assert!(found(&view, "eviction").is_none(), "a cache may evict");
    // Many, so that some survive.
    for n in 0..20 {
        run(&mut w, &format!("SET lock:{n} 11112222-token")).await;
    }
    wait_for(&fleet, "the hazard", |v| {
        found(v, "eviction").is_some_and(|f| f.severity == Severity::Warning && f.message.contains("locks"))
    })
    .await;
    let big = "x".repeat(100_000);
    for n in 0..40 {
        run(&mut w, &format!("SET filler:{n} {big}")).await;
        run(&mut w, &format!("SET lock:{n} 11112222-token")).await;
    }
    let view = wait_for(&fleet, "evictions", |v| {
        found(v, "eviction").is_some_and(|f| f.severity == Severity::Critical)
    })
    .await;
    eprintln!("{:?}", found(&view, "eviction"));
    assert!(found(&view, "eviction").unwrap().message.contains("keys evicted within"));
}

#[tokio::test]
async fn memory_full_and_writes_refused() {
    let server = Server::start(&["--maxmemory", "3mb"]).unwrap();
    let mut w = writer(&server).await;
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    let big = "x".repeat(100_000);
    for n in 0..40 {
        run(&mut w, &format!("SET filler:{n} {big}")).await;
    }
    let view = wait_for(&fleet, "memory and OOM", |v| {
        found(v, "memory").is_some_and(|f| f.severity == Severity::Critical)
            && found(v, "writes-refused").is_some_and(|f| f.message.contains("OOM"))
    })
    .await;
    assert_eq!(view.verdict(&Rules::default(), Stamp::now().mono).code(), "critical");
    assert!(found(&view, "memory").unwrap().remedy.is_some());
}

#[tokio::test]
async fn replication_broken_lost_and_written_to() {
    let mut primary = Server::start(&[]).unwrap();
    let mut replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    let of_replica = watch(&[replica.endpoint()]);
    let of_primary = watch(&[primary.endpoint()]);
    wait_for(&of_replica, "linked", |v| {
        v.nodes[0].snapshot.facts.as_ref().is_some_and(|f| f.primary_link_up == Some(true))
            && found(v, "replication-link").is_none()
    })
    .await;
    wait_for(&of_primary, "one replica", |v| {
        v.nodes[0].snapshot.facts.as_ref().is_some_and(|f| f.connected_replicas == Some(1))
    })
    .await;
    assert_eq!(run(&mut writer(&replica).await, "SET a b").await.as_error().unwrap().code, "READONLY");
    let view = wait_for(&of_replica, "readonly", |v| found(v, "writes-refused").is_some()).await;
    assert_eq!(found(&view, "writes-refused").unwrap().severity, Severity::Warning);
    replica.kill();
    wait_for(&of_primary, "a replica lost", |v| {
        found(v, "replica-lost").is_some_and(|f| f.message.contains("from 1 to 0"))
    })
    .await;
    replica.restart().unwrap();
    wait_for(&of_primary, "back again", |v| found(v, "replica-lost").is_none()).await;
    primary.kill();
    wait_for(&of_replica, "link down", |v| {
        found(v, "replication-link").is_some_and(|f| f.severity == Severity::Critical)
    })
    .await;
}

#[tokio::test]
async fn a_voter_that_forgot_its_votes() {
    let mut server = Server::start(&[]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token PX 30000").await;
    let fleet = watch(&[server.endpoint()]);
    wait_for(&fleet, "the lock", |v| v.locks.len() == 1).await;
    server.kill();
    server.restart().unwrap();
    let view = wait_for(&fleet, "restarted", |v| found(v, "restarted").is_some()).await;
    let finding = found(&view, "restarted").unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains("not a safe Redlock voter"), "{finding:?}");
}

#[tokio::test]
async fn connections_rejected() {
    let server = Server::start(&["--maxclients", "2"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    let _held = writer(&server).await;
    for _ in 0..10 {
        let _ = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    }
    wait_for(&fleet, "rejections", |v| {
        found(v, "rejected-connections").is_some() && found(v, "clients").is_some()
    })
    .await;
}

#[tokio::test]
async fn acl_denials_are_told_but_not_our_own() {
    let server = Server::start(&[]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "ACL SETUSER weak on >pw ~* +ping +hello +auth +info +client").await;
    let weak = redwarden::config::Endpoint {
        username: Some("weak".into()),
        password: Some(redwarden::config::Secret::new("pw")),
        ..server.endpoint()
    };
    let ours = watch(std::slice::from_ref(&weak));
    let others = watch(&[server.endpoint()]);
    up(&others).await;
    up(&ours).await;
    let view = wait_for(&ours, "what is not permitted", |v| found(v, "not-permitted").is_some()).await;
    let seen = view.nodes[0].snapshot.seq;
    // We are refused something in each look, and that is nobody's fault.
    wait_for(&ours, "more looks", |v| v.nodes[0].snapshot.seq > seen + 80).await;
    for fleet in [&ours, &others] {
        let view = wait_for(fleet, "a look", |_| true).await;
        assert!(found(&view, "acl-denials").is_none());
    }
    // Somebody else, whom nobody here counts.
    let mut other = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    other.write_all(format!("AUTH weak pw\r\n{}", "PTTL lock:a\r\n".repeat(60)).as_bytes()).unwrap();
    let answers = std::io::BufReader::new(other).lines().map(Result::unwrap);
    assert_eq!(answers.take(61).filter(|line| line.starts_with("-NOPERM")).count(), 60);
    for fleet in [&ours, &others] {
        let view = wait_for(fleet, "denials", |v| found(v, "acl-denials").is_some()).await;
        let words = found(&view, "acl-denials").unwrap().message;
        // One of ours may be on its way while the figures are read.
        let told: u64 = words.split(' ').next().unwrap().parse().unwrap();
        assert!((55..=60).contains(&told), "{words}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_fine() {
    let server = Server::start(&[]).unwrap();
    run(&mut writer(&server).await, "ACL SETUSER blind on >pw ~* +@all -info").await;
    let blind = redwarden::config::Endpoint {
        username: Some("blind".into()),
        password: Some(redwarden::config::Secret::new("pw")),
        ..server.endpoint()
    };
    let fleet = watch(&[blind]);
    up(&fleet).await;
    let view = wait_for(&fleet, "INFO denied", |v| found(v, "not-permitted").is_some()).await;
    assert_eq!(view.verdict(&Rules::default(), Stamp::now().mono).code(), "unknown");
}

#[tokio::test]
async fn too_few_replicas_to_write_and_copies_again_and_again() {
    let primary =
        Server::start(&["--min-replicas-to-write", "1", "--enable-debug-command", "local"]).unwrap();
    let of_primary = watch(&[primary.endpoint()]);
    up(&of_primary).await;
    wait_for(&of_primary, "facts before", |v| v.nodes[0].snapshot.seq > 12).await;
    let mut w = writer(&primary).await;
    assert_eq!(run(&mut w, "SET a b").await.as_error().unwrap().code, "NOREPLICAS");
    let view = wait_for(&of_primary, "no replicas", |v| found(v, "writes-refused").is_some()).await;
    let finding = found(&view, "writes-refused").unwrap();
    assert_eq!(finding.severity, Severity::Critical);
    assert!(
        finding.message.contains("NOREPLICAS 1") && finding.remedy.unwrap().contains("NOREPLICAS"),
        "{finding:?}"
    );
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).unwrap();
    let linked =
        |v: &FleetView| v.nodes[0].snapshot.facts.as_ref().is_some_and(|f| f.primary_link_up == Some(true));
    let of_replica = watch(&[replica.endpoint()]);
    wait_for(&of_replica, "linked", linked).await;
    // With another history only a whole copy helps.
    for n in 0..2_u64 {
        run(&mut w, "DEBUG CHANGE-REPL-ID").await;
        run(&mut w, "CLIENT KILL TYPE replica").await;
        wait_for(&of_primary, "a whole copy more", |v| {
            v.nodes[0].snapshot.facts.as_ref().is_some_and(|f| f.full_syncs >= Some(n + 2))
        })
        .await;
    }
    let view = wait_for(&of_primary, "full copies", |v| found(v, "full-resync").is_some()).await;
    let finding = found(&view, "full-resync").unwrap();
    assert!(
        finding.message.contains("full resynchronisations within") && finding.since.is_some(),
        "{finding:?}"
    );
}

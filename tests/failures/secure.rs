//! TLS, mTLS, unix sockets and IPv6: single nodes, a cluster and a Sentinel group, and each way they fail.

use std::sync::Arc;
use std::time::Duration;

use rcgen::date_time_ymd;
use redwarden::config::{Address, Config, Endpoint, Tls};
use redwarden::domain::node::{NodeState, Reason, Role};
use redwarden::launcher::{Cluster, ClusterShape, SentinelGroup, SentinelShape, Server};
use redwarden::poll::Fleet;

use super::fleets::{Followed, blocking, is_up, of_cluster, of_sentinels};
use super::tls::Authority;
use super::{config, down, run, up, wait_for, watch, writer};

/// Handshakes take their time in a debug build on a busy machine.
fn patient(config: Config) -> Config {
    Config { timeout: Duration::from_secs(2), ..config }
}

fn watch_patiently(endpoint: Endpoint) -> Fleet {
    Fleet::spawn(Arc::new(patient(config(&[endpoint]))))
}

fn with(endpoint: &Endpoint, tls: Tls) -> Endpoint {
    Endpoint { tls: Some(tls), ..endpoint.clone() }
}

#[tokio::test]
async fn each_kind_of_failed_tls() {
    let ours = Authority::new("Our CA");
    ours.issue("good", &["localhost"], |_| {});
    ours.issue("expired", &["localhost"], |p| {
        p.not_before = date_time_ymd(2001, 1, 1);
        p.not_after = date_time_ymd(2002, 1, 1);
    });
    let (server, good) = ours.serve("good", "no");
    up(&watch_patiently(good.clone())).await;
    let stranger = Authority::new("Others CA");
    down(&watch_patiently(with(&good, stranger.trust())), Reason::Tls, "not trusted here").await;
    let elsewhere = Tls { server_name: Some("other.test".into()), ..ours.trust() };
    down(&watch_patiently(with(&good, elsewhere)), Reason::Tls, "not for other.test").await;
    let (_expired, expired) = ours.serve("expired", "no");
    down(&watch_patiently(expired), Reason::Tls, "expired").await;
    // Plain to the TLS port, TLS to the plain port. Redis takes a hello for the start of a command and waits.
    let plain = Endpoint { tls: None, ..good.clone() };
    down(&watch_patiently(plain), Reason::Reset, "rediss://").await;
    let on_plain = with(&Endpoint::tcp("localhost", server.port()), ours.trust());
    let silent = down(&watch(&[on_plain]), Reason::Timeout, "does not speak TLS").await;
    assert!(silent.detail.unwrap().contains("redis:// instead of rediss://"));
}

#[tokio::test]
async fn a_client_certificate_that_is_missing_or_of_others() {
    let ours = Authority::new("Our CA");
    ours.issue("server", &["localhost"], |_| {});
    ours.issue("watcher", &["watcher"], |_| {});
    let (_server, endpoint) = ours.serve("server", "yes");
    up(&watch_patiently(with(&endpoint, ours.trust_as("watcher")))).await;
    down(&watch_patiently(endpoint.clone()), Reason::Tls, "ertificate").await;
    let stranger = Authority::new("Others CA");
    stranger.issue("watcher", &["watcher"], |_| {});
    let theirs = Tls { ca_file: ours.trust().ca_file, ..stranger.trust_as("watcher") };
    down(&watch_patiently(with(&endpoint, theirs)), Reason::Tls, "").await;
}

#[tokio::test]
async fn a_cluster_that_speaks_mtls() {
    let ours = Authority::new("Our CA");
    ours.issue("node", &["127.0.0.1"], |_| {});
    ours.issue("watcher", &["watcher"], |_| {});
    let shape = ClusterShape { replicas: 1, tls: Some(ours.files("node", true)), ..ClusterShape::default() };
    let mut cluster = blocking(move || Cluster::start(&shape)).await.unwrap();
    let ports: Vec<u16> = (0..6).map(|i| cluster.announced_port(i).unwrap()).collect();
    let seed = with(&Endpoint::tcp("127.0.0.1", ports[1]), ours.trust_as("watcher"));
    let mut followed = Followed::start(patient(of_cluster(seed)));
    followed
        .until("all nodes by TLS", |v| {
            v.nodes.len() == 6
                && ports[..3].iter().all(|p| is_up(v, *p, Role::Primary))
                && ports[3..].iter().all(|p| is_up(v, *p, Role::Replica))
        })
        .await;
    cluster.server_mut(0).unwrap().kill();
    followed.until("the replica took over", |v| is_up(v, ports[3], Role::Primary)).await;
    // Without our certificate the seed says why.
    let bare = with(&Endpoint::tcp("127.0.0.1", ports[1]), ours.trust());
    let fleet = Fleet::spawn(Arc::new(patient(of_cluster(bare))));
    wait_for(&fleet, "the seed is down", |v| {
        let status = &v.nodes[0].snapshot.status;
        status.state == NodeState::Down && status.reason == Some(Reason::Tls)
    })
    .await;
}

#[tokio::test]
async fn a_sentinel_group_that_speaks_tls() {
    let ours = Authority::new("Our CA");
    ours.issue("node", &["127.0.0.1"], |_| {});
    let shape = SentinelShape { tls: Some(ours.files("node", false)), ..SentinelShape::default() };
    let group = blocking(move || SentinelGroup::start(&shape)).await.unwrap();
    let data: Vec<u16> = (0..2).map(|i| group.announced_port(i).unwrap()).collect();
    let sentinels: Vec<u16> = (0..3).map(|i| group.announced_sentinel_port(i).unwrap()).collect();
    let seed = with(&Endpoint::tcp("127.0.0.1", sentinels[0]), ours.trust());
    let mut followed = Followed::start(patient(of_sentinels(vec![seed], Some(ours.trust()))));
    followed
        .until("the whole group by TLS", |v| {
            v.nodes.len() == 5
                && is_up(v, data[0], Role::Primary)
                && is_up(v, data[1], Role::Replica)
                && sentinels.iter().all(|p| is_up(v, *p, Role::Sentinel))
        })
        .await;
}

#[tokio::test]
async fn a_unix_socket_and_what_goes_wrong_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.sock");
    let at = |path: &std::path::Path| Endpoint {
        address: Address::Unix(path.to_path_buf()),
        ..Endpoint::tcp("unused", 0)
    };
    let mut server = Server::start(&["--unixsocket", &path.display().to_string()]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token").await;
    let fleet = watch(&[at(&path)]);
    wait_for(&fleet, "its lock", |v| v.locks.len() == 1).await;
    server.kill();
    down(&fleet, Reason::Refused, "").await;
    let missing = dir.path().join("nobody.sock");
    let told = down(&watch(&[at(&missing)]), Reason::Refused, "").await;
    eprintln!("{told:?}");
}

#[tokio::test]
async fn ipv6_loopback() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("no IPv6 loopback here: not tested");
        return;
    }
    let mut server = Server::start(&["--bind", "127.0.0.1 ::1"]).unwrap();
    run(&mut writer(&server).await, "SET lock:a 11112222-token").await;
    let fleet = watch(&[Endpoint::tcp("::1", server.port())]);
    let view = wait_for(&fleet, "its lock", |v| v.locks.len() == 1).await;
    assert_eq!(view.nodes[0].snapshot.meta.address, format!("[::1]:{}", server.port()));
    server.kill();
    down(&fleet, Reason::Refused, "").await;
}

#[tokio::test]
async fn a_cluster_and_a_sentinel_group_over_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("no IPv6 loopback here: not tested");
        return;
    }
    let args = ["--bind", "127.0.0.1 ::1", "--cluster-announce-ip", "::1"];
    let shape =
        ClusterShape { replicas: 1, args: args.map(String::from).to_vec(), ..ClusterShape::default() };
    let mut cluster = blocking(move || Cluster::start(&shape)).await.unwrap();
    let ports: Vec<u16> = cluster.servers().map(Server::port).collect();
    let mut followed = Followed::start(patient(of_cluster(Endpoint::tcp("::1", ports[1]))));
    let six = |v: &redwarden::domain::FleetView| {
        v.nodes.iter().all(|n| n.snapshot.meta.address.starts_with("[::1]:"))
    };
    followed
        .until("six nodes by IPv6", |v| {
            v.nodes.len() == 6
                && six(v)
                && ports[..3].iter().all(|p| is_up(v, *p, Role::Primary))
                && ports[3..].iter().all(|p| is_up(v, *p, Role::Replica))
        })
        .await;
    cluster.server_mut(0).unwrap().kill();
    followed.until("the replica took over", |v| is_up(v, ports[3], Role::Primary) && six(v)).await;

    let args = ["--bind", "127.0.0.1 ::1", "--replica-announce-ip", "::1"];
    let shape = SentinelShape { args: args.map(String::from).to_vec(), ..SentinelShape::default() };
    let mut group = blocking(move || SentinelGroup::start(&shape)).await.unwrap();
    let data: Vec<u16> = (0..2).map(|i| group.server(i).unwrap().port()).collect();
    let seed = group.sentinels().next().unwrap().endpoint();
    let mut followed = Followed::start(patient(of_sentinels(vec![seed], None)));
    followed
        .until("the replica by IPv6", |v| {
            let replica = format!("[::1]:{}", data[1]);
            is_up(v, data[0], Role::Primary)
                && v.nodes.iter().any(|n| n.snapshot.meta.address == replica)
                && is_up(v, data[1], Role::Replica)
        })
        .await;
    group.server_mut(0).unwrap().kill();
    followed.until("it leads", |v| is_up(v, data[1], Role::Primary)).await;
}

#[tokio::test]
async fn a_cluster_whose_seed_is_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.sock");
    let args = ["--unixsocket".to_owned(), path.display().to_string()];
    let shape = ClusterShape { primaries: 1, args: args.to_vec(), ..ClusterShape::default() };
    let cluster = blocking(move || Cluster::start(&shape)).await.unwrap();
    let port = cluster.server(0).unwrap().port();
    let seed = Endpoint { address: Address::Unix(path), ..Endpoint::tcp("unused", 0) };
    let fleet = Fleet::spawn(Arc::new(patient(of_cluster(seed))));
    wait_for(&fleet, "its node where it announces itself, once", |v| {
        v.nodes.len() == 1 && v.groups[0].told.is_some() && is_up(v, port, Role::Primary)
    })
    .await;
}

//! Every way a connection can fail, told apart against the real thing.

use std::time::Duration;

use rcgen::date_time_ymd;
use redwarden::config::{Endpoint, Secret, Tls};
use redwarden::domain::node::Reason;
use redwarden::launcher::{Server, free_port};
use redwarden::redis_io::{CallError, ClientRole, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;
use crate::tls::Authority;

fn with(endpoint: &Endpoint, adjust: impl FnOnce(&mut Tls)) -> Endpoint {
    let mut endpoint = endpoint.clone();
    adjust(endpoint.tls.as_mut().unwrap());
    endpoint
}

async fn ping(endpoint: &Endpoint) -> Result<(), CallError> {
    connect(endpoint, ClientRole::Poll, TIMEOUT).await?.ping().await
}

async fn fails(endpoint: &Endpoint, reason: Reason, words: &str) {
    let error = ping(endpoint).await.unwrap_err();
    eprintln!("{error}");
    assert_eq!(error.reason, reason, "{error}");
    assert!(error.detail.contains(words), "{error}");
}

#[tokio::test]
async fn tls_with_own_ca_and_every_way_it_fails() {
    let bench = Authority::new("Our CA");
    bench.issue("good", &["localhost", "redis.test"], |_| {});
    bench.issue("expired", &["localhost"], |p| {
        p.not_before = date_time_ymd(2001, 1, 1);
        p.not_after = date_time_ymd(2002, 1, 1);
    });
    let (server, tls) = bench.serve("good", "no");
    ping(&tls).await.unwrap();
    ping(&with(&tls, |t| t.server_name = Some("redis.test".into()))).await.unwrap();
    fails(&with(&tls, |t| t.server_name = Some("other.test".into())), Reason::Tls, "not for other.test")
        .await;
    fails(&with(&tls, |t| t.ca_file = None), Reason::Tls, "").await;
    let stranger = Authority::new("Others CA");
    fails(&with(&tls, |t| t.ca_file = Some(stranger.path("ca.pem"))), Reason::Tls, "not trusted").await;
    let namesake = Authority::new("Our CA");
    fails(&with(&tls, |t| t.ca_file = Some(namesake.path("ca.pem"))), Reason::Tls, "not signed by the CA")
        .await;
    ping(&with(&tls, |t| {
        t.ca_file = None;
        t.insecure = true;
        t.server_name = Some("other.test".into());
    }))
    .await
    .unwrap();
    fails(
        &with(&tls, |t| t.ca_file = Some("/nonexistent/ca.pem".into())),
        Reason::Tls,
        "/nonexistent/ca.pem",
    )
    .await;
    fails(&with(&tls, |t| t.ca_file = Some(bench.path("good.key"))), Reason::Tls, "no PEM certificate").await;
    // TLS spoken to the plain port, and the other way round.
    let plain_port = Endpoint { tls: tls.tls.clone(), ..Endpoint::tcp("localhost", server.port()) };
    // Redis takes the hello for the start of a command and waits for more.
    let error = connect(&plain_port, ClientRole::Poll, Duration::from_millis(500)).await.err().unwrap();
    assert!(matches!(error.reason, Reason::Tls | Reason::Timeout), "{error}");
    assert!(error.detail.contains("rediss://"), "{error}");
    let on_tls_port = Endpoint { tls: None, ..tls.clone() };
    let error = ping(&on_tls_port).await.unwrap_err();
    eprintln!("{error}");
    assert!(matches!(error.reason, Reason::Reset | Reason::NotRedis), "{error}");
    assert!(error.to_string().contains("TLS") || error.reason == Reason::NotRedis, "{error}");
    let (_server, expired) = bench.serve("expired", "no");
    fails(&expired, Reason::Tls, "expired").await;
}

#[tokio::test]
async fn tls_with_client_certificates() {
    let bench = Authority::new("Our CA");
    bench.issue("server", &["localhost"], |_| {});
    bench.issue("client", &["watcher"], |_| {});
    let (_server, tls) = bench.serve("server", "yes");
    fails(&tls, Reason::Tls, "ertificate").await;
    let ours = with(&tls, |t| {
        t.cert_file = Some(bench.path("client.pem"));
        t.key_file = Some(bench.path("client.key"));
    });
    ping(&ours).await.unwrap();
    fails(&with(&ours, |t| t.key_file = None), Reason::Tls, "together").await;
    fails(&with(&ours, |t| t.key_file = Some(bench.path("server.key"))), Reason::Tls, "").await;
    fails(&with(&ours, |t| t.key_file = Some(bench.path("ca.pem"))), Reason::Tls, "no PEM private key").await;
}

#[tokio::test]
async fn credentials_missing_and_wrong() {
    let server = Server::start(&["--requirepass", "secret word"]).unwrap();
    let endpoint = server.endpoint();
    fails(&endpoint, Reason::Noauth, "").await;
    let wrong = Endpoint { password: Some(Secret::new("nope")), ..endpoint.clone() };
    fails(&wrong, Reason::Wrongpass, "").await;
    assert!(!ping(&wrong).await.unwrap_err().to_string().contains("nope"));
    ping(&Endpoint { password: Some(Secret::new("secret word")), ..endpoint.clone() }).await.unwrap();
    let user = Endpoint {
        username: Some("nobody".into()),
        password: Some(Secret::new("secret word")),
        ..endpoint.clone()
    };
    fails(&user, Reason::Wrongpass, "").await;
    fails(
        &Endpoint { password: Some(Secret::new("secret word")), db: 99, ..endpoint },
        Reason::Other,
        "out of range",
    )
    .await;
}

#[tokio::test]
async fn a_server_without_a_free_connection() {
    let bench = Bench::start(&["--maxclients", "3"]);
    let mut held = Vec::new();
    until("all connections are taken", async || {
        match connect(&bench.server.endpoint(), ClientRole::Poll, TIMEOUT).await {
            Ok(reader) => held.push(reader),
            Err(_) => return true,
        }
        false
    })
    .await;
    for _ in 0..10 {
        fails(&bench.server.endpoint(), Reason::MaxClients, "").await;
    }
}

#[tokio::test]
async fn a_server_that_loads() {
    let mut server = Server::start(&["--enable-debug-command", "local", "--dbfilename", "big.rdb"]).unwrap();
    let mut raw = raw(&server.endpoint()).await;
    run(&mut raw, "DEBUG POPULATE 20000 key 100").await;
    run(&mut raw, "SAVE").await;
    drop(raw);
    let rdb = server.dir().join("big.rdb");
    assert!(rdb.exists());
    let slow = tempfile::tempdir().unwrap();
    std::fs::copy(&rdb, slow.path().join("big.rdb")).unwrap();
    server.kill();
    let dir = slow.path().display().to_string();
    let loading = Server::start(&[
        "--dir",
        &dir,
        "--dbfilename",
        "big.rdb",
        "--key-load-delay",
        "500",
        "--loading-process-events-interval-bytes",
        "1024",
    ])
    .unwrap();
    fails(&loading.endpoint(), Reason::Loading, "").await;
}

/// Accepts once and answers this to whatever comes.
async fn impostor(answer: &'static str) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0_u8; 512];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Endpoint::tcp("127.0.0.1", port)
}

#[tokio::test]
async fn what_is_not_redis_is_said_so() {
    let http = impostor("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    fails(&http, Reason::NotRedis, "HTTP/1.1 400 Bad Request").await;
    let ssh = impostor("SSH-2.0-OpenSSH_9.9\x1b[31m\r\n").await;
    fails(&ssh, Reason::NotRedis, "SSH-2.0").await;
    assert!(!ping(&ssh).await.unwrap_err().to_string().contains('\x1b'));
    let protected = impostor(
        "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set\r\n",
    )
    .await;
    fails(&protected, Reason::ProtectedMode, "").await;
    let silent = impostor("").await;
    fails(&silent, Reason::Reset, "TLS").await;
}

/// Announces a huge reply and sends it without end: the connection is given up, the memory stays small.
#[tokio::test]
async fn a_flood_as_answer_to_hello_is_given_up() {
    for announced in ["$536870911\r\n", "*1000000\r\n$536870911\r\n"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::tcp("127.0.0.1", listener.local_addr().unwrap().port());
        let flood = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let block = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            let mut result = stream.write_all(announced.as_bytes()).await;
            while result.is_ok() {
                result = stream.write_all(&block).await;
                sent += block.len();
            }
            sent
        });
        let error = connect(&endpoint, ClientRole::Poll, Duration::from_secs(30)).await.err().unwrap();
        assert_eq!(error.reason, Reason::NotRedis, "{error}");
        assert!(error.detail.contains("1024 KiB"), "{error}");
        // The rest stood in the buffers of the two sockets.
        let sent = flood.await.unwrap();
        assert!(sent < 64 * 1024 * 1024, "{sent}");
    }
}

/// The limit is one of the handshake: a reply may be longer.
#[tokio::test]
async fn a_long_reply_is_no_flood() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    run(&mut raw, "SETRANGE big 3000000 x").await;
    assert_eq!(run(&mut raw, "GET big").await.as_bytes().unwrap().len(), 3_000_001);
}

#[tokio::test]
async fn nobody_there_and_nobody_answers() {
    let port = free_port().unwrap();
    fails(&Endpoint::tcp("127.0.0.1", port), Reason::Refused, "").await;
    fails(&Endpoint::tcp("no-such-host.invalid", 6379), Reason::Dns, "no-such-host").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut mute = Endpoint::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    let short = Duration::from_millis(200);
    let error = connect(&mute, ClientRole::Poll, short).await.err().unwrap();
    assert_eq!(error.reason, Reason::Timeout, "{error}");
    mute.tls = Some(Tls { insecure: true, ..Tls::default() });
    let error = connect(&mute, ClientRole::Poll, short).await.err().unwrap();
    assert!(error.reason == Reason::Timeout && error.detail.contains("TLS"), "{error}");
}

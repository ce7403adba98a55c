//! What the other files leave: long commands, names, strangers, renamed commands, and many nodes at once.

use std::time::Duration;

use redwarden::config::Endpoint;
use redwarden::domain::lock::{Token, Ttl};
use redwarden::domain::node::{NodeState, Reason};
use redwarden::domain::{Command, NodeSnapshot};
use redwarden::launcher::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{down, run, status, up, wait_for, watch, writer};

#[tokio::test]
async fn a_command_that_takes_long_is_silence() {
    for words in [&["DEBUG", "SLEEP", "3"][..], &["EVAL", "while true do end", "0"]] {
        // Far above the script's time: until then the server says nothing at all.
        let server =
            Server::start(&["--enable-debug-command", "local", "--busy-reply-threshold", "3000"]).unwrap();
        let fleet = watch(&[server.endpoint()]);
        up(&fleet).await;
        let mut w = writer(&server).await;
        let command = Command { args: words.iter().map(|w| (*w).into()).collect() };
        let busy = tokio::spawn(async move {
            let _ = w.call_within(&command, Duration::from_secs(60)).await;
        });
        let gone = down(&fleet, Reason::Timeout, "not answered within").await;
        assert!(gone.last_ok.is_some_and(|at| gone.since.since(at) < Duration::from_secs(10)), "{gone:?}");
        if words[0] == "EVAL" {
            // Later it does say what it is busy with.
            down(&fleet, Reason::Busy, "").await;
            run(&mut writer(&server).await, "SCRIPT KILL").await;
        }
        assert_eq!(up(&fleet).await.reason, None);
        busy.await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    let told =
        down(&watch(&[Endpoint::tcp("no-such-host.invalid", 6379)]), Reason::Dns, "no-such-host").await;
    assert_eq!(told.last_ok, None);
}

/// Says this to whoever connects, or answers it when asked.
async fn stranger(words: &'static str, speaks_first: bool) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0_u8; 512];
                if !speaks_first {
                    let _ = stream.read(&mut buffer).await;
                }
                let _ = stream.write_all(words.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Endpoint::tcp("127.0.0.1", port)
}

#[tokio::test]
async fn strangers_and_a_server_that_protects_itself() {
    // Protected mode never refuses loopback, so its own words stand in for it.
    const PROTECTED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set\r\n";
    for (words, speaks_first, reason, detail) in [
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", false, Reason::NotRedis, "HTTP/1.1 400"),
        ("SSH-2.0-OpenSSH_9.9\r\n", true, Reason::NotRedis, "SSH-2.0"),
        ("220 mail.example ESMTP\r\n", true, Reason::NotRedis, "220 mail.example"),
        ("", false, Reason::Reset, "rediss://"),
        (PROTECTED, true, Reason::ProtectedMode, "protected mode"),
    ] {
        down(&watch(&[stranger(words, speaks_first).await]), reason, detail).await;
    }
}

#[tokio::test]
async fn each_command_renamed_in_turn_leaves_the_rest_going() {
    for name in [
        "PING", "HELLO", "INFO", "TIME", "CLIENT", "SCAN", "TYPE", "PTTL", "GETRANGE", "STRLEN", "OBJECT",
        "LLEN", "EVAL_RO", "CONFIG", "SLOWLOG", "COMMAND",
    ] {
        let server = Server::start(&["--rename-command", name, "hidden-command"]).unwrap();
        let mut w = writer(&server).await;
        run(&mut w, "SET lock:a 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 600000").await;
        run(&mut w, "LPUSH queue:a one two three").await;
        let fleet = watch(&[server.endpoint()]);
        let searched = |s: &NodeSnapshot| s.scan.passes > 0 || s.scan.error.is_some();
        let view = wait_for(&fleet, name, |v| {
            status(v).state == NodeState::Up && searched(&v.nodes[0].snapshot) && v.nodes[0].snapshot.seq > 3
        })
        .await;
        assert_eq!(status(&view).reason, None, "{name}");
        // Unknown is never 0.
        for lock in view.locks.iter() {
            match name {
                "PTTL" => assert!(matches!(lock.ttl, Ttl::Unknown(_)), "{lock:?}"),
                "GETRANGE" => assert!(matches!(lock.token, Token::Unknown(_)), "{lock:?}"),
                _ => assert!(matches!(lock.ttl, Ttl::Left(_)), "{name}: {lock:?}"),
            }
        }
        for queue in &view.queues {
            assert!(matches!(queue.waiting, None | Some(3)), "{name}: {queue:?}");
        }
        let hidden = matches!(name, "SCAN");
        assert_eq!(view.locks.is_empty(), hidden, "{name}: {:?}", view.nodes[0].snapshot.scan);
        if hidden {
            assert!(view.nodes[0].snapshot.scan.error.is_some());
        }
    }
}

/// Counts looks, not seconds: while the slowest of the forty makes twenty, the ten stay where they were.
#[tokio::test]
async fn fifty_nodes_of_which_ten_freeze() {
    let starts: Vec<_> =
        (0..50).map(|_| tokio::task::spawn_blocking(|| Server::start(&[]).unwrap())).collect();
    let mut servers = Vec::new();
    for start in starts {
        servers.push(start.await.unwrap());
    }
    for server in &servers {
        run(&mut writer(server).await, "SET lock:a 4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa").await;
    }
    let endpoints: Vec<Endpoint> = servers.iter().map(Server::endpoint).collect();
    let fleet = watch(&endpoints);
    wait_for(&fleet, "all fifty with their locks", |v| v.up_of_total() == (50, 50) && v.locks.len() == 50)
        .await;
    servers.iter().take(10).for_each(Server::freeze);
    let before = wait_for(&fleet, "the ten are down", |v| {
        v.nodes.iter().take(10).all(|n| n.snapshot.status.state == NodeState::Down)
    })
    .await;
    let looks = |v: &redwarden::domain::FleetView, i: usize| v.nodes[i].snapshot.seq;
    let after = wait_for(&fleet, "twenty looks at each of the forty", |v| {
        (10..50).all(|i| looks(v, i) >= looks(&before, i) + 20)
    })
    .await;
    for i in 0..10 {
        let node = &after.nodes[i].snapshot;
        assert_eq!((node.status.state, node.status.reason), (NodeState::Down, Some(Reason::Timeout)), "{i}");
        assert!(looks(&after, i) < looks(&before, i) + 20, "a frozen node was looked at as often");
    }
    for i in 10..50 {
        assert_eq!(after.nodes[i].snapshot.status.flaps, 0, "{i} suffered with the frozen ones");
    }
    servers.iter().take(10).for_each(Server::thaw);
    wait_for(&fleet, "all are back", |v| v.up_of_total() == (50, 50)).await;
}

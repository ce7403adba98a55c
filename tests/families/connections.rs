//! portalocker: a lock that is a subscribed connection, ended by CLIENT KILL of exactly the one that was seen.

use redwarden::act::{NotDone, Outcome, Request};
use redwarden::domain::{Lock, Reply};
use redwarden::family::portalocker::Portalocker;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Bench, act, is_done, not_done, run, until};
use crate::{context, reader, seen};

const HEX: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];

/// A client that holds the lock as portalocker does: named, then subscribed.
async fn holder(bench: &Bench, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", bench.server.port())).await.unwrap();
    stream.write_all(format!("CLIENT SETNAME {name}\r\nSUBSCRIBE nightly\r\n").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"nightly\r\n:1\r\n") {
        let mut buffer = [0; 256];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0);
        seen.extend_from_slice(&buffer[..read]);
    }
    stream
}

async fn locks(bench: &Bench) -> Vec<Lock> {
    let Ok(Reply::Bulk(list)) = reader(bench).await.client_list().await else { panic!("no list") };
    Portalocker::locks(&list, &|_| None, &context()).into_iter().map(|(_, lock)| lock).collect()
}

fn release(lock: &Lock) -> Request {
    Request::Release { lock: lock.id.clone(), seen: seen(lock) }
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 16];
    matches!(
        tokio::time::timeout(std::time::Duration::from_secs(10), stream.read(&mut buffer)).await,
        Ok(Ok(0) | Err(_))
    )
}

#[tokio::test]
async fn the_connection_that_holds_the_lock_is_closed_and_no_other() {
    let bench = Bench::start(&[]);
    let mut first = holder(&bench, &format!("nightly-lock-{}", HEX[0])).await;
    // Waits, and holds as soon as the first is gone.
    let second = holder(&bench, &format!("nightly-lock-{}", HEX[1])).await;
    let held = locks(&bench).await;
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].family, held[0].id.key.escaped().as_str()), ("portalocker", "nightly"));
    assert!(held[0].holder.as_ref().unwrap().contains("127.0.0.1"), "{:?}", held[0].holder);
    let services = bench.services();
    let twice = services.prepare(release(&held[0])).await.unwrap();
    let outcome = act(&services, release(&held[0])).await;
    assert!(is_done(&outcome), "{outcome:?}");
    assert!(is_closed(&mut first).await);
    // The same plan once more finds nobody; the second holder stays.
    let outcome = redwarden::act::execute(twice).await.1;
    assert_eq!(not_done(&outcome), &NotDone::Gone);
    let after = locks(&bench).await;
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].token, held[0].token);
    let refused = services.prepare(release(&held[0])).await.err().unwrap();
    assert!(refused.contains("gone"), "{refused}");
    let lines = bench.audit_lines();
    assert!(
        lines.iter().any(|l| l["commands"][0].as_str().unwrap().starts_with("CLIENT KILL ID")),
        "{lines:?}"
    );
    drop(second);
}

#[tokio::test]
async fn a_client_that_is_another_now_is_left_alone() {
    let bench = Bench::start(&[]);
    let name = format!("nightly-lock-{}", HEX[0]);
    let mut stream = holder(&bench, &name).await;
    let held = locks(&bench).await;
    let services = bench.services();
    let action = services.prepare(release(&held[0])).await.unwrap();
    // RESP2 lets nobody set a name while subscribed: it leaves, and comes back as another.
    stream
        .write_all(
            format!("UNSUBSCRIBE\r\nCLIENT SETNAME nightly-lock-{}\r\nSUBSCRIBE nightly\r\n", HEX[1])
                .as_bytes(),
        )
        .await
        .unwrap();
    let other = redwarden::domain::Bytes::from(format!("nightly-lock-{}", HEX[1]));
    until("it has another name", async || {
        locks(&bench).await.iter().any(|l| l.token.known() == Some(&other))
    })
    .await;
    let outcome = redwarden::act::execute(action).await.1;
    assert_eq!(not_done(&outcome), &NotDone::Changed);
    assert_eq!(locks(&bench).await.len(), 1);
}

#[tokio::test]
async fn without_the_rights_it_stays() {
    let bench = Bench::start(&[]);
    let mut raw = bench.raw().await;
    let _stream = holder(&bench, &format!("nightly-lock-{}", HEX[0])).await;
    let held = locks(&bench).await;
    for right in ["client|list", "client|kill", "time"] {
        run(&mut raw, &format!("ACL SETUSER some reset on >pw ~* &* +@all -{right}")).await;
        match bench.services_as("some").prepare(release(&held[0])).await {
            Ok(action) => {
                let outcome = redwarden::act::execute(action).await.1;
                assert!(matches!(outcome, Outcome::NotDone(NotDone::Denied(_))), "{right}: {outcome:?}");
            }
            Err(why) => assert!(why.contains("not permitted"), "{right}: {why}"),
        }
        assert_eq!(locks(&bench).await.len(), 1, "{right}");
    }
}

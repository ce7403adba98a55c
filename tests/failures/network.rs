//! What happens on the way: swallowed, late, cut, half.

use std::net::Ipv4Addr;
use std::time::Duration;

use redwarden::config::Endpoint;
use redwarden::domain::node::{NodeState, Reason};
use redwarden::launcher::Server;
use tokio::net::{TcpSocket, TcpStream};

use super::fault_proxy::{Fault, FaultProxy};
use super::{down, status, up, wait_for, watch};

#[tokio::test]
async fn a_swallowed_connect_is_not_a_silent_server() {
    // A queue for connections that is full and never emptied: the system drops what comes.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        held.push(stream);
        assert!(held.len() < 100, "the queue never fills up");
    }
    let fleet = watch(&[Endpoint::tcp("127.0.0.1", address.port())]);
    down(&fleet, Reason::ConnectTimeout, "no connection within 300ms").await;
}

#[tokio::test]
async fn accepted_and_silent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fleet = watch(&[Endpoint::tcp("127.0.0.1", listener.local_addr().unwrap().port())]);
    down(&fleet, Reason::Timeout, "HELLO not answered").await;
}

#[tokio::test]
async fn slow_silent_and_back() {
    let server = Server::start(&[]).unwrap();
    let proxy = FaultProxy::start(server.port()).await;
    let fleet = watch(&[proxy.endpoint()]);
    up(&fleet).await;
    proxy.set(Fault::Late(Duration::from_millis(400)));
    let slow = down(&fleet, Reason::Slow, "the deadline is 300ms").await;
    assert!(slow.detail.unwrap().starts_with("connect and PING took"));
    proxy.set(Fault::None);
    let back = up(&fleet).await;
    assert_eq!((back.reason, back.flaps), (None, 1));
    proxy.set(Fault::Swallowed);
    down(&fleet, Reason::Timeout, "not answered within").await;
    proxy.set(Fault::None);
    up(&fleet).await;
}

#[tokio::test]
async fn reset_in_the_middle_of_a_reply() {
    let server = Server::start(&[]).unwrap();
    let proxy = FaultProxy::start(server.port()).await;
    let fleet = watch(&[proxy.endpoint()]);
    up(&fleet).await;
    proxy.set(Fault::HalfThenReset);
    let reset = down(&fleet, Reason::Reset, "").await;
    assert!(reset.last_ok.is_some_and(|at| reset.since.since(at) < Duration::from_secs(10)));
    proxy.set(Fault::HalfThenSilence);
    down(&fleet, Reason::Timeout, "").await;
    proxy.set(Fault::None);
    up(&fleet).await;
}

#[tokio::test]
async fn a_node_that_comes_and_goes_is_flapping() {
    let server = Server::start(&[]).unwrap();
    let proxy = FaultProxy::start(server.port()).await;
    let fleet = watch(&[proxy.endpoint()]);
    for _ in 0..3 {
        up(&fleet).await;
        proxy.set(Fault::HalfThenReset);
        wait_for(&fleet, "away", |v| status(v).state != NodeState::Up).await;
        proxy.set(Fault::None);
    }
    let view = wait_for(&fleet, "flapping", |v| {
        let findings =
            v.nodes[0].snapshot.findings(&redwarden::domain::Rules::default(), status(v).since.mono);
        status(v).state == NodeState::Up && findings.iter().any(|f| f.code == "flapping")
    })
    .await;
    assert!(status(&view).flaps >= 3);
}

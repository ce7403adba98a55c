//! A TCP proxy on loopback that tells connections apart by what was sent on them: those for pushes can be stopped
//! while the others go on, and a command can be made unknown to the server.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redwarden::config::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The word by which a connection for pushes is known: nothing else subscribes.
const PUSH: &[u8] = b"SUBSCRIBE";

#[derive(Default)]
struct State {
    stalled: AtomicBool,
    refuses_resp3: AtomicBool,
    pushes: AtomicUsize,
}

pub struct StallProxy {
    port: u16,
    state: Arc<State>,
}

impl StallProxy {
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pump(client, target, shared.clone()));
            }
        });
        Self { port, state }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::tcp("127.0.0.1", self.port)
    }

    /// Nothing comes through any more on the connections that are for pushes by now, as when a firewall forgot them.
    /// Later ones are not touched. None of them is closed.
    pub fn stall_pushes(&self) {
        self.state.stalled.store(true, Ordering::SeqCst);
    }

    /// Later connections get no answer to HELLO but that there is no such command.
    pub fn refuse_resp3(&self) {
        self.state.refuses_resp3.store(true, Ordering::SeqCst);
    }

    /// Connections for pushes so far.
    pub fn pushes(&self) -> usize {
        self.state.pushes.load(Ordering::SeqCst)
    }
}

async fn pump(mut client: TcpStream, target: u16, state: Arc<State>) {
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let (mut from_client, mut from_server) = (vec![0_u8; 64 * 1024], vec![0_u8; 64 * 1024]);
    let mut is_push = false;
    loop {
        let (mut sent, mut got) = (0, 0);
        tokio::select! {
            read = client.read(&mut from_client) => sent = read.unwrap_or(0),
            read = server.read(&mut from_server) => got = read.unwrap_or(0),
        }
        if sent + got == 0 {
            return;
        }
        let out = &mut from_client[..sent];
        if state.refuses_resp3.load(Ordering::SeqCst) {
            while let Some(at) = out.windows(5).position(|w| w == b"HELLO") {
                out[at..at + 5].copy_from_slice(b"HALLO");
            }
        }
        if !is_push && out.windows(PUSH.len()).any(|w| w == PUSH) {
            is_push = true;
            state.pushes.fetch_add(1, Ordering::SeqCst);
        } else if is_push && state.stalled.load(Ordering::SeqCst) {
            state.stalled.store(false, Ordering::SeqCst);
            // Both sockets stay open.
            std::future::pending::<()>().await;
        }
        if server.write_all(out).await.is_err() || client.write_all(&from_server[..got]).await.is_err() {
            return;
        }
    }
}

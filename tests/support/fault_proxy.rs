//! A byte-level TCP proxy on loopback that fails as networks and servers do: late, never, half, or cut.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redwarden::config::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to each reply from now on, on open connections too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It comes this much later.
    Late(Duration),
    /// It never comes.
    Swallowed,
    /// Half of it comes, then the connection is reset.
    HalfThenReset,
    /// Half of it comes, then nothing.
    HalfThenSilence,
}

pub(crate) struct FaultProxy {
    port: u16,
    fault: Arc<Mutex<Fault>>,
}

impl FaultProxy {
    pub(crate) async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = fault.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pump(client, target, shared.clone()));
            }
        });
        Self { port, fault }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::tcp("127.0.0.1", self.port)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

async fn pump(client: TcpStream, target: u16, fault: Arc<Mutex<Fault>>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    // Closing with unsent bytes thrown away sends a reset.
    let _ = client.set_zero_linger();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    });
    let mut buffer = vec![0_u8; 64 * 1024];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        let fault = *fault.lock().unwrap();
        let part = match fault {
            Fault::None | Fault::Late(_) => read,
            Fault::Swallowed => 0,
            Fault::HalfThenReset | Fault::HalfThenSilence => read / 2,
        };
        if let Fault::Late(by) = fault {
            tokio::time::sleep(by).await;
        }
        if to_client.write_all(&buffer[..part]).await.is_err() || fault == Fault::HalfThenReset {
            break;
        }
        if fault == Fault::HalfThenSilence {
            std::future::pending::<()>().await;
        }
    }
    requests.abort();
    let _ = requests.await;
}

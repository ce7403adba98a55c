//! A TCP proxy on loopback that can swallow one reply and cut its connection, as a network does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// `(name of the command, first byte of the reply)`.
type Wanted = Arc<Mutex<Option<(&'static str, u8)>>>;

pub(crate) struct CutProxy {
    pub(crate) port: u16,
    wanted: Wanted,
    cuts: Arc<AtomicUsize>,
}

impl CutProxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wanted, cuts) = (Wanted::default(), Arc::new(AtomicUsize::new(0)));
        let (w, c) = (wanted.clone(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pump(client, server, w.clone(), c.clone()));
            }
        });
        Self { port, wanted, cuts }
    }

    /// Swallows the next reply to this command that begins with this byte, and cuts the connection.
    pub(crate) fn cut(&self, command: &'static str, reply: u8) {
        *self.wanted.lock().unwrap() = Some((command, reply));
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

async fn pump(mut client: TcpStream, server: u16, wanted: Wanted, cuts: Arc<AtomicUsize>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    let mut last = Vec::new();
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(n @ 1..) = read else { return };
                last = from_client[..n].to_vec();
                if server.write_all(&from_client[..n]).await.is_err() { return }
            }
            read = server.read(&mut from_server) => {
                let Ok(n @ 1..) = read else { return };
                {
                    let mut wanted = wanted.lock().unwrap();
                    if let Some((command, reply)) = *wanted
                        && last.windows(command.len()).any(|w| w == command.as_bytes())
                        && from_server[0] == reply
                    {
                        *wanted = None;
                        cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
                if client.write_all(&from_server[..n]).await.is_err() { return }
            }
        }
    }
}

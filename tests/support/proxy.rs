//! A byte-level TCP proxy that can freeze a server at exactly the moment a command reaches it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use redwarden::config::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Hook = Box<dyn FnOnce() + Send>;
type Armed = Arc<Mutex<Option<(Vec<u8>, Hook)>>>;

/// Forwards to a port; may run something once, before bytes that hold a word are passed on.
pub struct Proxy {
    port: u16,
    hook: Armed,
}

impl Proxy {
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hook: Armed = Arc::default();
        let shared = hook.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let hook = shared.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                    });
                    let mut buffer = vec![0_u8; 64 * 1024];
                    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                        let found = {
                            let mut hook = hook.lock().unwrap();
                            let holds = hook.as_ref().is_some_and(|(word, _)| {
                                buffer[..read].windows(word.len()).any(|w| w == word.as_slice())
                            });
                            if holds { hook.take() } else { None }
                        };
                        if let Some((_, run)) = found {
                            run();
                        }
                        if to_server.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, hook }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::tcp("127.0.0.1", self.port)
    }

    /// Runs `hook` once, just before the first bytes that hold `word` reach the server.
    pub fn before(&self, word: &str, hook: impl FnOnce() + Send + 'static) {
        *self.hook.lock().unwrap() = Some((word.into(), Box::new(hook)));
    }
}

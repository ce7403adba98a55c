//! Opens the byte stream to a node: TCP, TLS or a unix socket, with every failure told apart.

mod first_bytes;
mod tls;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::error::CallError;
use crate::config::{Address, Endpoint};
use crate::domain::node::Reason;

use first_bytes::{FirstBytes, Recorded};

/// A byte stream of whatever kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How far dialling has come, for the words of a timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Stage {
    /// Name look-up and connect.
    #[default]
    Connecting,
    /// Connected, TLS handshake under way.
    Tls,
    /// Stream open.
    Open,
}

/// What is known of a connection while it is made.
#[derive(Default)]
pub(super) struct Progress {
    stage: std::sync::Mutex<Stage>,
    pub(super) first_bytes: FirstBytes,
}

impl Progress {
    pub(super) fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn reach(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = stage;
    }
}

/// Connects the stream. No deadline of its own: the caller puts one around connect and handshake.
pub(super) async fn dial(endpoint: &Endpoint, progress: &Progress) -> Result<Box<dyn Stream>, CallError> {
    let first = progress.first_bytes.clone();
    let stream: Box<dyn Stream> = match &endpoint.address {
        Address::Tcp { host, port } => {
            let tcp = dial_tcp(host, *port).await?;
            match &endpoint.tls {
                None => Box::new(Recorded::new(tcp, first)),
                Some(tls) => {
                    progress.reach(Stage::Tls);
                    Box::new(Recorded::new(tls::handshake(tcp, host, tls).await?, first))
                }
            }
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await.map_err(|e| from_io(&e))?;
            Box::new(Recorded::new(socket, first))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => {
            return Err(CallError::new(Reason::Other, "unix sockets are not to be had on this system"));
        }
    };
    progress.reach(Stage::Open);
    Ok(stream)
}

async fn dial_tcp(host: &str, port: u16) -> Result<TcpStream, CallError> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|e| CallError::new(Reason::Dns, format!("{host}: {e}")))?
        .collect();
    let mut last = CallError::new(Reason::Dns, format!("{host}: no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                tcp.set_nodelay(true).map_err(|e| from_io(&e))?;
                return Ok(tcp);
            }
            Err(e) => last = from_io(&e),
        }
    }
    Err(last)
}

/// What an I/O error of the operating system means.
pub(super) fn from_io(error: &std::io::Error) -> CallError {
    use std::io::ErrorKind;
    let reason = match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Reason::Refused,
        ErrorKind::TimedOut => Reason::ConnectTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Reason::Unreachable
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Reason::Reset,
        _ => Reason::Other,
    };
    CallError::new(reason, error.to_string())
}

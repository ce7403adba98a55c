//! Opens the byte stream to a node: TCP, TLS or a unix socket, with every failure told apart.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::error::CallError;
use crate::config::{Address, Endpoint};
use crate::domain::node::Reason;

/// A byte stream of whatever kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects the stream. No deadline of its own: the caller puts one around connect and handshake.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<Box<dyn Stream>, CallError> {
    match &endpoint.address {
        Address::Tcp { host, port } => {
            let tcp = dial_tcp(host, *port).await?;
            match &endpoint.tls {
                None => Ok(Box::new(tcp)),
                Some(_tls) => Err(CallError::new(Reason::Tls, "TLS comes with the next commit")),
            }
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await.map_err(|e| from_io(&e))?;
            Ok(Box::new(socket))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => {
            Err(CallError::new(Reason::Other, "unix sockets are not to be had on this system"))
        }
    }
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
        ErrorKind::TimedOut => Reason::Timeout,
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

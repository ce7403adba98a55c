//! Remembers the first bytes a server sent: they tell why a handshake failed when the protocol layer cannot.
//!
//! A server without a free connection, in protected mode, or speaking HTTP sends its sentence and hangs up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::bytes::escape;
use crate::domain::node::Reason;
use crate::domain::reply::ReplyError;
use crate::redis_io::CallError;

const KEPT: usize = 256;

/// The first bytes of a connection, shared with whoever dialled it.
#[derive(Clone, Default)]
pub(in crate::redis_io) struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    /// What they say about a failure of the handshake, if anything.
    pub(in crate::redis_io) fn explain(&self) -> Option<CallError> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes.split(|b| *b == b'\r' || *b == b'\n').next().filter(|line| !line.is_empty())?;
        match line.first() {
            Some(b'-') => {
                let text = escape(line.get(1..).unwrap_or_default());
                let (code, message) = text.split_once(' ').unwrap_or((&text, ""));
                let error = ReplyError { code: code.into(), message: message.into() };
                // An old server's answer to HELLO explains nothing.
                (!error.is_unknown_command()).then(|| CallError::from_reply(&error))
            }
            // The type bytes of RESP2 and RESP3.
            Some(byte) if b"+:$*_#,(!=%~>|".contains(byte) => None,
            _ => {
                let shown: String = String::from_utf8_lossy(line).chars().take(60).collect();
                Some(CallError::new(Reason::NotRedis, format!("it says: {shown}")))
            }
        }
    }
}

/// A stream that records what it reads first.
pub(super) struct Recorded<S> {
    stream: S,
    first: FirstBytes,
    full: bool,
}

impl<S> Recorded<S> {
    pub(super) fn new(stream: S, first: FirstBytes) -> Self {
        Self { stream, first, full: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if !self.full {
            let mut first = self.first.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(first.len());
            first.extend(buf.filled().iter().skip(before).take(room));
            let full = first.len() >= KEPT;
            drop(first);
            self.full = full;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

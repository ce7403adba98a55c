//! Remembers the first bytes a server sent: they tell why a handshake failed when the protocol layer cannot.
//!
//! A server without a free connection, in protected mode, or speaking HTTP sends its sentence and hangs up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::bytes::escape;
use crate::domain::node::Reason;
use crate::domain::reply::ReplyError;
use crate::redis_io::CallError;

const KEPT: usize = 256;

/// What may arrive before the handshake is over. A server's answers to it are a few hundred bytes; a peer that is
/// none could fill the memory with the reply it announced.
const HANDSHAKE_MOST: usize = 1024 * 1024;

/// The first bytes of a connection, shared with whoever dialled it.
#[derive(Clone, Default)]
pub(in crate::redis_io) struct FirstBytes(Arc<Mutex<First>>);

#[derive(Default)]
struct First {
    bytes: Vec<u8>,
    /// How many came during the handshake.
    arrived: usize,
    /// From now on anything may come.
    shaken: bool,
}

impl FirstBytes {
    /// Lifts the limit on what may arrive.
    pub(in crate::redis_io) fn handshake_is_over(&self) {
        self.first().shaken = true;
    }

    /// The error of a handshake in which too much arrived.
    pub(in crate::redis_io) fn flooded(&self) -> Option<CallError> {
        let first = self.first();
        let words = format!("it sent more than {} KiB before the handshake was over", HANDSHAKE_MOST / 1024);
        (!first.shaken && first.arrived > HANDSHAKE_MOST).then(|| CallError::new(Reason::NotRedis, words))
    }

    fn first(&self) -> MutexGuard<'_, First> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what arrived. True when nothing more is to be noted; an error when it was too much.
    fn note(&self, arrived: &[u8]) -> std::io::Result<bool> {
        let mut first = self.first();
        let room = KEPT.saturating_sub(first.bytes.len());
        first.bytes.extend(arrived.iter().take(room));
        first.arrived = first.arrived.saturating_add(arrived.len());
        if !first.shaken && first.arrived > HANDSHAKE_MOST {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "too long an answer"));
        }
        Ok(first.shaken)
    }

    /// What they say about a failure of the handshake, if anything.
    pub(in crate::redis_io) fn explain(&self) -> Option<CallError> {
        let first = self.first();
        let line =
            first.bytes.split(|b| *b == b'\r' || *b == b'\n').next().filter(|line| !line.is_empty())?;
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

/// A stream that records what it reads first, and breaks when that is too much.
pub(super) struct Recorded<S> {
    stream: S,
    first: FirstBytes,
    /// The handshake is over: nothing is recorded any more.
    over: bool,
}

impl<S> Recorded<S> {
    pub(super) fn new(stream: S, first: FirstBytes) -> Self {
        Self { stream, first, over: false }
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
        if !self.over && matches!(polled, Poll::Ready(Ok(()))) {
            let arrived = buf.filled().get(before..).unwrap_or_default();
            match self.first.note(arrived) {
                Ok(over) => self.over = over,
                Err(error) => return Poll::Ready(Err(error)),
            }
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

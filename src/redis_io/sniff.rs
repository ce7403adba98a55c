//! Looks at the first byte a peer sends: what is not RESP is not Redis, and saying so beats "reset".

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Stream;

const UNHEARD: u8 = 0;
const RESP: u8 = 1;
const STRANGER: u8 = 2;

/// What the first byte told; shared with the connection.
#[derive(Clone, Default)]
pub(super) struct FirstByte(Arc<AtomicU8>);

impl FirstByte {
    /// True when the peer's first byte can't begin a RESP reply.
    pub(super) fn is_stranger(&self) -> bool {
        self.0.load(Ordering::Relaxed) == STRANGER
    }
}

/// A stream that notes its first byte.
pub(super) struct Sniffed {
    pub(super) inner: Box<dyn Stream>,
    pub(super) first: FirstByte,
}

impl AsyncRead for Sniffed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.first.0.load(Ordering::Relaxed) == UNHEARD
            && let Some(byte) = buf.filled().get(before)
        {
            // The type bytes of RESP2 and RESP3.
            let verdict = if b"+-:$*_#,(!=%~>|".contains(byte) { RESP } else { STRANGER };
            self.first.0.store(verdict, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Sniffed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

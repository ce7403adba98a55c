//! A client that is subscribed to channels and sleeps until a message comes, as waiters of several libraries do.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(15);

pub struct Listener {
    stream: TcpStream,
    heard: String,
}

impl Listener {
    /// Subscribed when this returns. `how`: SUBSCRIBE, PSUBSCRIBE or SSUBSCRIBE.
    pub async fn start(port: u16, how: &str, channel: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (a, b) = (how.len(), channel.len());
        let command = format!("*2\r\n${a}\r\n{how}\r\n${b}\r\n{channel}\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let mut listener = Self { stream, heard: String::new() };
        // `*3 subscribe CHANNEL :1`.
        listener.until(|heard| heard.ends_with(":1\r\n")).await;
        assert!(listener.heard.starts_with("*3"), "{}", listener.heard);
        listener.heard.clear();
        listener
    }

    /// Waits until a message with this payload came; it is the first that came.
    pub async fn woken_by(mut self, payload: &str) {
        let end = format!("${}\r\n{payload}\r\n", payload.len());
        self.until(|heard| heard.ends_with("\r\n") && heard.contains("message") && heard.len() > 20).await;
        assert!(self.heard.ends_with(&end), "{payload:?} was expected: {:?}", self.heard);
    }

    /// True when nothing has come so far.
    pub fn sleeps(&self) -> bool {
        let mut byte = [0];
        matches!(self.stream.try_read(&mut byte), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
    }

    async fn until(&mut self, is_complete: impl Fn(&str) -> bool) {
        while !is_complete(&self.heard) {
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let read = read.unwrap_or_else(|_| panic!("nothing came after {:?}", self.heard)).unwrap();
            assert!(read > 0, "closed after {:?}", self.heard);
            self.heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

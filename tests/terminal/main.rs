//! The real program in a real terminal, on real servers: keys, sizes, signals, and what it leaves behind.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "../support/pty.rs"]
mod pty;

mod keys;
mod lifecycle;
mod readme;
mod release;

use std::time::{Duration, Instant};

use pty::Terminal;
use redwarden::domain::{Command, Reply};
use redwarden::launcher::Server;
use redwarden::redis_io::{ClientRole, WritePermit, Writer};

/// Token of the lock that never expires.
const TOKEN: &str = "importer-2:4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa";

/// A server with one lock that never expires, 40 that do, and two queues; and a connection to look behind the screen.
struct Stage {
    server: Server,
    runtime: tokio::runtime::Runtime,
    writer: Writer,
}

impl Stage {
    fn new() -> Self {
        let server = Server::start(&[]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let permit = WritePermit::for_own_servers();
        let endpoint = server.endpoint();
        let opened = Writer::open(&endpoint, ClientRole::Demo, Duration::from_secs(10), permit);
        let writer = runtime.block_on(opened).unwrap();
        let mut stage = Self { server, runtime, writer };
        stage.run(&format!("SETNX lock:00-stuck {TOKEN}"));
        for n in 1..=40 {
            stage.run(&format!("SET lock:{n:02} holder-{n}:4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa PX 900000"));
        }
        stage.run("LPUSH queue:a one two three");
        stage.run("LPUSH queue:b one");
        stage
    }

    /// The dashboard on this server, with everything on the screen.
    fn dashboard(&self, args: &[&str]) -> Terminal {
        let url = self.server.url();
        let terminal = Terminal::redwarden(&[args, &[url.as_str()]].concat());
        terminal.wait_for("1/1 up");
        terminal.wait_for("lock:00-stuck");
        terminal.wait_for("queue:b");
        terminal
    }

    /// Runs a command of plain words.
    fn run(&mut self, command: &str) -> Reply {
        self.runtime.block_on(self.writer.call(&Command::new(command))).unwrap()
    }

    /// Waits until the server answers so.
    fn wait_for(&mut self, command: &str, wish: impl Fn(&Reply) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let reply = self.run(command);
            if wish(&reply) {
                return;
            }
            assert!(Instant::now() < deadline, "{command} still says {reply:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True when the pointer stands on a row with this text.
fn is_selected(screen: &vt100::Screen, text: &str) -> bool {
    screen.contents().lines().any(|line| line.trim_start().starts_with('▸') && line.contains(text))
}

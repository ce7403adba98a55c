//! redwarden: a terminal dashboard for the person on call when a system that leans on Redis misbehaves.
//!
//! # Bird's-eye view
//!
//! ```text
//!            pollers (1 task a server)                       executor (1 task per action)
//!  Redis ──► PING, INFO ─► search + re-read ─► families      plan ─► guards + steps (one script) ─► outcome
//!                                   │                          ▲                                      │
//!                                   ▼                          │ confirmed plan                       ▼
//!                          Arc<NodeSnapshot> ───► app::update(state, event, now) -> effects ◄────── audit
//!                                                      │
//!                                                      ▼
//!                               ui::render(&state)  or  report::{json, table, check}(&FleetView)
//! ```
//!
//! The dashboard, the headless commands and `check` are three readers of the same [`domain::FleetView`]; the
//! dialog, `--dry-run`, the executor, undo and the audit file are five readers of the same [`act::Plan`].
//! Nothing is computed twice in two ways.
//!
//! # Code map
//!
//! - [`domain`]: plain data and pure rules: nodes, locks, queues, verdicts, commands and replies as values.
//!   [`domain::health`] judges a node, [`domain::group_health`] a cluster or what Sentinels watch: one file for each
//!   rule, steadied by trackers.
//! - [`family`]: lock and queue libraries as values without I/O: recognise a key, say what to read (a closed list
//!   of bounded reads), make facts out of the replies. A new library is one file and one line in
//!   [`family::registry::catalogue`].
//! - [`redis_io`]: the only module that knows the `redis` crate. A [`redis_io::Reader`] can't express a write; a
//!   [`redis_io::Writer`] can't be built without a [`redis_io::WritePermit`].
//! - [`decode`]: what the bytes of a task say, as safe text with secrets masked. [`peek`]: a few tasks of a queue,
//!   read without taking them.
//! - [`poll`]: one task for each server, whatever the number of its databases; connection, pushes, back-off, search and
//!   cost are its own. One more follows clusters and Sentinels; [`domain::group`] is what they tell.
//! - [`act`]: requests, plans, the executor, undo, the audit file. [`act::batch`]: one plan for many locks.
//! - [`worker`]: the embedded worker. [`lock_run`]: `redwarden lock run`.
//! - [`app`]: the dashboard's state and `update`. [`ui`]: drawing. [`terminal`]: the terminal itself.
//! - [`report`]: JSON, tables and the line of `check`. [`headless`]: the commands that print them.
//! - [`config`], [`cli`]: flags, environment, profile, file, defaults. [`launcher`], [`demo`]: private servers.
//! - [`dashboard`]: wiring only.
//!
//! # Invariants
//!
//! Each is kept by a test (`tests/invariants`, or the one named).
//!
//! 1. `app::update` is synchronous, does no I/O and gets its time as an argument; `ui` never changes state.
//! 2. Only `redis_io` knows the `redis` crate; only `ui` and `terminal` know `ratatui`; `domain` and `family` know
//!    neither, nor tokio.
//! 3. The UI task never awaits Redis, a lock or a full channel: it only receives, draws and hands on effects.
//! 4. Each call to a server has a deadline, and a connection that timed out is dropped
//!    (`tests/watch`: a frozen node never delays another).
//! 5. An action names an identity and the value seen, and the server compares both in the same atomic step
//!    (`tests/redis`: ten thousand releases that race re-acquisition).
//! 6. What could not be read is unknown, never 0 (`tests/watch`: each right removed in turn). Data has an age;
//!    stale, truncated and incomplete are states that are shown.
//! 7. Nothing prints to stdout or stderr but `main` and the code it calls for the headless commands (lint).
//! 8. Every command of `app::command` has a key, stands in the help, and is refused in read-only mode if it writes
//!    (`tests/flows`). Below the UI, a write can't leave the process without a permit.
//! 9. Bytes from Redis are shown through [`domain::Bytes`] or [`domain::bytes::escape_text`] only.
//! 10. What did not change between two boards is shared ([`domain::LockList`]) and neither merged, sorted nor judged again;
//!     what follows changes is what is made whole (`tests/properties`).
//! 11. Observing is bounded: the reads a family may ask for are the closed list [`family::Read`].

pub mod act;
pub mod app;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod decode;
pub mod demo;
pub mod domain;
pub mod family;
pub mod headless;
pub mod launcher;
pub mod lock_run;
pub mod logging;
pub mod peek;
pub mod poll;
mod private_file;
pub mod redis_io;
pub mod report;
pub mod terminal;
pub mod ui;
pub mod worker;

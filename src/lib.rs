//! redwarden

pub mod act;
pub mod app;
pub mod clock;
pub mod config;
pub mod domain;
pub mod family;
pub mod launcher;
pub mod lock_run;
pub mod poll;
pub mod redis_io;
pub mod worker;

//! Tracing to a file, never to the terminal: appended, readable by its owner only.

use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::private_file;

/// Starts logging to `path`; `RUST_LOG` chooses the level (default `redwarden=info`).
/// Errors when the file cannot be opened; logging twice in one process is ignored.
pub fn to_file(path: &Path) -> std::io::Result<()> {
    let file = private_file::options().create(true).append(true).open(path)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("redwarden=info"));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(Mutex::new(file)).with_ansi(false);
    let _ = subscriber.try_init();
    Ok(())
}

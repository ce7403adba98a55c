//! Values of single arguments: what clap's parsers check and what they make.

use std::ffi::OsString;
use std::time::Duration;

use base64::Engine;
use clap::error::ErrorKind;

use super::Usage;
use crate::domain::Bytes;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}: write it like 10s, 500ms or 2m"))
}

pub(super) fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than zero".into()),
        value if value > Duration::from_secs(24 * 3600) => Err("it must be no longer than a day".into()),
        value => Ok(value),
    }
}

pub(super) fn base64(text: &str) -> Result<Bytes, String> {
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) => Ok(Bytes::from(bytes)),
        Err(e) => Err(format!("not base64 ({e}): take it from the JSON output as it stands")),
    }
}

/// The exact bytes on Unix; on Windows its WTF-8 form.
pub(super) fn bytes(text: OsString) -> Bytes {
    Bytes::from(text.into_encoded_bytes())
}

pub(super) fn some_key(key: Option<Bytes>) -> Result<Bytes, Usage> {
    match key {
        Some(key) if !key.is_empty() => Ok(key),
        _ => Err((ErrorKind::InvalidValue, "the key must not be empty".into())),
    }
}

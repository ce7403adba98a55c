//! gzip and zlib, with a bound on what comes out.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};

use super::value::{Budget, CUT};

/// What came out.
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    /// False when there is more, or the input ended early.
    pub(super) whole: bool,
}

/// Unpacks what begins like gzip or zlib; `None`: it is neither.
pub(super) fn inflate(bytes: &[u8], whole: bool, budget: &mut Budget) -> Option<(&'static str, Unpacked)> {
    let is_zlib = match bytes {
        // Method 8, a window up to 32 KiB, no dictionary, and the header's check.
        [a, b, ..] => {
            a & 0x0f == 8 && a >> 4 <= 7 && b & 0x20 == 0 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0
        }
        _ => false,
    };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(("gzip", read(GzDecoder::new(bytes), whole, budget)?));
    }
    is_zlib.then(|| read(ZlibDecoder::new(bytes), whole, budget)).flatten().map(|out| ("zlib", out))
}

fn read(decoder: impl Read, whole: bool, budget: &mut Budget) -> Option<Unpacked> {
    let mut out = Vec::new();
    let ended = decoder.take(budget.unpacked as u64 + 1).read_to_end(&mut out);
    let over = out.len() > budget.unpacked;
    out.truncate(budget.unpacked);
    // Work in vain counts, too.
    budget.unpacked -= out.len();
    // What begins like a header by chance gives an error and nothing.
    if ended.is_err() && (whole || out.is_empty()) {
        return None;
    }
    if over {
        budget.stop("it unpacks to more than 64 KiB: the rest is not shown");
    } else if ended.is_err() {
        budget.stop(CUT);
    }
    Some(Unpacked { bytes: out, whole: ended.is_ok() && !over })
}

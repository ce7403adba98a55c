//! The clipboard through the terminal itself (OSC 52), which also works over ssh.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::guard::Screen;

/// Longest payload, in base64 bytes, that terminals are known to take (xterm and tmux cut at about 75,000).
pub const MAX_BASE64: usize = 74_994;

/// Puts text on the clipboard. False: it is too long, nothing was sent.
pub fn copy(text: &str) -> io::Result<bool> {
    let in_tmux = std::env::var_os("TMUX").is_some_and(|value| !value.is_empty());
    let Some(sequence) = sequence(text, in_tmux) else { return Ok(false) };
    let mut screen = Screen::default();
    screen.write_all(sequence.as_bytes())?;
    screen.flush()?;
    Ok(true)
}

/// The escape sequence for `text`; wrapped for tmux, which else keeps it to itself. `None`: too long.
pub fn sequence(text: &str, in_tmux: bool) -> Option<String> {
    let payload = STANDARD.encode(text);
    if payload.len() > MAX_BASE64 {
        return None;
    }
    let plain = format!("\x1b]52;c;{payload}\x07");
    Some(if in_tmux { format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")) } else { plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_carries_only_base64() {
        assert_eq!(sequence("lock:a\x1b[31m", false).unwrap(), "\x1b]52;c;bG9jazphG1szMW0=\x07");
        assert_eq!(sequence("x", true).unwrap(), "\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\");
        assert!(sequence(&"x".repeat(56_244), false).is_some());
        assert!(sequence(&"x".repeat(56_246), false).is_none());
    }
}

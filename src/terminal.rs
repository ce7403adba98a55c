//! The terminal as a device: taking and giving back the screen, keys and signals in, frames paced, clipboard out.
//! Knows nothing of what is drawn.

pub mod clipboard;
pub mod frame_clock;
pub mod guard;
pub mod input;
pub mod signals;

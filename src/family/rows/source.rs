//! A row as it is written.

use crate::family::shape::Shape;

/// Whose number a count is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Permits that are free: a permit is given back by adding one.
    Free,
    /// Permits that are held: a permit is given back by taking one off.
    Held,
}

/// One row as written. The head of `assets/families/strings.toml` says what each field means.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Source {
    /// The library's name in kebab-case.
    pub id: String,
    /// Patterns of keys that are searched for.
    pub keys: Vec<String>,
    /// Patterns that make it likelier.
    pub hints: Vec<String>,
    /// Shapes of value.
    pub values: Vec<Shape>,
    /// How sure, 0 to 100, when key and value fit.
    pub sure: u8,
    /// When only the value fits.
    pub value_sure: u8,
    /// When only the key fits.
    pub key_sure: u8,
    /// No TTL is normal.
    pub no_ttl_ok: bool,
    /// The value never proves identity.
    pub constant: bool,
    /// The value is a number of permits.
    pub count: Option<Count>,
    /// Template of the holder's sentence.
    pub holder: Option<String>,
    /// Template of a hash that tells more of the holder.
    pub holder_hash: Option<String>,
    /// Fields of that hash; placeholders of `holder_found`.
    pub holder_fields: Vec<String>,
    /// Template of the holder's sentence when that hash was read.
    pub holder_found: Option<String>,
    /// Template of the sorted set in which waiters stand in line.
    pub queue: Option<String>,
    /// Template of the channel on which waiters listen.
    pub heard: Option<String>,
    /// How sure, 0 to 100, when somebody listens there.
    pub heard_sure: u8,
    /// Prefix of the list on which waiters sleep.
    pub wake_list: Option<String>,
    /// TTL of that list after a wake-up, milliseconds.
    pub wake_ttl_ms: Option<u64>,
    /// Templates of channels that wake waiters.
    pub publish: Vec<String>,
    /// Template of the message.
    pub message: Option<String>,
    /// Why a release is refused, and what to do instead.
    pub refuse: Option<String>,
    /// Sentences of the release dialog.
    pub effects: Vec<String>,
    /// Warnings of the release dialog.
    pub warnings: Vec<String>,
}

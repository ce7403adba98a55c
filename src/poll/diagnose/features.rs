//! What the server can do, asked of itself: COMMAND INFO and HELLO.

use super::{cut, refused};
use crate::domain::Reply;
use crate::domain::diagnostics::{FEATURES, Hello, Told};

/// A command that the server does not have is answered by nil in its place.
pub(super) fn commands(reply: &Reply) -> Told<Vec<(&'static str, bool)>> {
    match reply.as_array() {
        Some(told) if told.len() == FEATURES.len() => {
            let known = |reply: &Reply| reply.as_array().is_some_and(|fields| !fields.is_empty());
            Told::Known(FEATURES.iter().zip(told).map(|((name, _), reply)| (*name, known(reply))).collect())
        }
        _ => refused(reply, "COMMAND|INFO"),
    }
}

pub(super) fn hello(reply: &Reply) -> Told<Hello> {
    let field = |wanted: &str| -> Option<Reply> {
        let is = |name: &Reply| name.as_bytes().is_some_and(|n| n.as_slice() == wanted.as_bytes());
        match reply {
            Reply::Map(pairs) => pairs.iter().find(|(name, _)| is(name)).map(|(_, value)| value.clone()),
            Reply::Array(flat) => {
                flat.as_chunks::<2>().0.iter().find(|[name, _]| is(name)).map(|[_, value]| value.clone())
            }
            _ => None,
        }
    };
    let text = |name: &str| field(name).and_then(|v| v.as_bytes()).map(|v| cut(v.as_slice(), 40));
    let told = || {
        Some(Hello {
            server: text("server")?,
            version: text("version")?,
            protocol: u8::try_from(field("proto")?.as_int()?).ok()?,
            mode: text("mode").unwrap_or_default(),
        })
    };
    told().map_or_else(|| refused(reply, "HELLO"), Told::Known)
}

//! CONFIG GET of a closed list of parameters, none of which can hold a secret.

use std::collections::BTreeMap;

use super::{cut, refused};
use crate::domain::Reply;
use crate::domain::diagnostics::{PARAMETERS, Told};

/// Reads one reply with all parameters, or one reply for each of them.
pub(super) fn parse(replies: &[Reply]) -> Told<BTreeMap<&'static str, String>> {
    let mut found = BTreeMap::new();
    let mut answered = false;
    for reply in replies {
        let mut take = |name: &Reply, value: &Reply| {
            let Some((name, value)) = name.as_bytes().zip(value.as_bytes()) else { return };
            let name = name.as_utf8().unwrap_or_default().to_ascii_lowercase();
            // Before Redis 5 replicas were called by another word.
            let name = name.replace("slave", "replica");
            if let Some(known) = PARAMETERS.iter().find(|p| **p == name) {
                found.insert(*known, cut(value.as_slice(), 200));
            }
        };
        match reply {
            Reply::Map(pairs) => pairs.iter().for_each(|(name, value)| take(name, value)),
            Reply::Array(flat) => {
                flat.as_chunks::<2>().0.iter().for_each(|[name, value]| take(name, value));
            }
            _ => continue,
        }
        answered = true;
    }
    match replies.first() {
        _ if answered => Told::Known(found),
        Some(reply) => refused(reply, "CONFIG|GET"),
        None => Told::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_and_only_what_was_asked_for() {
        let bulk = |text: &str| Reply::Bulk(text.into());
        let flat =
            Reply::Array(vec![bulk("save"), bulk(""), bulk("requirepass"), bulk("hunter2"), bulk("odd")]);
        let map = Reply::Map(vec![(bulk("slave-read-only"), bulk("yes"))]);
        let told = parse(&[flat, map]);
        let found = told.known().cloned().unwrap_or_default();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("replica-read-only", "yes".to_string()), ("save", String::new())]
        );
    }
}

//! SLOWLOG: what was slow, and never with what arguments.

use std::time::Duration;

use super::{host, refused, unsigned};
use crate::domain::diagnostics::{SlowCommand, SlowLog, Told};
use crate::domain::{Bytes, Reply, redaction};

/// Reads the replies of SLOWLOG LEN and SLOWLOG GET.
pub(super) fn parse(len: &Reply, newest: &Reply) -> Told<SlowLog> {
    let Some(entries) = newest.as_array() else { return refused(newest, "SLOWLOG|GET") };
    let newest = entries.iter().filter_map(entry).collect();
    Told::Known(SlowLog { len: unsigned(Some(len)), newest })
}

fn entry(reply: &Reply) -> Option<SlowCommand> {
    let fields = reply.as_array()?;
    let args: Vec<Bytes> = fields.get(3)?.as_array()?.iter().filter_map(Reply::as_bytes).collect();
    let (command, key) = redaction::of(&args);
    Some(SlowCommand {
        id: unsigned(fields.first())?,
        at: unsigned(fields.get(1))?,
        took: Duration::from_micros(unsigned(fields.get(2))?),
        command,
        key,
        arguments: count(&args),
        host: super::text(fields.get(4)).filter(|a| !a.is_empty()).map(|a| host(a.as_slice())),
    })
}

/// How many arguments it had. The log keeps 32 words at most; the last one then says how many more there were.
fn count(args: &[Bytes]) -> u64 {
    let kept = args.len().saturating_sub(1) as u64;
    let more = args.last().and_then(Bytes::as_utf8).filter(|_| args.len() >= 32);
    let more =
        more.and_then(|t| t.strip_prefix("... (")?.strip_suffix(" more arguments)")?.parse::<u64>().ok());
    more.map_or(kept, |more| kept - 1 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_the_log_left_out() {
        let mut args: Vec<Bytes> = (0..31).map(|n| Bytes::from(format!("{n}"))).collect();
        assert_eq!(count(&args), 30);
        args.push("... (70 more arguments)".into());
        assert_eq!(count(&args), 100);
        assert_eq!(count(&["GET".into()]), 0);
        assert_eq!(count(&[]), 0);
    }

    #[test]
    fn replies_of_any_shape() {
        let int = Reply::Int;
        let args = Reply::Array(vec![Reply::Bulk("GET".into()), Reply::Bulk("k".into())]);
        // Before Redis 4 the client is not told; what is no entry is left out.
        let old = Reply::Array(vec![int(7), int(1_700_000_000), int(12_000), args.clone()]);
        let new =
            Reply::Array(vec![int(8), int(1), int(2), args, Reply::Bulk("[::1]:99".into()), Reply::Nil]);
        let log = parse(&int(2), &Reply::Array(vec![new, old, Reply::Nil, int(3)]));
        let log = log.known().cloned().unwrap_or_default();
        assert_eq!((log.len, log.newest.len(), log.logged()), (Some(2), 2, Some(9)));
        assert_eq!(log.newest.first().and_then(|c| c.host.clone()).as_deref(), Some("[::1]"));
        assert_eq!(log.newest.last().map(|c| c.took), Some(Duration::from_millis(12)));
        assert!(matches!(parse(&int(0), &Reply::Nil), Told::Unsupported(_)));
    }
}

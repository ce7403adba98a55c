//! Commands, keys or logins denied by ACL: a bad deploy, or somebody tries.

use super::{Rule, Sample};
use crate::domain::Severity;

/// See the module.
pub(super) const RULE: Rule =
    Rule { code: "acl-denials", remedy: "ACL LOG tells who and what", at_once: true, judge };

fn judge(sample: &Sample<'_>) -> Option<(Severity, String)> {
    let grown = sample.grown(|f| f.acl_denied)?;
    (grown > u64::from(sample.rules.acl_denials_above))
        .then(|| (Severity::Warning, format!("{grown} denials by ACL within {}", sample.window())))
}

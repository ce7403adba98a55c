//! Read-only scripts on servers that have `EVAL_RO` and on older ones.

use crate::domain::Reply;
use crate::domain::reply::ReplyError;
use crate::family::{Dialect, Read};
use crate::redis_io::{CallError, Reader};

/// Reads in what the server lets us use.
#[derive(Default)]
pub(super) struct Scripts(Dialect);

impl Scripts {
    pub(super) async fn read(
        &mut self,
        reader: &mut Reader,
        reads: &[Read],
    ) -> Result<Vec<Reply>, CallError> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let replies = reader.read(reads, self.0).await?;
        let unknown = |reply: &Reply| reply.as_error().is_some_and(ReplyError::is_unknown_command);
        if self.0 == Dialect::EvalRo && replies.iter().any(unknown) {
            // Before Redis 7.0 there is no EVAL_RO.
            self.0 = Dialect::Eval;
            return reader.read(reads, self.0).await;
        }
        Ok(replies)
    }
}

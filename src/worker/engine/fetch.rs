//! A try to take tasks, which goes on while the worker does something else.

use std::future::Future;
use std::pin::Pin;

use super::super::take::{Patience, Taken, Taker};
use super::super::trouble::Trouble;

/// What a try came to, with the taker for the next one.
type Back = (Taker, Result<Taken, Trouble>);

/// A try.
pub(super) enum Fetch {
    /// Under way.
    Under(Pin<Box<dyn Future<Output = Back> + Send>>),
    /// It came back while something else was done.
    Over(Box<Back>),
}

impl Fetch {
    pub(super) fn begin(taker: Taker, patience: Patience) -> Self {
        Self::Under(Box::pin(taker.take(patience)))
    }
}

/// Waits for the end of a try, and takes it out. Dropped before, it leaves the try as it is.
pub(super) async fn next(fetch: &mut Option<Fetch>) -> Back {
    if let Some(Fetch::Under(under)) = fetch {
        let back = under.await;
        *fetch = Some(Fetch::Over(Box::new(back)));
    }
    match fetch.take() {
        Some(Fetch::Over(back)) => *back,
        _ => std::future::pending().await,
    }
}

/// Does the work to its end; a try that is under way goes on and is kept.
pub(super) async fn meanwhile<T>(fetch: &mut Option<Fetch>, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    if matches!(fetch, Some(Fetch::Under(_))) {
        tokio::select! {
            done = &mut work => return done,
            back = next(fetch) => *fetch = Some(Fetch::Over(Box::new(back))),
        }
    }
    work.await
}

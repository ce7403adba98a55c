//! One look at the fleet without a screen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Out;
use crate::cli::{Format, Look};
use crate::config::Config;
use crate::domain::node::NodeState;
use crate::domain::snapshot::Board;
use crate::domain::{FleetView, NodeSnapshot, Stamp};
use crate::poll::Fleet;
use crate::report::{self, Sections};

/// Watches until each node was either looked at whole or is down, and for at least `watch_for`.
pub async fn watch(config: Arc<Config>, watch_for: Option<Duration>) -> FleetView {
    let fleet = Fleet::spawn(config);
    settled(&fleet, watch_for).await
}

/// [`watch`] over a running fleet.
pub async fn settled(fleet: &Fleet, watch_for: Option<Duration>) -> FleetView {
    let until = Instant::now() + watch_for.unwrap_or_default();
    let mut board = fleet.board();
    loop {
        let now = Board::clone(&board.borrow_and_update());
        let left = until.saturating_duration_since(Instant::now());
        if fleet.is_found() && left.is_zero() && now.iter().all(|s| is_settled(s)) {
            return FleetView::build(&now);
        }
        // Discovery may end without a change on the board: look again soon.
        let wait =
            if left.is_zero() { Duration::from_millis(50) } else { left.min(Duration::from_millis(200)) };
        let _ = tokio::time::timeout(wait, board.changed()).await;
    }
}

/// Nothing more is to be learnt of it by waiting.
fn is_settled(snapshot: &NodeSnapshot) -> bool {
    match snapshot.status.state {
        NodeState::Down => true,
        NodeState::Suspect => false,
        NodeState::Up => snapshot.scan.passes > 0 || snapshot.scan.error.is_some(),
    }
}

/// `snapshot`, `nodes`, `locks`, `queues`.
pub async fn print(
    config: Arc<Config>,
    look: Look,
    sections: Sections,
    out: &mut Out<'_>,
) -> std::io::Result<()> {
    let rules = config.rules.clone();
    let fleet = watch(config, look.watch_for).await;
    let text = match look.format {
        Format::Json => report::json::render(&fleet, &rules, Stamp::now(), sections),
        Format::Table => report::table::render(&fleet, &rules, Stamp::now(), sections),
    };
    out.data.write_all(text.as_bytes())?;
    out.data.flush()
}

/// `check`: one line and its exit code.
pub async fn check(
    config: Arc<Config>,
    watch_for: Option<Duration>,
    out: &mut Out<'_>,
) -> std::io::Result<u8> {
    let rules = config.rules.clone();
    let fleet = watch(config, watch_for).await;
    let (line, code) = report::check::render(&fleet, &rules, Stamp::now());
    out.data.write_all(line.as_bytes())?;
    out.data.flush()?;
    Ok(code)
}

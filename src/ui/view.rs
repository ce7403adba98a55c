//! What drawing remembers from frame to frame: scroll offsets, where things stand, and which dialog was drawn.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use crate::app::command::Panel;
use crate::app::hit::{Area, HitMap};

/// The only thing drawing may change.
#[derive(Debug)]
pub struct ViewCache {
    pub(super) hits: HitMap,
    pub(super) drawn: Option<u64>,
    pub(super) scroll_max: usize,
    pub(super) zone: TimeZone,
    offsets: [usize; 3],
}

impl Default for ViewCache {
    fn default() -> Self {
        Self::new()
    }
}

impl ViewCache {
    /// An empty cache; clocks show this machine's time zone.
    pub fn new() -> Self {
        Self::with_zone(TimeZone::system())
    }

    /// An empty cache with clocks in this time zone.
    pub fn with_zone(zone: TimeZone) -> Self {
        Self { hits: HitMap::default(), drawn: None, scroll_max: 0, zone, offsets: [0; 3] }
    }

    /// Where things stood in the last frame.
    pub fn hits(&self) -> &HitMap {
        &self.hits
    }

    /// The ticket of the dialog that waits to be armed and was fully drawn in the last frame: with its commands and
    /// its buttons. Emit [`crate::app::event::Event::DialogDrawn`] with it.
    pub fn drawn_ticket(&self) -> Option<u64> {
        self.drawn
    }

    pub(super) fn start_frame(&mut self) {
        self.hits.clear();
        self.drawn = None;
        self.scroll_max = 0;
    }

    pub(super) fn offset(&self, panel: Panel) -> usize {
        slot(panel).and_then(|i| self.offsets.get(i)).copied().unwrap_or(0)
    }

    pub(super) fn set_offset(&mut self, panel: Panel, offset: usize) {
        if let Some(place) = slot(panel).and_then(|i| self.offsets.get_mut(i)) {
            *place = offset;
        }
    }
}

fn slot(panel: Panel) -> Option<usize> {
    match panel {
        Panel::Nodes => Some(0),
        Panel::Locks => Some(1),
        Panel::Queues => Some(2),
        Panel::Worker => None,
    }
}

/// A rectangle for the hit map.
pub(super) fn area_of(rect: Rect) -> Area {
    Area { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

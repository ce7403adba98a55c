//! Where things stand on the screen: written by the event loop after each draw, read when the mouse is used.

use super::command::{Command, Panel};
use super::state::Button;

/// A rectangle of cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Area {
    /// Column of the left edge.
    pub x: u16,
    /// Row of the top edge.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// True when the cell lies within.
    pub fn contains(self, column: u16, row: u16) -> bool {
        let inside = |at: u16, from: u16, len: u16| at >= from && at - from < len;
        inside(column, self.x, self.width) && inside(row, self.y, self.height)
    }
}

/// What a click means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A panel, outside its rows.
    Panel(Panel),
    /// A row: its position in [`super::state::ListState::rows`].
    Row(Panel, usize),
    /// A button of the topmost dialog.
    Button(Button),
    /// A command in the footer.
    FooterCommand(Command),
    /// The topmost dialog, outside its buttons: covers what lies below.
    Dialog,
}

/// All targets of the last frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitMap {
    areas: Vec<(Area, Target)>,
}

impl HitMap {
    /// Forgets everything, before a new frame.
    pub fn clear(&mut self) {
        self.areas.clear();
    }

    /// Adds a target; it covers those added before.
    pub fn push(&mut self, area: Area, target: Target) {
        self.areas.push((area, target));
    }

    /// What lies on top at this cell.
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        self.areas.iter().rev().find(|(area, _)| area.contains(column, row)).map(|(_, target)| *target)
    }

    /// How many rows of this panel the last frame showed.
    pub fn visible_rows(&self, panel: Panel) -> usize {
        self.areas.iter().filter(|(_, t)| matches!(t, Target::Row(p, _) if *p == panel)).count()
    }
}

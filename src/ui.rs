//! Draws a frame from the state: a pure function of state, size and time.
//!
//! Nothing here changes what is known or decided; only [`ViewCache`] is written, which remembers scroll offsets and
//! where things stand. Only visible rows are formatted: a frame costs the same at a thousand and a million rows.

#![allow(clippy::similar_names, reason = "a lock has a look")]

pub mod chart;
mod cost;
pub mod detail;
pub mod dialog;
pub mod footer;
pub mod format;
pub mod groups;
pub mod header;
pub mod layout;
pub mod locks;
pub mod look;
pub mod nodes;
pub mod panel;
pub mod queues;
pub mod scene;
mod searched;
pub mod sheet;
pub mod table;
pub mod text;
pub mod view;
pub mod worker;

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use crate::app::command::Panel;
use crate::app::state::AppState;
use layout::Want;
use scene::Scene;

pub use view::ViewCache;

/// Columns and rows below which only the needed size is said.
pub const MINIMUM: (u16, u16) = (40, 10);
/// Rows that must be left over before the selected row's details are shown below the lists.
const SPARE: u16 = 8;

/// Draws everything.
pub fn render(frame: &mut Frame<'_>, state: &AppState, cache: &mut ViewCache) {
    cache.start_frame();
    let area = frame.area();
    let zone = cache.zone.clone();
    let scene = Scene::new(state, &zone);
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        return too_small(&scene, area, frame);
    }
    let inner = production_frame(&scene, area, frame);
    let header = Rect { height: header::HEIGHT.min(inner.height), ..inner };
    let footer = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    let body =
        Rect { y: inner.y + header.height, height: inner.height.saturating_sub(header.height + 1), ..inner };
    header::draw(&scene, header, frame);
    draw_body(&scene, body, frame, cache);
    if !state.dialogs.is_empty() {
        // A dialog may cover the header: it needs the room, and the header is not what is decided on.
        let area = Rect { height: inner.height - 1, ..inner };
        dialog::draw(&scene, area, frame, cache);
    }
    footer::draw(&scene, footer, frame, cache);
}

fn too_small(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let words =
        format!("redwarden needs {}x{}, this is {}x{}", MINIMUM.0, MINIMUM.1, area.width, area.height);
    for (i, line) in
        text::wrap(&words, usize::from(area.width)).iter().take(usize::from(area.height)).enumerate()
    {
        panel::put_line(
            frame,
            area.x,
            area.y + i as u16,
            area.width,
            &Line::raw(line.clone()),
            scene.look.ellipsis(),
        );
    }
}

/// The red frame of production; elsewhere nothing.
fn production_frame(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) -> Rect {
    let settings = &scene.state.settings;
    if !settings.production {
        return area;
    }
    let look = scene.look;
    let name = settings.profile.as_deref().map(crate::domain::bytes::escape_text).unwrap_or_default();
    let title = if name.is_empty() { " PRODUCTION ".into() } else { format!(" PRODUCTION: {name} ") };
    Block::bordered()
        .border_set(look.border())
        .border_style(look.critical())
        .title(Line::from(Span::styled(title, look.danger_flag())))
        .render(area, frame.buffer_mut());
    area.inner(Margin { horizontal: 1, vertical: 1 })
}

const LISTS: [Panel; 3] = [Panel::Nodes, Panel::Locks, Panel::Queues];

fn draw_body(scene: &Scene<'_>, body: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    let state = scene.state;
    if state.zoom {
        return draw_panel(scene, state.focus, body, frame, cache);
    }
    let mut panels: Vec<(Panel, Want)> = LISTS.iter().map(|p| (*p, want(scene, *p, body.height))).collect();
    if state.worker_open {
        let focused = state.focus == Panel::Worker;
        // It shows a live log, so it asks for a third of the screen and more only when it has the focus.
        let most = if focused { body.height / 2 } else { body.height / 3 };
        let rows = worker::wanted_rows(scene).min(most);
        panels.push((Panel::Worker, Want { head: 1, rows, least: 3, focused }));
    }
    let wants: Vec<Want> = panels.iter().map(|(_, w)| *w).collect();
    let heights = layout::share(&wants, body.height);
    let used: u16 = heights.iter().sum();
    let mut y = body.y;
    let spare = body.height - used;
    for (i, ((panel, _), height)) in panels.iter().zip(heights).enumerate() {
        let area = Rect { y, height, ..body };
        draw_panel(scene, *panel, area, frame, cache);
        y += height;
        if i == LISTS.len() - 1 && spare >= SPARE {
            // The worker stays at the bottom.
            draw_selected(scene, Rect { y, height: spare, ..body }, frame);
            y += spare;
        }
    }
}

fn want(scene: &Scene<'_>, panel: Panel, height: u16) -> Want {
    let rows = scene.state.list(panel).map_or(0, |l| groups::height(scene, panel, l));
    // Locks come and go all the time: in steps of four they do not move what lies below each second.
    let rows = if panel == Panel::Locks { rows.div_ceil(4) * 4 } else { rows };
    let rows = u16::try_from(rows).unwrap_or(u16::MAX / 4).min(u16::MAX / 4);
    let rows = if rows == 0 { 2 } else { rows };
    // Nodes are few and each matters; with the worker open there is no room for that on a small screen.
    let least = if panel == Panel::Nodes && !scene.state.worker_open && height >= 20 { 6 } else { 3 };
    Want { head: panel::HEAD, rows, least, focused: scene.state.focus == panel }
}

fn draw_panel(scene: &Scene<'_>, panel: Panel, area: Rect, frame: &mut Frame<'_>, cache: &mut ViewCache) {
    match panel {
        Panel::Worker => worker::draw(scene, area, frame, cache),
        list => panel::draw(scene, list, area, frame, cache),
    }
}

/// Spare room of a tall screen: the details of the selected row, without opening them.
fn draw_selected(scene: &Scene<'_>, area: Rect, frame: &mut Frame<'_>) {
    let look = scene.look;
    let list = scene.state.list(scene.state.focus).unwrap_or(&scene.state.locks);
    let Some(id) = &list.selected else { return };
    let rule = look.rule().repeat(usize::from(area.width.saturating_sub(11)));
    let title = Line::from(vec![
        Span::styled(look.rule(), look.dim()),
        Span::styled(" Selected ", look.strong()),
        Span::styled(rule, look.dim()),
    ]);
    panel::put_line(frame, area.x, area.y + 1, area.width, &title, look.ellipsis());
    let sheet = detail::sheet(scene, id, area.width.saturating_sub(4).min(140));
    let room = usize::from(area.height - 2);
    for (i, line) in sheet.lines.iter().take(room).enumerate() {
        panel::put_line(
            frame,
            area.x + 3,
            area.y + 2 + i as u16,
            area.width.saturating_sub(4),
            line,
            look.ellipsis(),
        );
    }
}

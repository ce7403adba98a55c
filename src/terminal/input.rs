//! Keys, paste, mouse and resizes: one task owns crossterm's event stream and turns it into events.
//!
//! The stream is closed while paused, because a stream that is merely not polled still swallows what is typed
//! for the shell or an editor.

use crossterm::event::{
    Event as Raw, EventStream, KeyCode as RawCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton,
    MouseEventKind,
};
use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};

use crate::app::event::Event;
use crate::app::key::{Key, KeyCode, Mouse, MouseKind};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Reading,
    Paused,
}

/// Pauses and resumes the input task; dropping it ends the task.
#[derive(Debug)]
pub struct InputHandle {
    wanted: watch::Sender<Mode>,
    actual: watch::Receiver<Mode>,
}

impl InputHandle {
    /// Stops reading the terminal; returns once the stream is closed.
    pub async fn pause(&mut self) {
        self.switch(Mode::Paused).await;
    }

    /// Reads the terminal again.
    pub async fn resume(&mut self) {
        self.switch(Mode::Reading).await;
    }

    async fn switch(&mut self, mode: Mode) {
        if self.wanted.send(mode).is_ok() {
            // An error means that the task has ended, so nothing is read either.
            let _ = self.actual.wait_for(|actual| *actual == mode).await;
        }
    }
}

/// Starts the input task. It ends with its handle, with the channel, or with the terminal (then it asks to
/// terminate).
pub fn spawn(tx: mpsc::Sender<Event>) -> InputHandle {
    let (wanted, mut wishes) = watch::channel(Mode::Reading);
    let (done, actual) = watch::channel(Mode::Reading);
    tokio::spawn(async move {
        loop {
            let mode = *wishes.borrow_and_update();
            let ended = match mode {
                Mode::Paused => {
                    done.send_replace(Mode::Paused);
                    wishes.changed().await.is_err()
                }
                Mode::Reading => {
                    done.send_replace(Mode::Reading);
                    tokio::select! {
                        changed = wishes.changed() => changed.is_err(),
                        () = read(&tx) => true,
                    }
                }
            };
            if ended {
                return;
            }
        }
    });
    InputHandle { wanted, actual }
}

/// Reads until the channel closes or the terminal ends. Dropped as a whole on pause.
async fn read(tx: &mpsc::Sender<Event>) {
    let mut stream = EventStream::new();
    while let Some(Ok(raw)) = stream.next().await {
        if let Some(event) = convert(raw)
            && tx.send(event).await.is_err()
        {
            return;
        }
    }
    // The terminal is gone: nobody can press q any more.
    let _ = tx.send(Event::Terminate).await;
}

/// A crossterm event as ours; `None` for what we do not use, such as key releases.
pub fn convert(raw: Raw) -> Option<Event> {
    match raw {
        Raw::Key(key) if key.kind == KeyEventKind::Press => convert_key(key).map(Event::Key),
        Raw::Paste(text) => Some(Event::Paste(text)),
        Raw::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
        Raw::Mouse(mouse) => {
            let kind = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
                MouseEventKind::ScrollDown => MouseKind::WheelDown,
                MouseEventKind::ScrollUp => MouseKind::WheelUp,
                _ => return None,
            };
            Some(Event::Mouse(Mouse { kind, column: mouse.column, row: mouse.row }))
        }
        _ => None,
    }
}

fn convert_key(key: KeyEvent) -> Option<Key> {
    let code = match key.code {
        RawCode::Char(c) => KeyCode::Char(c),
        RawCode::Enter => KeyCode::Enter,
        RawCode::Esc => KeyCode::Esc,
        RawCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        RawCode::Tab => KeyCode::Tab,
        RawCode::BackTab => KeyCode::BackTab,
        RawCode::Backspace => KeyCode::Backspace,
        RawCode::Delete => KeyCode::Delete,
        RawCode::Up => KeyCode::Up,
        RawCode::Down => KeyCode::Down,
        RawCode::Left => KeyCode::Left,
        RawCode::Right => KeyCode::Right,
        RawCode::Home => KeyCode::Home,
        RawCode::End => KeyCode::End,
        RawCode::PageUp => KeyCode::PageUp,
        RawCode::PageDown => KeyCode::PageDown,
        RawCode::F(n) => KeyCode::F(n),
        _ => return None,
    };
    let unused = KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
    if key.modifiers.intersects(unused) {
        return None;
    }
    Some(Key {
        code,
        ctrl: key.modifiers.contains(KeyModifiers::CONTROL),
        alt: key.modifiers.contains(KeyModifiers::ALT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::MouseEvent;

    fn key(code: RawCode, modifiers: KeyModifiers) -> Option<Key> {
        match convert(Raw::Key(KeyEvent::new(code, modifiers))) {
            Some(Event::Key(key)) => Some(key),
            _ => None,
        }
    }

    #[test]
    fn keys_arrive_as_typed() {
        assert_eq!(key(RawCode::Char('G'), KeyModifiers::SHIFT), Some(Key::char('G')));
        assert_eq!(key(RawCode::Char('c'), KeyModifiers::CONTROL), Some(Key::ctrl('c')));
        assert_eq!(key(RawCode::BackTab, KeyModifiers::SHIFT), Some(Key::plain(KeyCode::BackTab)));
        assert_eq!(key(RawCode::F(1), KeyModifiers::NONE), Some(Key::plain(KeyCode::F(1))));
        assert_eq!(key(RawCode::Char('a'), KeyModifiers::SUPER), None);
        assert_eq!(key(RawCode::CapsLock, KeyModifiers::NONE), None);
    }

    #[test]
    fn releases_and_mouse_moves_are_dropped() {
        let mut release = KeyEvent::new(RawCode::Char('y'), KeyModifiers::NONE);
        release.kind = KeyEventKind::Release;
        assert!(convert(Raw::Key(release)).is_none());
        let mouse =
            |kind| convert(Raw::Mouse(MouseEvent { kind, column: 3, row: 4, modifiers: KeyModifiers::NONE }));
        assert!(mouse(MouseEventKind::Moved).is_none());
        assert!(matches!(
            mouse(MouseEventKind::Down(MouseButton::Left)),
            Some(Event::Mouse(Mouse { kind: MouseKind::Click, column: 3, row: 4 }))
        ));
        assert!(matches!(convert(Raw::Paste("y".into())), Some(Event::Paste(text)) if text == "y"));
    }
}

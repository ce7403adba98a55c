//! From keys to commands and back: lookup, the footer and the help screen, all from the one registry.

use super::batch::Stage;
use super::command::{COMMANDS, Command, Danger, Entry, Panel};
use super::key::Key;
use super::selection;
use super::state::{AppState, Dialog, PlanState, Prompt};

/// The command of a key in this panel: an entry for the panel goes before a global one.
pub fn lookup(key: Key, panel: Panel) -> Option<&'static Entry> {
    let find = |is_there: &dyn Fn(&Entry) -> bool| {
        COMMANDS.iter().find(|entry| entry.keys.contains(&key) && is_there(entry))
    };
    find(&|entry| entry.panels.contains(&panel)).or_else(|| find(&|entry| entry.panels.is_empty()))
}

/// The entry of a name on the `:` line.
pub fn by_name(name: &str) -> Option<&'static Entry> {
    COMMANDS.iter().find(|e| e.name == name)
}

/// The entry of a command.
pub fn entry_of(command: Command) -> Option<&'static Entry> {
    COMMANDS.iter().find(|e| e.command == command)
}

/// True when the entry does something in this panel and is not refused.
fn is_valid(state: &AppState, entry: &Entry, panel: Panel) -> bool {
    let refused = state.settings.read_only && entry.danger == Danger::Writes;
    let here = entry.panels.is_empty() || entry.panels.contains(&panel);
    let useful = match entry.command {
        Command::Undo => !state.undoable.is_empty() || state.undoable_batch.is_some(),
        Command::Batch => state.batch.is_some(),
        _ => true,
    };
    here && useful && !refused
}

/// The commands whose keys count now, most important first: those of the panel, then the general ones. Empty while a
/// dialog or prompt takes the keys (see [`dialog_keys`]), except in the details of a row.
pub fn footer(state: &AppState) -> Vec<&'static Entry> {
    if state.prompt.is_some() || !matches!(state.dialogs.last(), None | Some(Dialog::Detail(..))) {
        return Vec::new();
    }
    let panel = selection::panel(state);
    let general = [
        Command::Undo,
        Command::Batch,
        Command::Help,
        Command::Quit,
        Command::NextPanel,
        Command::Zoom,
        Command::CommandLine,
        Command::Freeze,
        Command::Messages,
        Command::Events,
        Command::Back,
        Command::Refresh,
    ];
    // Of these the help tells: there is little room.
    let rare =
        |e: &Entry| matches!(e.command, Command::MarkAll | Command::MarkHolder | Command::ReleaseHolder);
    let own = COMMANDS.iter().filter(|e| !e.panels.is_empty() && !rare(e));
    let general = general.into_iter().filter_map(entry_of);
    own.chain(general).filter(|e| is_valid(state, e, panel)).collect()
}

/// Keys of the topmost dialog or prompt, with what they do, for the footer.
pub fn dialog_keys(state: &AppState) -> Vec<(&'static str, &'static str)> {
    match &state.prompt {
        Some(Prompt::Filter { .. }) => {
            return vec![("Enter", "keep"), ("Up/Down", "move"), ("Ctrl-u", "clear"), ("Esc", "as before")];
        }
        Some(Prompt::Command { .. }) => {
            return vec![("Enter", "run"), ("Tab", "complete"), ("Up/Down", "history"), ("Esc", "back")];
        }
        None => {}
    }
    match state.dialogs.last() {
        None => Vec::new(),
        Some(Dialog::Events(_)) => {
            vec![("j/k", "scroll"), ("y", "copy a report"), ("S", "save it"), ("Esc", "close")]
        }
        Some(Dialog::Peek(..)) => {
            vec![("Tab", "which tasks"), ("j/k", "scroll"), ("r", "look again"), ("Esc", "close")]
        }
        Some(Dialog::Help(_) | Dialog::Messages(_) | Dialog::Detail(..)) => {
            vec![("j/k", "scroll"), ("Esc", "close")]
        }
        Some(Dialog::Confirm(c)) => match &c.plan {
            PlanState::Preparing => vec![("Esc", "cancel")],
            PlanState::Refused(_) => vec![("Enter", "close")],
            PlanState::Ready(p) if p.needs_force.is_some() => {
                vec![("f", "do it all the same"), ("Esc", "cancel")]
            }
            PlanState::Ready(_) if c.typed.is_some() => {
                vec![("type the key's name, then Enter", "confirm"), ("Esc", "cancel")]
            }
            PlanState::Ready(_) => {
                vec![("y", "confirm"), ("Tab Enter", "confirm"), ("Enter", "cancel"), ("Esc", "cancel")]
            }
        },
        Some(Dialog::Batch) => batch_keys(state),
        Some(Dialog::Enqueue(_) | Dialog::MoveTasks(_)) => {
            vec![("Enter", "go on"), ("Tab", "next field"), ("Esc", "cancel")]
        }
        Some(Dialog::Transfer) => match &state.transfer {
            Some(moving) if moving.end.is_none() => vec![("Esc", "stop after this batch")],
            _ => vec![("Esc", "close")],
        },
        Some(Dialog::Expire(_)) => vec![("Enter", "go on"), ("Esc", "cancel")],
        Some(Dialog::StartWorker(..)) if state.start.typed.is_some() => {
            vec![("type the queue's key, then Enter", "start"), ("Esc", "cancel")]
        }
        Some(Dialog::StartWorker(..)) => {
            vec![("y", "start"), ("f", "with or without force"), ("Enter", "cancel")]
        }
        Some(Dialog::Quit(..)) => vec![("y", "quit"), ("Enter", "stay"), ("Ctrl-c", "quit")],
    }
}

fn batch_keys(state: &AppState) -> Vec<(&'static str, &'static str)> {
    let Some(batch) = &state.batch else { return Vec::new() };
    match &batch.stage {
        Stage::Preparing(_) => vec![("Esc", "cancel")],
        Stage::Refused(_) => vec![("Enter", "close")],
        Stage::Running => vec![("j/k", "scroll"), ("Esc", "close, it goes on")],
        Stage::Ended if state.undoable_batch.is_some_and(|(of, _)| of == batch.ticket) => {
            vec![("j/k", "scroll"), ("u", "put them back"), ("Esc", "close")]
        }
        Stage::Ended => vec![("j/k", "scroll"), ("Esc", "close")],
        Stage::Ready => {
            let confirm = match batch.typed {
                Some(_) => ("type the number, then Enter", "confirm"),
                None => ("y", "confirm"),
            };
            let wait = (!batch.plan.soon_free().0.is_empty()).then_some(("w", "wait for the short ones"));
            [Some(confirm), wait, Some(("j/k", "scroll")), Some(("Esc", "cancel"))]
                .into_iter()
                .flatten()
                .collect()
        }
    }
}

/// One line of the help screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelpLine {
    /// Its keys as one types them.
    pub keys: String,
    /// Its name on the `:` line.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Where it applies; empty: everywhere.
    pub panels: &'static [Panel],
    /// It writes to a server.
    pub writes: bool,
}

/// The help screen, from the registry.
pub fn help_lines() -> Vec<HelpLine> {
    COMMANDS
        .iter()
        .map(|e| HelpLine {
            keys: e.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "),
            name: e.name,
            help: e.help,
            panels: e.panels,
            writes: e.danger == Danger::Writes,
        })
        .collect()
}

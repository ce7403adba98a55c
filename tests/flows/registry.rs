//! The registry of commands: reachable, listed, refused, without clashes.

use std::collections::HashSet;

use redwarden::app::command::{COMMANDS, Command, Danger, Panel};
use redwarden::app::effect::Effect;
use redwarden::app::keymap;
use redwarden::app::state::Settings;

use crate::fixtures::{rich_board, settings};
use crate::harness::{flow, flow_with, writes};

const PANELS: [Panel; 4] = [Panel::Nodes, Panel::Locks, Panel::Queues, Panel::Worker];

#[test]
fn every_command_is_reachable_by_key_and_listed_in_help() {
    let help = keymap::help_lines();
    for entry in COMMANDS {
        assert!(!entry.keys.is_empty(), "{}", entry.name);
        let places = if entry.panels.is_empty() { &PANELS[..] } else { entry.panels };
        for key in entry.keys {
            let reached =
                places.iter().any(|p| keymap::lookup(*key, *p).is_some_and(|e| e.command == entry.command));
            assert!(reached, "{key} does not reach {}", entry.name);
        }
        for panel in entry.panels {
            assert_eq!(keymap::lookup(entry.keys[0], *panel).unwrap().command, entry.command);
        }
        let line = help.iter().find(|l| l.name == entry.name).unwrap();
        assert!(line.keys.split(' ').count() == entry.keys.len() && !line.help.is_empty());
        assert_eq!(keymap::by_name(entry.name).unwrap().command, entry.command);
    }
}

#[test]
fn names_and_commands_are_unique_and_no_key_means_two_things_in_one_place() {
    let mut names = HashSet::new();
    let mut commands = HashSet::new();
    for entry in COMMANDS {
        assert!(names.insert(entry.name), "{}", entry.name);
        assert!(commands.insert(entry.command), "{}", entry.name);
        assert!(entry.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
    let unique =
        |keys: Vec<redwarden::app::key::Key>| keys.iter().collect::<HashSet<_>>().len() == keys.len();
    let of = |keep: &dyn Fn(&[Panel]) -> bool| {
        COMMANDS.iter().filter(|e| keep(e.panels)).flat_map(|e| e.keys.iter().copied()).collect::<Vec<_>>()
    };
    assert!(unique(of(&|p| p.is_empty())));
    for panel in PANELS {
        assert!(unique(of(&|p| p.contains(&panel))), "{panel:?}");
    }
}

#[test]
fn what_writes_is_refused_in_read_only_by_key_and_by_name() {
    for entry in COMMANDS.iter().filter(|e| e.danger == Danger::Writes) {
        let mut f = flow_with(Settings { read_only: true, ..settings() }, &rich_board());
        f.state.worker_open = true;
        f.state.focus = entry.panels.first().copied().unwrap_or(Panel::Locks);
        let effects = f.send(redwarden::app::event::Event::Key(entry.keys[0]));
        assert_eq!(effects, [], "{}", entry.name);
        assert!(f.state.dialogs.is_empty() && f.toast().contains("read-only"), "{}", entry.name);
        f.state.toast = None;
        let effects = f.press(&format!(": {} <enter>", entry.name));
        assert!(writes(&effects).is_empty() && f.state.dialogs.is_empty());
        assert!(f.toast().contains("read-only"), "{}", entry.name);
        assert!(keymap::footer(&f.state).iter().all(|e| e.danger == Danger::None));
    }
}

#[test]
fn every_command_runs_everywhere_without_harm() {
    for panel in PANELS {
        for entry in COMMANDS {
            let mut f = flow(&rich_board());
            f.state.focus = panel;
            let effects = f.press(&format!(": {} <enter>", entry.name));
            assert!(
                !effects
                    .iter()
                    .any(|e| matches!(e, Effect::Action(redwarden::act::request::ActionCommand::Execute(_)))),
                "{}",
                entry.name
            );
        }
    }
}

#[test]
fn the_footer_names_the_keys_that_count_here() {
    let mut f = flow(&rich_board());
    let names =
        |f: &crate::harness::Flow| keymap::footer(&f.state).iter().map(|e| e.command).collect::<Vec<_>>();
    f.press("2");
    assert_eq!(names(&f)[0], Command::Release);
    assert!(!names(&f).contains(&Command::Enqueue) && !names(&f).contains(&Command::Undo));
    f.press("3");
    assert_eq!(names(&f)[0], Command::Enqueue);
    f.press("4");
    assert!(names(&f).contains(&Command::StopWorker) && !names(&f).contains(&Command::Worker));
    f.press("2 ?");
    assert!(names(&f).is_empty() && !keymap::dialog_keys(&f.state).is_empty());
    f.press("? <enter>");
    assert!(names(&f).contains(&Command::Release), "details know the commands of their row");
}

#[test]
fn the_brain_does_no_io_and_reads_no_clock() {
    let mut paths = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app")];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for word in [
            "::now()",
            "tokio::",
            "ratatui",
            "crossterm",
            "redis::",
            "std::fs",
            "std::net",
            "async fn",
            "fastrand",
        ] {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}

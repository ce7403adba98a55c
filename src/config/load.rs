//! Puts the layers together: flag > environment > profile > file > default.

mod nodes;
mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::{self, FileLayers};
use super::layer::{Layer, TASK_VARIABLES, VARIABLES};
use super::node::report_duplicates;
use super::password::Passwords;
use super::problem::{Problems, Sited};
use super::secrets::SECRET_VARIABLES;
use super::value::{did_you_mean, nearest};
use super::{Config, ConfigErrors, Environment, Source};
use crate::cli::GlobalArgs;
use crate::domain::bytes::escape_text;
use nodes::{Resolver, apply_tls_flags};
use settings::{Picker, settings};

/// A path nothing can be written to: without a state directory each action is refused, as it cannot be recorded.
const NO_STATE_DIR: &str = "/dev/null/redwarden";

/// The configuration in force and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Source by key, such as `interval`, `ui.theme`, `nodes.NAME` or `nodes.NAME.password`.
    pub sources: BTreeMap<String, Source>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The file that would have been read if it existed.
    pub looked_for: Option<PathBuf>,
}

/// Reads everything, checks everything, and either gives a whole configuration or tells all that is wrong.
/// Runs `password_command`s, each for at most 10 s.
pub fn load(args: &GlobalArgs, env: &Environment) -> Result<Loaded, ConfigErrors> {
    let mut problems = Problems::default();
    let flags = Layer::from_flags(args, &mut problems);
    let variables = Layer::from_environment(env, &mut problems);
    for layer in [&flags, &variables] {
        report_duplicates(&layer.fleet.nodes, &mut problems);
        layer.fleet.clusters.iter().for_each(|c| report_duplicates(&c.seeds, &mut problems));
        layer.fleet.sentinels.iter().for_each(|s| report_duplicates(&s.seeds, &mut problems));
    }

    let located = file::locate(args.config.as_deref(), env);
    let text = located.as_ref().and_then(|(path, by)| file::read(path, by.as_ref(), &mut problems));
    let layers = match (&located, &text) {
        (Some((path, _)), Some(text)) => file::parse(path, text, env, &mut problems),
        _ => FileLayers::default(),
    };
    let profile = choose_profile(args, env, &layers, text.is_some(), &mut problems);
    let secret_variables = secret_variables(&layers);

    let none = Layer::default();
    let chosen = profile.as_ref().map_or(&none, |p| p.1);
    let mut picker = Picker { layers: [&flags, &variables, chosen, &layers.base], sources: BTreeMap::new() };
    let mut config = settings(&mut picker, &mut problems);
    config.profile = profile.as_ref().map(|p| p.0.value.clone());
    if let Some((name, _)) = &profile {
        picker.sources.insert("profile".into(), name.source.clone());
    }
    if config.production && args.write {
        let name = config.profile.as_deref().map_or("This configuration".into(), |p| format!("Profile {p}"));
        config.warnings.push(escape_text(&format!("{name} is production and --write allows writes.")));
    }
    config.warnings.extend(mistyped_variables(env, &secret_variables));
    config.state_dir = state_dir(env, &mut config.warnings);

    let mut fleet = picker.fleet();
    apply_tls_flags(&mut fleet, args, &mut problems);
    let mut resolver = Resolver {
        args,
        env,
        passwords: Passwords::new(env, &secret_variables),
        sources: &mut picker.sources,
        warnings: &mut config.warnings,
        problems: &mut problems,
    };
    (config.nodes, config.topology) = resolver.resolve(fleet);
    let sources = picker.sources;
    config.secret_variables = secret_variables;
    if !problems.is_empty() {
        return Err(problems.into_errors());
    }
    let (file, looked_for) = match (located, text) {
        (Some((path, _)), Some(_)) => (Some(path), None),
        (located, _) => (None, located.map(|l| l.0)),
    };
    Ok(Loaded { config, sources, file, looked_for })
}

fn choose_profile<'a>(
    args: &GlobalArgs,
    env: &Environment,
    layers: &'a FileLayers,
    has_file: bool,
    problems: &mut Problems,
) -> Option<(Sited<String>, &'a Layer)> {
    let flag = args.profile.clone().map(|name| Sited::new(name, Source::Flag("--profile")));
    let variable = || {
        let source = Source::Variable("REDWARDEN_PROFILE");
        env.text("REDWARDEN_PROFILE").map(|name| Sited::new(name.to_string(), source))
    };
    let name = flag.or_else(variable)?;
    if let Some((_, layer)) = layers.profiles.iter().find(|(known, _)| *known == name.value) {
        return Some((name, layer));
    }
    let known: Vec<&str> = layers.profiles.iter().map(|(n, _)| n.as_str()).collect();
    let remedy = match (has_file, known.is_empty()) {
        (false, _) => "There is no configuration file: `redwarden config template` prints one.".to_string(),
        (true, true) => {
            format!("The file has no profiles: write [profiles.{}].", escape_text(&name.value))
        }
        (true, false) => escape_text(&did_you_mean(&name.value, &known)),
    };
    let what = format!("there is no profile \"{}\"", escape_text(&name.value));
    problems.add(&name.source, what, remedy);
    None
}

fn secret_variables(layers: &FileLayers) -> Vec<String> {
    let mut names: Vec<String> = SECRET_VARIABLES.map(String::from).to_vec();
    let all = std::iter::once(&layers.base).chain(layers.profiles.iter().map(|(_, layer)| layer));
    for name in all.flat_map(Layer::password_variables) {
        if !names.iter().any(|n| n == name) {
            names.push(name.to_string());
        }
    }
    names
}

/// A mistyped `REDWARDEN_READONLY=1` must not pass in silence.
fn mistyped_variables(env: &Environment, also_known: &[String]) -> Vec<String> {
    let unknown = env.names().filter(|name| {
        name.starts_with("REDWARDEN_")
            && !VARIABLES.contains(name)
            && !TASK_VARIABLES.contains(name)
            && !also_known.iter().any(|known| known == name)
    });
    unknown
        .map(|name| {
            let hint = nearest(name, VARIABLES.into_iter());
            let hint = hint.map(|h| format!(" Did you mean {h}?")).unwrap_or_default();
            format!("The variable {} means nothing to redwarden.{hint}", escape_text(name))
        })
        .collect()
}

fn state_dir(env: &Environment, warnings: &mut Vec<String>) -> PathBuf {
    let base = env
        .path("XDG_STATE_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| env.path("HOME").map(|home| home.join(".local").join("state")))
        .or_else(|| env.path("LOCALAPPDATA"));
    if let Some(base) = base {
        return base.join("redwarden");
    }
    let text =
        "Neither $XDG_STATE_HOME nor $HOME is set: no audit file can be written, so actions are refused.";
    warnings.push(text.into());
    NO_STATE_DIR.into()
}

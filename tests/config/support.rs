//! Loads a configuration from a file text, a command line and an environment of the test's own.

use std::ffi::OsString;
use std::path::PathBuf;

use redwarden::cli;
use redwarden::config::{Config, ConfigErrors, Environment, Loaded, load};

/// A directory with a configuration file, an environment and a command line.
pub(crate) struct Case {
    pub(crate) dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Case {
    /// A file at `$XDG_CONFIG_HOME/redwarden/config.toml`; an empty text means no file.
    pub(crate) fn new(file: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let case = Self { dir, env: Vec::new() };
        if !file.is_empty() {
            case.write("redwarden/config.toml", file);
        }
        let home = case.dir.path().to_str().unwrap().to_string();
        let path = std::env::var("PATH").unwrap();
        case.env("XDG_CONFIG_HOME", &home).env("HOME", &home).env("PATH", &path)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `DIR` in the command line stands for the directory.
    pub(crate) fn try_load(&self, line: &str) -> Result<Loaded, ConfigErrors> {
        let line = line.replace("DIR", self.dir.path().to_str().unwrap());
        let args = std::iter::once("redwarden").chain(line.split_whitespace()).map(OsString::from);
        let invocation = cli::parse(args).unwrap_or_else(|e| panic!("{line}: {e}"));
        let env: Environment = self.env.iter().map(|(k, v)| (k, v)).collect();
        load(&invocation.global, &env)
    }

    pub(crate) fn load(&self, line: &str) -> Loaded {
        self.try_load(line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    pub(crate) fn config(&self, line: &str) -> Config {
        self.load(line).config
    }

    /// All that is wrong, with the directory cut off.
    pub(crate) fn errors(&self, line: &str) -> Vec<String> {
        let errors = match self.try_load(line) {
            Ok(loaded) => panic!("{line}: accepted as {:?}", loaded.config),
            Err(errors) => errors,
        };
        assert!(!format!("{errors} {errors:?}").contains("hunter2"), "a secret is told: {errors}");
        let dir = format!("{}/redwarden/", self.dir.path().display());
        errors.0.iter().map(|p| p.to_string().replace(&dir, "")).collect()
    }
}

/// Password of each node, `-` for none.
pub(crate) fn passwords(config: &Config) -> Vec<String> {
    let endpoints = config.nodes.iter().map(|n| &n.endpoint);
    endpoints.map(|e| e.password.as_ref().map_or("-".into(), |p| p.expose().to_string())).collect()
}

/// Name of each node.
pub(crate) fn names(config: &Config) -> Vec<&str> {
    config.nodes.iter().map(|n| n.meta.id.as_str()).collect()
}

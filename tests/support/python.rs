//! Python of the tests' own: an environment for each file of pinned packages, made once, and programs that run there.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use super::driver::finish;
use super::runtime::{self, Runtime};

/// An environment with the packages that a file names.
pub(crate) struct Python(Runtime);

impl Python {
    /// The environment for `requirements`, a file with a line `package==version` for each package, those that
    /// others need included. It is made under the build directory when it is not there or the file changed.
    pub(crate) fn with(requirements: &Path) -> Self {
        let pinned = runtime::read(requirements);
        let name = requirements.file_stem().unwrap().to_str().unwrap();
        let dir = runtime::make_once("python", name, &pinned, |dir| {
            finish(Command::new("python3").args(["-m", "venv"]).arg(dir));
            let mut pip = Command::new(dir.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "-r"]);
            finish(pip.arg(requirements));
            finish(Command::new(dir.join("bin/python")).args(["-m", "pip", "check"]));
        });
        Self::at(&dir, requirements.parent().unwrap())
    }

    /// The environment if it is there already: for those that can do without.
    pub(crate) fn made(requirements: &Path) -> Option<Self> {
        let dir = runtime::home("python").join(requirements.file_stem()?);
        let pinned = std::fs::read(requirements).ok()?;
        let programs = requirements.parent()?;
        runtime::is_made(&dir, &pinned).then(|| Self::at(&dir, programs))
    }

    fn at(dir: &Path, programs: &Path) -> Self {
        // Nothing is left beside the sources, and nothing of another Python is found.
        let environment = vec![("PYTHONDONTWRITEBYTECODE", "1".to_owned())];
        Self(Runtime::new(dir.join("bin/python"), programs, environment, &["PYTHONPATH", "PYTHONHOME"]))
    }
}

impl Deref for Python {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.0
    }
}

//! Node of the tests' own: packages at the versions of a committed lock file, fetched once, and programs that use them.
#![allow(dead_code, reason = "each test binary uses its share")]

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use super::driver::finish;
use super::runtime::{self, Runtime};

/// The packages that a lock file names.
pub(crate) struct Node(Runtime);

impl Node {
    /// The packages for `manifest`, a directory with `package.json` and `package-lock.json` beside the programs. They
    /// are fetched under the build directory when they are not there or the lock file changed.
    pub(crate) fn with(manifest: &Path) -> Self {
        let (package, locked) = ("package.json", "package-lock.json");
        let pinned = runtime::read(&manifest.join(locked));
        let name = manifest.file_name().unwrap().to_str().unwrap();
        let dir = runtime::make_once("node", name, &pinned, |dir| {
            std::fs::create_dir_all(dir).unwrap();
            for file in [package, locked] {
                std::fs::write(dir.join(file), runtime::read(&manifest.join(file))).unwrap();
            }
            let mut npm = Command::new("npm");
            // Nothing of the packages runs while they are fetched, and nothing is built.
            npm.args([
                "ci",
                "--omit=optional",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ]);
            finish(npm.current_dir(dir));
        });
        Self::at(&dir, manifest.parent().unwrap())
    }

    /// The packages if they are there already: for those that can do without.
    pub(crate) fn made(manifest: &Path) -> Option<Self> {
        let dir = runtime::home("node").join(manifest.file_name()?);
        let pinned = std::fs::read(manifest.join("package-lock.json")).ok()?;
        let programs = manifest.parent()?;
        runtime::is_made(&dir, &pinned).then(|| Self::at(&dir, programs))
    }

    fn at(dir: &Path, programs: &Path) -> Self {
        let modules = dir.join("node_modules").to_str().unwrap().to_owned();
        Self(Runtime::new("node".into(), programs, vec![("NODE_PATH", modules)], &["NODE_OPTIONS"]))
    }
}

impl Deref for Node {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.0
    }
}

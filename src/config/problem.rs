//! Where a value comes from, and what is wrong with it. All problems are gathered and reported together.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::domain::bytes::escape_text;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// Not said by itself: it follows from something else, told in words.
    Follows(&'static str),
    /// A flag, such as `--interval`.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// The configuration file.
    File {
        /// The file.
        path: Arc<Path>,
        /// Line, from 1.
        line: usize,
        /// Key with its tables, such as `profiles.prod.nodes[0].url`; escaped.
        key: Arc<str>,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Follows(what) => write!(f, "follows {what}"),
            Self::Flag(name) => f.write_str(name),
            Self::Variable(name) => write!(f, "${name}"),
            Self::File { path, line, key } if key.is_empty() => {
                write!(f, "{}:{line}", escape_text(&path.to_string_lossy()))
            }
            Self::File { path, line, key } => {
                write!(f, "{}:{line}: {key}", escape_text(&path.to_string_lossy()))
            }
        }
    }
}

/// A value with its source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sited<T> {
    pub(super) value: T,
    pub(super) source: Source,
}

impl<T> Sited<T> {
    pub(super) fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
}

/// One thing that is wrong. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// What is wrong, escaped, without a final stop.
    pub what: String,
    /// What to do, a sentence.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.source, self.what, self.remedy)
    }
}

/// Everything that is wrong with the configuration. Exit code [`crate::cli::EXIT_USAGE`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// What is wrong with a value and what to do, before it is known where it stands.
pub(super) type Complaint = (String, String);

/// Gathers problems.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, source: &Source, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { source: source.clone(), what: what.into(), remedy: remedy.into() });
    }

    /// The value, or nothing and a problem more.
    pub(super) fn check<T>(&mut self, source: &Source, result: Result<T, Complaint>) -> Option<Sited<T>> {
        match result {
            Ok(value) => Some(Sited::new(value, source.clone())),
            Err((what, remedy)) => {
                self.add(source, what, remedy);
                None
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the file; flags and variables first.
    pub(super) fn into_errors(mut self) -> ConfigErrors {
        self.0.sort_by_key(|p| match &p.source {
            Source::File { line, .. } => *line,
            _ => 0,
        });
        ConfigErrors(self.0)
    }
}

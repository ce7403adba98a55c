//! Fetches passwords: from a variable, a file or a command.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::node::PasswordSource;
use super::problem::Complaint;
use super::{Environment, Secret};
use crate::domain::bytes::escape_text;

/// How long a `password_command` may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest password that is read.
const MAX_LEN: u64 = 64 * 1024;

/// Fetches passwords; a command that several nodes share runs once.
pub(super) struct Passwords<'a> {
    env: &'a Environment,
    /// Variables that children do not see.
    secret_variables: &'a [String],
    limit: Duration,
    by_command: HashMap<String, Result<Secret, String>>,
}

impl<'a> Passwords<'a> {
    pub(super) fn new(env: &'a Environment, secret_variables: &'a [String]) -> Self {
        Self { env, secret_variables, limit: LIMIT, by_command: HashMap::new() }
    }

    /// The password of `node`.
    pub(super) fn fetch(&mut self, node: &str, from: &PasswordSource) -> Result<Secret, Complaint> {
        match from {
            PasswordSource::Variable(name) => match self.env.text(name) {
                Some(value) => Ok(Secret::new(value)),
                None => Err((
                    format!("the password of node {node} is missing: ${name} is not set or empty"),
                    "Set the variable, or change password_env.".into(),
                )),
            },
            PasswordSource::File(path) => from_file(node, path),
            PasswordSource::Command(command) => {
                let known = self.by_command.get(command).cloned();
                let result = known.unwrap_or_else(|| self.run(command));
                self.by_command.insert(command.clone(), result.clone());
                result.map_err(|what| {
                    let what = format!("the password of node {node} is missing: the command {what}");
                    (what, "Run it in a shell to see why.".to_string())
                })
            }
        }
    }

    fn run(&self, command: &str) -> Result<Secret, String> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .env_clear()
            .envs(self.env.without(self.secret_variables))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What it complains about may hold the password, or control characters.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("could not be started ({e})"))?;
        let deadline = Instant::now() + self.limit;
        let output = child.stdout.take().map(|pipe| {
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let result = pipe.take(MAX_LEN).read_to_end(&mut bytes).map(|_| bytes);
                let _ = sender.send(result);
            });
            receiver
        });
        let too_late = || format!("did not end within {}", humantime::format_duration(self.limit));
        let result = output
            .and_then(|receiver| receiver.recv_timeout(self.limit).ok())
            .ok_or_else(too_late)
            .and_then(|read| read.map_err(|e| format!("could not be read ({e})")))
            .and_then(|bytes| match wait_until(&mut child, deadline) {
                Some(status) if status.success() => Ok(bytes),
                Some(status) => Err(format!("failed ({status})")),
                None => Err(too_late()),
            });
        // Does nothing to a child that has ended.
        let _ = child.kill();
        let _ = child.wait();
        let text = String::from_utf8(result?)
            .map_err(|_not_utf8| "printed something that is not UTF-8".to_string())?;
        match trimmed(&text) {
            "" => Err("printed nothing".into()),
            password => Ok(Secret::new(password)),
        }
    }
}

/// The password in a file, without its final line break.
pub(super) fn from_file(node: &str, path: &Path) -> Result<Secret, Complaint> {
    let shown = escape_text(&path.to_string_lossy());
    let missing = |why: String| {
        let what = format!("the password of node {node} is missing: {shown} {why}");
        (what, "Put the password alone into that file and let this user read it.".to_string())
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_LEN).read_to_string(&mut text))
        .map_err(|e| missing(format!("cannot be read ({e})")))?;
    match trimmed(&text) {
        "" => Err(missing("is empty".into())),
        password => Ok(Secret::new(password)),
    }
}

fn trimmed(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => return None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(command: &str, limit: Duration) -> Result<String, String> {
        let env = Environment::from_iter([
            ("PATH", std::env::var("PATH").unwrap_or_default().as_str()),
            ("OPEN", "yes"),
            ("HIDDEN", "hunter2"),
        ]);
        let hidden = ["HIDDEN".to_string()];
        let passwords = Passwords { limit, ..Passwords::new(&env, &hidden) };
        passwords.run(command).map(|s| s.expose().to_string())
    }

    #[test]
    fn commands_give_their_output_or_a_reason() {
        for (command, expected) in [
            ("printf 'pw\\n'", Ok("pw".to_string())),
            ("printf ' p w \\n\\n'", Ok(" p w \n".to_string())),
            ("echo $OPEN-$HIDDEN", Ok("yes-".to_string())),
            ("exit 3", Err("failed (exit status: 3)".to_string())),
            ("echo hunter2; exit 1", Err("failed (exit status: 1)".to_string())),
            ("true", Err("printed nothing".to_string())),
            ("printf '\\377'", Err("printed something that is not UTF-8".to_string())),
        ] {
            assert_eq!(run(command, LIMIT), expected, "{command}");
        }
    }

    #[test]
    fn a_command_that_does_not_end_is_given_up() {
        let result = run("exec sleep 1000", Duration::from_millis(50));
        assert_eq!(result, Err("did not end within 50ms".to_string()));
    }
}

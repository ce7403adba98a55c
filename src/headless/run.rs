//! `redwarden lock run` and `audit`.

use std::sync::Arc;

use super::place::one_node;
use super::{EXIT_NOT_DONE, EXIT_OK, Out};
use crate::act::audit;
use crate::cli::{Format, LockRun};
use crate::config::{Config, NodeConfig};
use crate::lock_run::{self, LockRunOptions};
use crate::redis_io::WritePermit;

/// `redwarden lock run KEY -- command`: the command's exit code, or one of [`lock_run::LockRunError::exit_code`].
pub async fn lock_run(config: Arc<Config>, nodes: &[NodeConfig], wish: LockRun, out: &mut Out<'_>) -> u8 {
    let (node, endpoint) = match one_node(&config, nodes, wish.node, &wish.key, out).await {
        Ok(found) => found,
        Err(code) => return code,
    };
    let options = LockRunOptions {
        node,
        audit: audit::Audit::in_dir(&config.state_dir),
        key: wish.key,
        ttl: wish.ttl,
        wait: wish.wait,
        kill_on_loss: wish.kill_on_loss,
        command: wish.command,
        timeout: config.timeout,
        secret_variables: config.secret_variables.clone(),
    };
    let permit = WritePermit::from_config(&config);
    match lock_run::run(&endpoint, options, permit, |line| out.say(format!("redwarden: {line}"))).await {
        Ok(code) => code,
        Err(error) => {
            out.say(format!("redwarden: {error}"));
            error.exit_code()
        }
    }
}

/// `redwarden audit`: what was done from this machine, oldest first.
pub fn audit(config: &Config, format: Format, out: &mut Out<'_>) -> std::io::Result<u8> {
    let path = audit::path_in(&config.state_dir);
    let entries = match audit::read(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            out.say(format!("nothing was done yet: {} does not exist", path.display()));
            return Ok(EXIT_OK);
        }
        Err(error) => {
            out.say(format!("{}: {error}", path.display()));
            return Ok(EXIT_NOT_DONE);
        }
    };
    match format {
        Format::Table => {
            for line in audit::table(entries) {
                writeln!(out.data, "{line}")?;
            }
        }
        Format::Json => {
            for entry in entries {
                match entry {
                    Ok(entry) => writeln!(out.data, "{entry}")?,
                    Err(why) => {
                        out.say(format!("{}: {}", path.display(), crate::domain::bytes::escape_text(&why)));
                    }
                }
            }
        }
    }
    out.data.flush()?;
    Ok(EXIT_OK)
}

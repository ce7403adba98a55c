//! Parses the arguments, runs the command, prints its errors, returns its exit code. The only place that prints.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "main is where the program speaks")]

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use redwarden::cli::{self, Command, Invocation};
use redwarden::config::{self, Config, Environment};
use redwarden::headless::{self, Out};
use redwarden::report::Sections;
use redwarden::{dashboard, demo, logging, poll};

fn main() -> ExitCode {
    if demo::is_supervisor() {
        return demo::supervise();
    }
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(cli::EXIT_USAGE));
        }
    };
    match run(invocation) {
        Ok(code) => ExitCode::from(code),
        // A reader that went away (head, less) is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redwarden: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(invocation: Invocation) -> anyhow::Result<u8> {
    if invocation.command == Command::ConfigTemplate {
        std::io::stdout().write_all(config::TEMPLATE.as_bytes())?;
        return Ok(headless::EXIT_OK);
    }
    let loaded = match config::load(&invocation.global, &Environment::of_process()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(cli::EXIT_USAGE);
        }
    };
    if invocation.command == Command::ConfigShow {
        std::io::stdout().write_all(config::show(&loaded).as_bytes())?;
        return Ok(headless::EXIT_OK);
    }
    let mut config = loaded.config;
    if let Some(path) = &config.log {
        logging::to_file(path).map_err(|e| anyhow::anyhow!("--log {}: {e}", path.display()))?;
    }
    if !matches!(invocation.command, Command::Dashboard | Command::Demo(_)) {
        for warning in &config.warnings {
            eprintln!("redwarden: warning: {warning}");
        }
    }
    // Lives as long as the dashboard on it.
    let fleet = match invocation.command {
        Command::Demo(wish) => Some(demo::start(wish)?),
        _ => None,
    };
    if let Some(fleet) = &fleet {
        config.nodes = fleet.node_configs();
        config.topology = fleet.topology();
        // Nothing of a demo is left behind.
        config.remember = false;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let code = runtime.block_on(command(invocation.command, Arc::new(config)));
    // A reader of stdin may still block a thread: do not wait for it.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    code
}

async fn command(command: Command, config: Arc<Config>) -> anyhow::Result<u8> {
    if matches!(command, Command::Dashboard | Command::Demo(_)) {
        for line in dashboard::run(config).await? {
            eprintln!("redwarden: {line}");
        }
        return Ok(headless::EXIT_OK);
    }
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let interactive = std::io::stdin().is_terminal() && stderr.is_terminal();
    let mut out = Out { data: &mut stdout, talk: &mut stderr, interactive };
    let only = |nodes, locks, queues| Sections { nodes, locks, queues };
    let code = match command {
        Command::Snapshot(look) => print(config, look, Sections::ALL, &mut out).await?,
        Command::Nodes(look) => print(config, look, only(true, false, false), &mut out).await?,
        Command::Locks(look) => print(config, look, only(false, true, false), &mut out).await?,
        Command::Queues(look) => print(config, look, only(false, false, true), &mut out).await?,
        Command::Check(watch_for) => headless::watch::check(config, watch_for, &mut out).await?,
        Command::Audit(format) => headless::run::audit(&config, format, &mut out)?,
        Command::Release(wish) => {
            let nodes = poll::fleet::discover(&config).await;
            Box::pin(headless::release::release(config, &nodes, wish, &mut out)).await
        }
        Command::ReleaseMany(wish) => {
            let nodes = poll::fleet::discover(&config).await;
            headless::release_many::release_many(config, &nodes, wish, &mut out).await?
        }
        Command::Push(wish) => {
            let nodes = poll::fleet::discover(&config).await;
            headless::push::push(config, &nodes, wish, &mut out).await
        }
        Command::Canary(wish) => headless::canary::canary(config, wish, &mut out).await?,
        Command::Peek(wish) => headless::peek::peek(config, wish, &mut out).await?,
        Command::Worker(wish) => {
            let nodes = poll::Nodes::follow(&config).await;
            headless::work::worker(config, &nodes, wish, &mut out).await
        }
        Command::Wait(wish) => headless::wait::wait(config, wish, &mut out).await,
        Command::Move(wish) => {
            let nodes = poll::fleet::discover(&config).await;
            headless::transfer::transfer(&config, &nodes, &wish, &mut out).await
        }
        Command::LockRun(wish) => {
            let nodes = poll::fleet::discover(&config).await;
            headless::run::lock_run(config, &nodes, wish, &mut out).await
        }
        Command::Dashboard | Command::Demo(_) | Command::ConfigTemplate | Command::ConfigShow => {
            headless::EXIT_OK
        }
    };
    Ok(code)
}

async fn print(
    config: Arc<Config>,
    look: cli::Look,
    sections: Sections,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    headless::watch::print(config, look, sections, out).await?;
    Ok(headless::EXIT_OK)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

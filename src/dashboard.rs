//! The dashboard's event loop: wiring only. It receives, calls `update`, draws, and hands effects on; it never
//! waits for a server.

mod incident;
mod peek;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use crate::act::request::ActionCommand;
use crate::act::{ActionEvent, audit::Audit, executor, services::Services};
use crate::app::batch::Stage;
use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::app::state::{AppState, Settings};
use crate::app::update::update;
use crate::config::Config;
use crate::domain::Stamp;
use crate::domain::bytes::escape_text;
use crate::poll::Fleet;
use crate::redis_io::WritePermit;

use crate::terminal::frame_clock::FrameClock;
use crate::terminal::guard::{self, TerminalGuard};
use crate::terminal::{clipboard, input, signals};
use crate::ui::{self, ViewCache};
use crate::worker::{self, WorkerCommand, WorkerHandle};

/// A turn of the loop that takes longer is logged: something blocks the screen.
const SLOW_TURN: Duration = Duration::from_millis(50);
/// Boards are taken in at most once a frame, and rarer where that takes long: this many times as long is left for
/// everything else. Fifty nodes, or a hundred thousand locks, must not mean that the screen only rebuilds.
const BOARD_EVERY: Duration = Duration::from_millis(16);
const BOARD_REST: u32 = 9;
/// A key that was on its way when a dialog appeared has arrived after this time.
const ARM_AFTER: Duration = Duration::from_millis(15);
/// How long a leaving dashboard waits for actions and for the worker.
const GOODBYE: Duration = Duration::from_secs(3);

/// Everything that runs behind the screen.
struct Backstage {
    fleet: Fleet,
    actions: mpsc::Sender<ActionCommand>,
    outcomes: mpsc::Receiver<ActionEvent>,
    worker: WorkerHandle,
    peeking: peek::Peeking,
}

impl Backstage {
    fn start(config: &Arc<Config>) -> Self {
        let fleet = Fleet::spawn_live(config.clone());
        let permit = WritePermit::from_config(config);
        let (report, outcomes) = mpsc::channel(256);
        let directory = fleet.directory();
        let services = Services {
            directory: directory.clone(),
            routes: fleet.routes(),
            permit,
            families: crate::family::registry::LockFamilies::new(config),
            canaries: crate::family::registry::Canaries::new(config),
            audit: Audit::in_dir(&config.state_dir),
            timeout: config.timeout,
        };
        let actions = executor::spawn_with(services, report);
        let peeking = peek::Peeking::new(config, directory.clone());
        let nodes = fleet.nodes();
        let peers = Arc::new(move || nodes.borrow().iter().map(|n| n.endpoint.clone()).collect());
        let worker = worker::spawn(config.clone(), directory, peers, permit);
        Self { fleet, actions, outcomes, worker, peeking }
    }
}

/// Runs the dashboard until the user leaves it. Returns sentences to print after the terminal was given back:
/// actions whose outcome is not known.
pub async fn run(config: Arc<Config>) -> anyhow::Result<Vec<String>> {
    let guard = guard::enter(config.ui.mouse)?;
    let mut terminal = guard.terminal()?;
    let size = terminal.size()?;
    let mut backstage = Backstage::start(&config);
    let (inbox, mut events) = mpsc::channel::<Event>(1024);
    let mut input = input::spawn(inbox.clone());
    let _signals = signals::spawn(inbox.clone())?;
    let mut state =
        AppState::new(settings(&config), config.interval, (size.width, size.height), Stamp::now())
            .with_seed(fastrand::u64(..));
    state.mouse = config.ui.mouse;
    for warning in &config.warnings {
        update(&mut state, Event::Note(warning.clone()), Stamp::now());
    }

    let mut cache = ViewCache::default();
    let mut frames = FrameClock::new();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut board = backstage.fleet.board();
    let mut next_board = Some(tokio::time::Instant::now());
    let mut board_from = Instant::now();
    let mut arm: Option<(tokio::time::Instant, u64)> = None;
    frames.ask();
    loop {
        let event = tokio::select! {
            biased;
            () = guard::panicked() => anyhow::bail!("a background task failed; what it said is above"),
            Some(event) = events.recv() => Some(event),
            Some(event) = backstage.outcomes.recv() => Some(Event::Action(event)),
            () = frames.wait() => None,
            () = sleep_until(arm.map_or_else(far, |(at, _)| at)), if arm.is_some() => {
                arm.take().map(|(_, ticket)| Event::DialogDrawn(ticket))
            }
            () = sleep_until(next_board.unwrap_or_else(far)), if next_board.is_some() => {
                next_board = None;
                Some(Event::Board(board.borrow_and_update().clone()))
            }
            Ok(()) = board.changed(), if next_board.is_none() => {
                next_board = Some(board_from.max(Instant::now()).into());
                continue;
            }
            Ok(()) = backstage.worker.view.changed() => {
                backstage.worker.view.borrow_and_update().clone().map(Event::Worker)
            }
            // A terminal that vanished without a SIGHUP would leave us reading its end for ever.
            _ = ticks.tick() => Some(if guard::is_there() { Event::Tick } else { Event::Terminate }),
        };
        let turn = Instant::now();
        if let Some(event) = event {
            let name = name(&event);
            if matches!(event, Event::Resize(..)) {
                arm = None;
            }
            let is_board = matches!(event, Event::Board(_));
            let effects = update(&mut state, event, Stamp::now());
            if is_board {
                board_from = Instant::now() + BOARD_EVERY.max(turn.elapsed() * BOARD_REST);
            }
            frames.ask();
            for effect in effects {
                match effect {
                    Effect::Quit => {
                        // What is typed from now on is for the shell. A terminal that is gone never answers.
                        let _ = timeout(Duration::from_millis(100), input.pause()).await;
                        return Ok(leave(guard, backstage, &mut state).await);
                    }
                    Effect::Suspend => {
                        input.pause().await;
                        backstage.fleet.sleep().await;
                        guard.suspend().await?;
                        backstage.fleet.wake();
                        input.resume().await;
                        let (columns, rows) = guard.repaint(&mut terminal)?;
                        arm = None;
                        update(&mut state, Event::Resize(columns, rows), Stamp::now());
                    }
                    other => {
                        if let Err(why) =
                            carry_out(other.clone(), &backstage, &guard, &config.state_dir, &inbox)
                        {
                            update(&mut state, Event::Undelivered(other, why), Stamp::now());
                        }
                    }
                }
            }
            slow(turn, name);
        } else {
            state.now = Stamp::now();
            terminal.draw(|frame| ui::render(frame, &state, &mut cache))?;
            frames.drawn(tokio::time::Instant::now());
            state.hits.clone_from(cache.hits());
            if arm.is_none()
                && let Some(ticket) = cache.drawn_ticket()
                && state.dialog_to_arm() == Some(ticket)
            {
                arm = Some((tokio::time::Instant::now() + ARM_AFTER, ticket));
            }
            slow(turn, "draw");
        }
    }
}

/// Hands an effect on without waiting. The error is a sentence for the user.
fn carry_out(
    effect: Effect,
    backstage: &Backstage,
    guard: &TerminalGuard,
    dir: &std::path::Path,
    inbox: &mpsc::Sender<Event>,
) -> Result<(), String> {
    match effect {
        Effect::Refresh => backstage.fleet.refresh(),
        Effect::SetInterval(interval) => backstage.fleet.set_interval(interval),
        Effect::Action(command) => backstage
            .actions
            .try_send(command)
            .map_err(|_full| "too many actions at once: nothing was done, try again".to_string())?,
        Effect::Worker(command) => backstage
            .worker
            .commands
            .try_send(command)
            .map_err(|_full| "the worker does not listen right now: try again".to_string())?,
        Effect::Copy(text) => match clipboard::copy(&text) {
            Ok(true) => {}
            Ok(false) => return Err("too long for the terminal's clipboard: nothing was copied".into()),
            Err(error) => return Err(format!("could not copy: {error}")),
        },
        Effect::SaveReport { name, text } => {
            let (dir, inbox) = (dir.to_path_buf(), inbox.clone());
            // The disk may be slow: the screen does not wait for it.
            tokio::task::spawn_blocking(move || {
                let event = match incident::save(&dir, &name, &text) {
                    Ok(path) => Event::ReportSaved(escape_text(&path.to_string_lossy())),
                    Err(error) => {
                        let why = format!(
                            "the incident report was not saved in {}: {error}",
                            escape_text(&dir.to_string_lossy())
                        );
                        Event::Undelivered(Effect::SaveReport { name, text }, why)
                    }
                };
                let _ = inbox.blocking_send(event);
            });
        }
        Effect::Peek(wish) => {
            peek::spawn(backstage.peeking.clone(), wish, inbox.clone());
        }
        Effect::Bell => guard.bell().map_err(|e| format!("could not ring: {e}"))?,
        Effect::CaptureMouse(on) => guard.capture_mouse(on).map_err(|e| format!("mouse: {e}"))?,
        Effect::Quit | Effect::Suspend => {}
    }
    Ok(())
}

/// Gives the terminal back, then lets what runs come to an end: actions report, the worker puts nothing at risk.
async fn leave(guard: TerminalGuard, mut backstage: Backstage, state: &mut AppState) -> Vec<String> {
    drop(guard);
    let deadline = tokio::time::Instant::now() + GOODBYE;
    let _ = timeout(GOODBYE, backstage.fleet.save_memory()).await;
    while !state.running.is_empty() {
        match tokio::time::timeout_at(deadline, backstage.outcomes.recv()).await {
            Ok(Some(event)) => drop(update(state, Event::Action(event), Stamp::now())),
            Ok(None) | Err(_) => break,
        }
    }
    // A dialog that was never confirmed has nothing to report.
    let unknown = state.running.values().flatten().map(|plan| {
        format!(
            "the outcome of {} {} on {} is not known: look again",
            plan.intent, plan.subject, plan.target.node
        )
    });
    let batch = state.batch.as_ref().filter(|batch| batch.stage == Stage::Running).map(|batch| {
        let (known, all) = (batch.outcomes.len(), batch.chosen.len());
        format!(
            "the outcome of {} of {all} locks of a batch is not known: redwarden audit tells what was sent",
            all.saturating_sub(known)
        )
    });
    let told = unknown.chain(batch).collect();
    let _ = backstage.worker.commands.try_send(WorkerCommand::Stop);
    let _ = timeout(GOODBYE, backstage.worker.finish()).await;
    told
}

fn settings(config: &Config) -> Settings {
    Settings {
        profile: config.profile.clone(),
        production: config.production,
        read_only: config.read_only,
        rules: config.rules.clone(),
        theme: config.ui.theme,
        ascii: config.ui.ascii,
        bell: config.ui.bell,
        report_span: config.ui.report_span,
        push: config.push,
        concurrency: config.worker.concurrency,
        exec: config.worker.exec.clone(),
        queues: config.queues.clone(),
        canaries: config.canaries.clone(),
        lock_patterns: config.lock_patterns.clone(),
        queue_patterns: config.queue_patterns.clone(),
    }
}

fn far() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(3600)
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Key(_) => "key",
        Event::Board(_) => "board",
        Event::Action(_) => "action",
        Event::Worker(_) => "worker",
        Event::Tick => "tick",
        _ => "other",
    }
}

fn slow(turn: Instant, what: &str) {
    let took = turn.elapsed();
    if took > SLOW_TURN {
        tracing::warn!(what, ?took, "a slow turn of the event loop");
    }
}

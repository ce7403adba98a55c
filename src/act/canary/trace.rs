//! The way of a canary through its queue: where it stands, and what its library's keys tell of it.

use std::time::{Duration, Instant};

use super::{Sent, Stage};
use crate::act::follow::place;
use crate::act::plan::Plan;
use crate::act::request::TaskPlace;
use crate::act::scripts::Scripts;
use crate::act::services::Services;
use crate::domain::Reply;
use crate::family::canary::{Place, Tells};
use crate::family::{Canary, QueueFamily, Read, Told};
use crate::redis_io::Reader;

/// Time between two looks at first; it grows to [`SLOWEST`].
const PACE: Duration = Duration::from_millis(50);
/// Time between two looks later.
const SLOWEST: Duration = Duration::from_millis(500);
/// A library that perhaps keeps results has written them this long after the task was acknowledged.
const GRACE: Duration = Duration::from_secs(1);

/// A canary on its way.
pub struct Trail<'s> {
    services: &'s Services,
    plan: &'s Plan,
    sent: &'s Sent,
    limit: Duration,
    began: Instant,
    reader: Option<Reader>,
    scripts: Scripts,
    pace: Duration,
    told: Option<Stage>,
    taken: Option<Instant>,
    problem: Option<String>,
}

impl<'s> Trail<'s> {
    /// Follows a canary that was just sent by this plan, for this long at most.
    pub fn new(services: &'s Services, plan: &'s Plan, sent: &'s Sent, limit: Duration) -> Self {
        Self {
            services,
            plan,
            sent,
            limit,
            began: Instant::now(),
            reader: None,
            scripts: Scripts::default(),
            pace: Duration::ZERO,
            told: None,
            taken: None,
            problem: None,
        }
    }

    /// Looks once more, after a pause. Gives where it is and the time since it was sent, if that is news; an end comes
    /// at the latest when the time is over.
    pub async fn step(&mut self) -> Option<(Stage, Duration)> {
        let left = self.limit.saturating_sub(self.began.elapsed());
        tokio::time::sleep(self.pace.min(left)).await;
        self.pace = (self.pace * 5 / 4).clamp(PACE, SLOWEST);
        let mut stage = self.look().await;
        // Who picked it is not forgotten when its end no longer says so.
        let before = self.told.as_ref().and_then(Stage::worker).map(String::from);
        if let Some(Stage::Done(by) | Stage::Failed(by, _) | Stage::Picked(by)) = &mut stage {
            *by = by.take().or(before);
        }
        if self.began.elapsed() >= self.limit && !stage.as_ref().is_some_and(Stage::is_end) {
            stage = Some(match (&self.problem, stage) {
                (Some(why), None) => Stage::Unknown(why.clone()),
                (_, Some(Stage::Picked(by))) => Stage::NotEnded(by),
                (_, Some(Stage::Waiting(_))) => Stage::NotTaken,
                _ => Stage::Unknown("it was not seen in time".into()),
            });
        }
        let stage = stage.filter(|stage| self.told.as_ref() != Some(stage))?;
        self.told = Some(stage.clone());
        Some((stage, self.began.elapsed()))
    }

    /// Since it was sent.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Where it ends when nobody follows it any longer.
    pub fn given_up(&self) -> Stage {
        match self.told.clone() {
            Some(Stage::Picked(by)) => Stage::NotEnded(by),
            Some(Stage::Waiting(_)) => Stage::NotTaken,
            Some(end) => end,
            None => Stage::Unknown("it was not seen".into()),
        }
    }

    /// `None`: the node could not be asked; the connection is made again at the next look.
    async fn look(&mut self) -> Option<Stage> {
        let target = &self.plan.target;
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => match self.services.reader(&target.node, target.db, &self.plan.subject).await {
                Ok(reader) => reader,
                Err(why) => {
                    self.problem = Some(why);
                    return None;
                }
            },
        };
        let Some(family) = self.services.canaries.family(self.sent.family) else {
            return Some(Stage::Unknown("its family is not known".into()));
        };
        let canary = &self.sent.canary;
        match look(&mut reader, &mut self.scripts, family, canary, &mut self.taken).await {
            Ok(stage) => {
                self.reader = Some(reader);
                Some(stage)
            }
            Err(why) => {
                self.problem = Some(why);
                None
            }
        }
    }
}

/// One look. `Err`: the connection broke; a sentence.
async fn look(
    reader: &mut Reader,
    scripts: &mut Scripts,
    family: &dyn QueueFamily,
    canary: &Canary,
    taken: &mut Option<Instant>,
) -> Result<Stage, String> {
    // Its place first: what its library tells is then at least as new.
    let at = match &canary.place {
        Place::List { key, element, push } => {
            Some(place(reader, key, element, Some(*push)).await.ok_or("the connection broke")?)
        }
        Place::Sorted { key, member } => {
            let read = [Read::ZScore(key.clone(), member.clone())];
            let replies = scripts.read(reader, &read).await.map_err(|e| e.to_string())?;
            Some(match replies.first() {
                Some(Reply::Nil) => TaskPlace::Taken,
                Some(Reply::Error(_)) | None => {
                    return Ok(Stage::Unknown("its sorted set may not be read (ZSCORE)".into()));
                }
                Some(_) => TaskPlace::Waiting(None),
            })
        }
        Place::Stream => None,
    };
    let replies = scripts.read(reader, &canary.told).await.map_err(|e| e.to_string())?;
    // Of a stream the groups must be known; who of them has not acknowledged it is more.
    let needed = if canary.place == Place::Stream { replies.get(..1).unwrap_or_default() } else { &replies };
    if let Some(error) = needed.iter().find_map(Reply::as_error)
        && canary.tells != Tells::Perhaps
    {
        return Ok(Stage::Unknown(error.to_string()));
    }
    let told = family.canary_told(canary, &replies);
    match told {
        Told::Done(by) => return Ok(Stage::Done(by)),
        Told::Failed(by, why) => return Ok(Stage::Failed(by, why)),
        Told::Picked(by) => {
            *taken = None;
            return Ok(Stage::Picked(by));
        }
        Told::Gone | Told::Nothing => {}
    }
    Ok(match at {
        Some(TaskPlace::Waiting(before)) => Stage::Waiting(before),
        None => Stage::Waiting(None),
        Some(TaskPlace::Unknown) => Stage::Unknown("its list may not be searched (LPOS)".into()),
        Some(_) => {
            let since = taken.get_or_insert_with(Instant::now).elapsed();
            match (canary.tells, told) {
                (Tells::Taken, _) => Stage::Taken,
                (Tells::Perhaps, _) | (Tells::End, Told::Gone) if since >= GRACE => Stage::Taken,
                _ => Stage::Picked(None),
            }
        }
    })
}

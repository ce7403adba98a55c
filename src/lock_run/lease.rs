//! The lock itself on the server: acquire, renew, release, each guarded by our token.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::config::Endpoint;
use crate::domain::reply::ReplyError;
use crate::domain::{Bytes, Command, Reply};
use crate::redis_io::script::{eval, is_eval_refused, transaction};
use crate::redis_io::{CallError, ClientRole, WritePermit, Writer};

const RENEW: &str = include_str!("../../assets/scripts/lock_renew.lua");
const RELEASE: &str = include_str!("../../assets/scripts/lock_release.lua");

pub(super) enum Acquired {
    /// Ours at least until then.
    Until(Instant),
    /// Somebody else's.
    Held,
    /// No answer, or none that lasts; escaped.
    Unknown(String),
    /// Trying again would not help; escaped.
    Refused(String),
}

pub(super) enum Renewed {
    /// Ours at least until then.
    Until(Instant),
    /// Not ours any more; why.
    Lost(String),
    /// No answer; escaped.
    Unknown(String),
}

pub(super) enum Released {
    Done,
    /// It was not ours any more; why.
    NotOurs(String),
    /// No answer; escaped.
    Unknown(String),
}

/// A call without a usable answer.
enum Failure {
    Call(CallError),
    Reply(ReplyError),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Call(error) => error.to_string(),
            Self::Reply(error) => error.to_string(),
        }
    }
}

pub(super) struct Lease {
    endpoint: Endpoint,
    key: Bytes,
    token: String,
    ttl: Duration,
    timeout: Duration,
    permit: WritePermit,
    writer: Option<Writer>,
    scripts: bool,
    /// A SET of ours got no answer: the lock may be ours without our knowing.
    uncertain: bool,
}

impl Lease {
    pub(super) fn new(
        endpoint: Endpoint,
        key: Bytes,
        ttl: Duration,
        timeout: Duration,
        permit: WritePermit,
    ) -> Self {
        let token = Uuid::new_v4().to_string();
        Self { endpoint, key, token, ttl, timeout, permit, writer: None, scripts: true, uncertain: false }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What takes the lock.
    pub(super) fn set_command(&self) -> Command {
        Command::new("SET")
            .arg(self.key.clone())
            .arg(self.token.as_str())
            .arg("NX")
            .arg("PX")
            .arg(self.ttl.as_millis() as u64)
    }

    /// One try.
    pub(super) async fn acquire(&mut self) -> Acquired {
        if self.uncertain
            && let Renewed::Until(until) = self.renew_once().await
        {
            return Acquired::Until(until);
        }
        match self.set().await {
            Ok(Some(until)) => Acquired::Until(until),
            // A SET of ours whose answer was lost may be what holds it.
            Ok(None) if self.uncertain => match self.renew_once().await {
                Renewed::Until(until) => Acquired::Until(until),
                Renewed::Lost(_) => Acquired::Held,
                Renewed::Unknown(why) => Acquired::Unknown(why),
            },
            Ok(None) => Acquired::Held,
            Err(failure) => {
                let passing = match &failure {
                    Failure::Call(error) => !matches!(
                        error.reason,
                        crate::domain::node::Reason::Noauth
                            | crate::domain::node::Reason::Wrongpass
                            | crate::domain::node::Reason::Noperm
                            | crate::domain::node::Reason::Tls
                            | crate::domain::node::Reason::NotRedis
                            | crate::domain::node::Reason::ProtectedMode
                    ),
                    Failure::Reply(error) => {
                        matches!(
                            error.code.as_str(),
                            "LOADING" | "BUSY" | "OOM" | "CLUSTERDOWN" | "TRYAGAIN" | "MISCONF"
                        )
                    }
                };
                if passing { Acquired::Unknown(failure.text()) } else { Acquired::Refused(failure.text()) }
            }
        }
    }

    async fn set(&mut self) -> Result<Option<Instant>, Failure> {
        let command = self.set_command();
        self.connect().await?;
        let sent = Instant::now();
        match self.call(&command).await {
            Ok(Reply::Nil) => Ok(None),
            Ok(Reply::Error(error)) => Err(Failure::Reply(error)),
            Ok(_) => Ok(Some(self.valid_from(sent))),
            Err(error) => {
                self.uncertain = true;
                Err(error.into())
            }
        }
    }

    /// Compare-and-pexpire. The lease goes in and comes back, so that it can run beside other things.
    pub(super) async fn renew(mut self) -> (Self, Renewed) {
        let renewed = self.renew_once().await;
        (self, renewed)
    }

    async fn renew_once(&mut self) -> Renewed {
        let ttl = Bytes::from(self.ttl.as_millis() as u64);
        let renew = Command::new("PEXPIRE").arg(self.key.clone()).arg(ttl.clone());
        if let Err(error) = self.connect().await {
            return Renewed::Unknown(error.to_string());
        }
        let sent = Instant::now();
        match self.guarded(RENEW, &[self.token.as_str().into(), ttl], renew).await {
            Ok(Reply::Int(1)) => Renewed::Until(self.valid_from(sent)),
            Ok(reply) => Renewed::Lost(not_ours(&reply)),
            Err(failure) => Renewed::Unknown(failure.text()),
        }
    }

    /// Compare-and-delete.
    pub(super) async fn release(&mut self) -> Released {
        if let Err(error) = self.connect().await {
            return Released::Unknown(error.to_string());
        }
        let delete = Command::new("DEL").arg(self.key.clone());
        match self.guarded(RELEASE, &[self.token.as_str().into()], delete).await {
            Ok(Reply::Int(1)) => Released::Done,
            Ok(reply) => Released::NotOurs(not_ours(&reply)),
            Err(failure) => Released::Unknown(failure.text()),
        }
    }

    /// Gives up trying: a lock that may have become ours unseen is released, as far as the node answers.
    pub(super) async fn forget(&mut self) {
        if self.uncertain {
            self.release().await;
        }
    }

    /// Until when the lock is ours if it was set at the earliest when this was sent. Clocks may differ by a percent.
    fn valid_from(&self, sent: Instant) -> Instant {
        sent + self.ttl - self.ttl / 100
    }

    /// The script; where EVAL is denied the same by WATCH, GET, MULTI. Answers as the scripts do.
    async fn guarded(&mut self, script: &str, args: &[Bytes], step: Command) -> Result<Reply, Failure> {
        if self.scripts {
            let command = eval(script, &[&self.key.clone()], args);
            match self.call(&command).await? {
                Reply::Error(error) if is_eval_refused(&error) => self.scripts = false,
                Reply::Error(error) => return type_or_failure(error),
                reply => return Ok(reply),
            }
        }
        let watch = Command::new("WATCH").arg(self.key.clone());
        let get = Command::new("GET").arg(self.key.clone());
        if let Reply::Error(error) = self.call(&watch).await? {
            return Err(Failure::Reply(error));
        }
        match self.call(&get).await? {
            Reply::Error(error) => type_or_failure(error),
            Reply::Nil => Ok(Reply::Int(-1)),
            value if value.as_bytes().is_none_or(|v| v.as_slice() != self.token.as_bytes()) => {
                Ok(Reply::Int(0))
            }
            _ => {
                let Some(writer) = &mut self.writer else { return Ok(Reply::Int(-1)) };
                let result = transaction(writer, vec![step]).await;
                if result.is_err() {
                    self.writer = None;
                }
                match result? {
                    Ok(Some(replies)) => Ok(replies.into_iter().next().unwrap_or(Reply::Nil)),
                    // Touched in between: by whom shows the next look.
                    Ok(None) => Err(Failure::Reply(ReplyError {
                        code: "WATCH".into(),
                        message: "the key was touched in the same moment".into(),
                    })),
                    Err(error) => Err(Failure::Reply(error)),
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<(), CallError> {
        if self.writer.is_none() {
            self.writer =
                Some(Writer::open(&self.endpoint, ClientRole::Lock, self.timeout, self.permit).await?);
        }
        Ok(())
    }

    /// One call; a connection that failed is dropped.
    async fn call(&mut self, command: &Command) -> Result<Reply, CallError> {
        self.connect().await?;
        let Some(writer) = &mut self.writer else { return Ok(Reply::Nil) };
        let result = writer.call(command).await;
        if result.is_err() {
            self.writer = None;
        }
        result
    }
}

/// A key of another type is somebody else's.
fn type_or_failure(error: ReplyError) -> Result<Reply, Failure> {
    if error.to_string().contains("WRONGTYPE") { Ok(Reply::Int(0)) } else { Err(Failure::Reply(error)) }
}

fn not_ours(reply: &Reply) -> String {
    match reply {
        Reply::Int(-1) => "the key is gone: it expired or was released by force".into(),
        _ => "another token holds it".into(),
    }
}

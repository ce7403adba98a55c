//! Connect and handshake: RESP3 with a fall-back to RESP2, credentials, name, no-touch, database.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo};

use super::denials::Counter;
use super::dial::{Progress, Stage, dial};
use super::error::CallError;
use super::link::Link;
use super::no_touch;
use super::push::PushSink;
use crate::config::Endpoint;
use crate::domain::node::Reason;
use crate::domain::{Command, Reply};

/// What a connection is for; part of its CLIENT SETNAME, so that our own are not taken for workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientRole {
    /// Reads of a poller.
    Poll,
    /// Notices of changed keys, for a poller.
    Push,
    /// Actions.
    Act,
    /// The embedded worker.
    Worker,
    /// `lock run`.
    Lock,
    /// The demo's simulated clients and tests.
    Demo,
}

impl ClientRole {
    fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Push => "push",
            Self::Act => "act",
            Self::Worker => "worker",
            Self::Lock => "lock",
            Self::Demo => "demo",
        }
    }
}

/// `redwarden:<host>:<pid>:<role>`; CLIENT SETNAME takes no spaces or control characters.
pub fn client_name(role: ClientRole) -> String {
    format!("redwarden:{}:{}:{}", host_name(), std::process::id(), role.word())
}

/// Name of this machine, printable and without spaces.
pub fn host_name() -> String {
    let host = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host: String =
        host.unwrap_or_default().trim().chars().filter(char::is_ascii_graphic).take(64).collect();
    if host.is_empty() { "localhost".to_string() } else { host }
}

/// Connects within `timeout` (dialling, TLS and handshake together); each later call has the same deadline.
pub(super) async fn open(
    endpoint: &Endpoint,
    role: ClientRole,
    timeout: Duration,
) -> Result<Link, CallError> {
    let progress = Progress::default();
    within(timeout, endpoint, &progress, establish(endpoint, role, timeout, &progress)).await
}

/// [`open`] for a connection that takes notices: RESP3 or nothing, and no database, since notices name none.
pub(super) async fn open_push(
    endpoint: &Endpoint,
    timeout: Duration,
    sink: PushSink,
) -> Result<Link, CallError> {
    let progress = Progress::default();
    within(timeout, endpoint, &progress, establish_push(endpoint, timeout, &progress, sink)).await
}

/// Puts a deadline around connect and handshake, and says what a failure means.
async fn within(
    timeout: Duration,
    endpoint: &Endpoint,
    progress: &Progress,
    connecting: impl Future<Output = Result<Link, CallError>>,
) -> Result<Link, CallError> {
    let within = humantime::format_duration(timeout);
    let error = match tokio::time::timeout(timeout, connecting).await {
        Ok(Ok(link)) => return Ok(link),
        Ok(Err(error)) => error,
        Err(_elapsed) if progress.stage() == Stage::Tls => CallError::timeout(&format!(
            "no TLS handshake within {within}: frozen, or a port that does not speak TLS (then redis:// instead of rediss://)"
        )),
        Err(_elapsed) if progress.stage() == Stage::Open => {
            CallError::timeout(&format!("connected, but no answer within {within}"))
        }
        Err(_elapsed) => CallError::new(Reason::ConnectTimeout, format!("no connection within {within}")),
    };
    Err(progress.first_bytes.flooded().unwrap_or_else(|| explain(error, endpoint, progress)))
}

/// Says more about a broken handshake than the protocol layer can.
fn explain(error: CallError, endpoint: &Endpoint, progress: &Progress) -> CallError {
    if progress.stage() != Stage::Open
        || !matches!(error.reason, Reason::Reset | Reason::NotRedis | Reason::Other | Reason::Timeout)
    {
        return error;
    }
    match progress.first_bytes.explain() {
        Some(better) => better,
        None if endpoint.tls.is_none() && error.reason == Reason::Reset => {
            let detail = format!("{} (does the port speak TLS? then use rediss://)", error.detail);
            CallError { detail, ..error }
        }
        // With TLS 1.3 the server judges our certificate only now.
        None if error.reason == Reason::Reset => {
            let ours = endpoint.tls.as_ref().is_some_and(|tls| tls.cert_file.is_some());
            let asked = if ours {
                "is our certificate accepted there?"
            } else {
                "does it want a client certificate?"
            };
            CallError::new(Reason::Tls, format!("closed right after the TLS handshake: {asked}"))
        }
        None => error,
    }
}

/// A connection that can only read.
pub async fn connect(
    endpoint: &Endpoint,
    role: ClientRole,
    timeout: Duration,
) -> Result<super::Reader, CallError> {
    Ok(super::Reader::over(open(endpoint, role, timeout).await?))
}

async fn establish(
    endpoint: &Endpoint,
    role: ClientRole,
    timeout: Duration,
    progress: &Progress,
) -> Result<Link, CallError> {
    let stream = dial(endpoint, progress).await?;
    // RESP2 and no credentials here: the library then sends nothing by itself and we see each refusal.
    let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
    let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
        .await
        .map_err(|e| CallError::from_redis(&e))?;
    let denials = Counter::at(&endpoint.address);
    let mut link = Link::new(connection, timeout, tokio::spawn(driver), denials);
    handshake(&mut link, endpoint, role).await?;
    progress.first_bytes.handshake_is_over();
    Ok(link)
}

async fn establish_push(
    endpoint: &Endpoint,
    timeout: Duration,
    progress: &Progress,
    sink: PushSink,
) -> Result<Link, CallError> {
    let stream = dial(endpoint, progress).await?;
    // The library hands pushes on only where it made the handshake itself.
    let mut info =
        RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    if let Some(password) = &endpoint.password {
        info = info.set_username(endpoint.username.as_deref().unwrap_or("default"));
        info = info.set_password(password.expose());
    }
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None)
        .set_push_sender(super::push::Sender(sink));
    let (connection, driver) =
        MultiplexedConnection::new_with_config(&info, stream, config).await.map_err(|e| {
            let error = CallError::from_redis(&e);
            if matches!(error.reason, Reason::Noperm | Reason::Wrongpass) {
                Counter::at(&endpoint.address).add(1);
            }
            error
        })?;
    progress.first_bytes.handshake_is_over();
    Ok(Link::new(connection, timeout, tokio::spawn(driver), Counter::at(&endpoint.address)))
}

async fn handshake(link: &mut Link, endpoint: &Endpoint, role: ClientRole) -> Result<(), CallError> {
    let mut hello = Command::new("HELLO").arg("3");
    if let Some(password) = &endpoint.password {
        let user = endpoint.username.as_deref().unwrap_or("default");
        hello = hello.arg("AUTH").arg(user).arg(password.expose());
    }
    let greeting = link.call(&hello).await?;
    match &greeting {
        // Older servers and proxies, or an ACL without HELLO: RESP2 and AUTH do.
        Reply::Error(e) if e.is_unknown_command() || e.code == "NOPROTO" || e.is_denied() => {
            auth(link, endpoint).await?;
        }
        Reply::Error(e) => return Err(CallError::from_reply(e)),
        _ => {}
    }
    let mut extras = Vec::new();
    if endpoint.db != 0 {
        extras.push(Command::new("SELECT").arg(u64::from(endpoint.db)));
    }
    extras.push(Command::new("CLIENT SETNAME").arg(client_name(role)));
    if role == ClientRole::Poll && no_touch::is_safe(&greeting) {
        extras.push(Command::new("CLIENT NO-TOUCH").arg("ON"));
    }
    let replies = link.pipeline(&extras).await?;
    // Name and no-touch are a courtesy and may be refused; the wrong database may not.
    match replies.first() {
        Some(Reply::Error(e)) if endpoint.db != 0 => Err(CallError::from_reply(e)),
        _ => Ok(()),
    }
}

async fn auth(link: &mut Link, endpoint: &Endpoint) -> Result<(), CallError> {
    let Some(password) = &endpoint.password else { return Ok(()) };
    let mut command = Command::new("AUTH");
    if let Some(user) = &endpoint.username {
        command = command.arg(user.as_str());
    }
    match link.call(&command.arg(password.expose())).await? {
        Reply::Error(e) => Err(CallError::from_reply(&e)),
        _ => Ok(()),
    }
}

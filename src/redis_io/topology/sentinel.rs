//! What one Sentinel says of the primaries it watches.

use super::shards::is_host;
use super::{MAX_NODES, TopologyReader, field, port_field, text_field};
use crate::domain::bytes::escape_text;
use crate::domain::{Command, Reply};
use crate::redis_io::error::CallError;

/// Primaries looked at behind one Sentinel.
const MAX_PRIMARIES: usize = 100;

/// One Sentinel's word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SentinelWord {
    /// Its own id; `None` before 6.2.
    pub myself: Option<String>,
    /// The primaries it watches.
    pub primaries: Vec<ToldPrimary>,
    /// Commands that this user may not run.
    pub denied: Vec<&'static str>,
}

/// A primary as a Sentinel tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldPrimary {
    /// The name under which it is watched.
    pub name: String,
    /// Where it is.
    pub place: (String, u16),
    /// Its flags.
    pub flags: Vec<String>,
    /// Sentinels that must agree.
    pub quorum: Option<u64>,
    /// `config-epoch`.
    pub epoch: Option<u64>,
    /// Its replicas.
    pub replicas: Vec<ToldReplica>,
    /// The other Sentinels.
    pub sentinels: Vec<ToldSentinel>,
    /// `SENTINEL CKQUORUM`: `Ok` or its reason, escaped; `None`: not told.
    pub ckquorum: Option<Result<(), String>>,
}

/// A replica as a Sentinel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldReplica {
    /// Where it is.
    pub place: (String, u16),
    /// It answers the Sentinel.
    pub is_online: bool,
}

/// Another Sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldSentinel {
    /// Where it is.
    pub place: (String, u16),
    /// Its id.
    pub id: Option<String>,
}

impl TopologyReader {
    /// Asks this Sentinel for the primaries of these names; for all with none.
    pub async fn sentinel(&mut self, names: &[String]) -> Result<SentinelWord, CallError> {
        let asked = ["SENTINEL MASTERS", "SENTINEL MYID"].map(Command::new);
        let replies = self.link.pipeline(&asked).await?;
        let [masters, own] = &replies[..] else { return Ok(SentinelWord::default()) };
        if let Reply::Error(e) = masters {
            return Err(CallError::from_reply(e));
        }
        let mut word = SentinelWord {
            myself: own.as_bytes().and_then(|id| id.as_utf8().map(str::to_owned)),
            ..SentinelWord::default()
        };
        if own.is_denied() {
            word.denied.push("SENTINEL|MYID");
        }
        for entry in masters.as_array().unwrap_or_default().iter().take(MAX_PRIMARIES) {
            let Some(mut primary) = read_primary(entry) else { continue };
            if !names.is_empty() && !names.contains(&primary.name) {
                continue;
            }
            // REPLICAS came with 5.0; SLAVES is understood by all.
            let more = ["SENTINEL SLAVES", "SENTINEL SENTINELS", "SENTINEL CKQUORUM"]
                .map(|name| Command::new(name).arg(primary.name.as_str()));
            let replies = self.link.pipeline(&more).await?;
            let [replicas, sentinels, quorum] = &replies[..] else { continue };
            for (reply, name) in [
                (replicas, "SENTINEL|SLAVES"),
                (sentinels, "SENTINEL|SENTINELS"),
                (quorum, "SENTINEL|CKQUORUM"),
            ] {
                if reply.is_denied() && !word.denied.contains(&name) {
                    word.denied.push(name);
                }
            }
            primary.replicas = entries(replicas)
                .filter_map(|e| Some(ToldReplica { place: place(e)?, is_online: !is_away(e) }))
                .collect();
            primary.sentinels = entries(sentinels)
                .filter_map(|e| Some(ToldSentinel { place: place(e)?, id: text_field(e, "runid") }))
                .collect();
            primary.ckquorum = match quorum {
                Reply::Error(e) if e.code == "NOQUORUM" => Some(Err(e.message.clone())),
                Reply::Error(_) | Reply::Nil => None,
                _ => Some(Ok(())),
            };
            word.primaries.push(primary);
        }
        Ok(word)
    }
}

fn entries(reply: &Reply) -> impl Iterator<Item = &Reply> {
    reply.as_array().unwrap_or_default().iter().take(MAX_NODES)
}

fn place(entry: &Reply) -> Option<(String, u16)> {
    Some((text_field(entry, "ip").filter(|h| is_host(h))?, port_field(entry, "port")?))
}

fn flags(entry: &Reply) -> Vec<String> {
    let flags = text_field(entry, "flags").unwrap_or_default();
    flags.split(',').take(20).map(escape_text).collect()
}

fn is_away(entry: &Reply) -> bool {
    flags(entry).iter().any(|f| matches!(f.as_str(), "s_down" | "o_down" | "disconnected"))
}

fn read_primary(entry: &Reply) -> Option<ToldPrimary> {
    let number = |name| field(entry, name).and_then(Reply::as_int).and_then(|n| u64::try_from(n).ok());
    Some(ToldPrimary {
        name: text_field(entry, "name")?,
        place: place(entry)?,
        flags: flags(entry),
        quorum: number("quorum"),
        epoch: number("config-epoch"),
        ..ToldPrimary::default()
    })
}

//! Which node is meant: a key that exists, or could be made, on more than one must be told apart by the user.

use std::sync::Arc;

use super::release::refuse;
use super::{EXIT_NOT_DONE, Out};
use crate::act::audit::Audit;
use crate::act::route::address_of;
use crate::act::services::Services;
use crate::cli::Where;
use crate::config::endpoint::route;
use crate::config::{Config, Endpoint, NodeConfig};
use crate::domain::node::{NodeFacts, Role};
use crate::domain::reply::Redirect;
use crate::domain::{Bytes, NodeId, Reply};
use crate::family::{Dialect, Read};
use crate::poll::info;
use crate::redis_io::{ClientRole, Reader, WritePermit, connect};

/// A node that may be meant, with an open connection.
pub struct Candidate {
    /// Its name.
    pub node: NodeId,
    /// How to reach it, with the database that is meant.
    pub endpoint: Endpoint,
    /// A connection.
    pub reader: Reader,
    /// The key exists there.
    pub exists: bool,
    /// What INFO said, where it is permitted.
    pub facts: Option<NodeFacts>,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// The user must say which: exit code 2.
    Usage(String),
    /// The key is nowhere, or nobody answers: exit code 1.
    Nowhere(String),
}

/// Asks all nodes that `place` allows. Replicas are no place for an action; a second address of the same server
/// counts once. `problems` gets a sentence for each node that could not be asked.
pub async fn candidates(
    config: &Config,
    nodes: &[NodeConfig],
    place: &Where,
    key: &Bytes,
    problems: &mut Vec<String>,
) -> Result<Vec<Candidate>, PlaceError> {
    let wanted: Vec<&NodeConfig> =
        nodes.iter().filter(|n| place.node.as_deref().is_none_or(|name| answers_to(n, name))).collect();
    if wanted.is_empty() {
        let known: Vec<&str> = nodes.iter().map(|n| n.meta.id.as_str()).collect();
        let name = place.node.as_deref().unwrap_or_default();
        let name = crate::domain::bytes::escape_text(name);
        return Err(PlaceError::Usage(format!(
            "--node {name}: no such node; there are {}",
            known.join(", ")
        )));
    }
    let asked = wanted.into_iter().map(|node| ask(config, nodes, node, place.db, key));
    let mut found: Vec<Candidate> = Vec::new();
    for answer in futures_util::future::join_all(asked).await {
        match answer {
            Ok(Some(candidate)) => {
                let run_id = candidate.facts.as_ref().and_then(|f| f.run_id.as_ref());
                let known = found.iter().any(|c| {
                    run_id.is_some()
                        && c.facts.as_ref().and_then(|f| f.run_id.as_ref()) == run_id
                        && c.endpoint.db == candidate.endpoint.db
                });
                if !known {
                    found.push(candidate);
                }
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    Ok(found)
}

/// A node is called by its name or by its address.
fn answers_to(node: &NodeConfig, name: &str) -> bool {
    node.meta.id.as_str() == name || node.meta.address == name
}

/// Asks one node of `nodes`. `None`: it is no place for an action on that key.
async fn ask(
    config: &Config,
    nodes: &[NodeConfig],
    node: &NodeConfig,
    db: Option<u32>,
    key: &Bytes,
) -> Result<Option<Candidate>, String> {
    let endpoint = Endpoint { db: db.unwrap_or(node.endpoint.db), ..node.endpoint.clone() };
    let name = &node.meta.id;
    let named = |e: crate::redis_io::CallError| format!("{name}: {e}");
    let mut reader = connect(&endpoint, ClientRole::Act, config.timeout).await.map_err(named)?;
    let [info, _time] = reader.info_and_time().await.map_err(named)?;
    let facts = match &info {
        Reply::Error(_) => None,
        other => other.as_bytes().map(|text| info::parse(&text, endpoint.db)),
    };
    if matches!(facts.as_ref().and_then(|f| f.role), Some(Role::Replica | Role::Sentinel)) {
        return Ok(None);
    }
    let types = reader.read(&[Read::Type(key.clone())], Dialect::default()).await.map_err(named)?;
    let exists = match types.first() {
        Some(Reply::Status(kind)) => kind != "none",
        Some(Reply::Error(e)) => match e.redirect() {
            Some(redirect) => return sent_on(config, nodes, name, &endpoint, &redirect, key).await,
            None => return Err(format!("{name}: {e}")),
        },
        _ => false,
    };
    Ok(Some(Candidate { node: name.clone(), endpoint, reader, exists, facts }))
}

/// The node of a cluster that has the key. One that the key was moved to answers for itself; one that it is on its way
/// to does so only when asked like this.
async fn sent_on(
    config: &Config,
    nodes: &[NodeConfig],
    name: &NodeId,
    asked: &Endpoint,
    redirect: &Redirect,
    key: &Bytes,
) -> Result<Option<Candidate>, String> {
    let address = address_of(asked, redirect);
    let Some(node) = route(nodes, &address).and_then(|id| nodes.iter().find(|n| n.meta.id == id)) else {
        let there = crate::domain::bytes::escape_text(&address.to_string());
        return Err(format!(
            "{name}: {key} is on {there} of its cluster, which is not watched: --cluster finds all nodes"
        ));
    };
    if !redirect.asking {
        return Ok(None);
    }
    let named = |e: crate::redis_io::CallError| format!("{}: {e}", node.meta.id);
    let mut reader = connect(&node.endpoint, ClientRole::Act, config.timeout).await.map_err(named)?;
    reader.ask();
    let types = reader.read(&[Read::Type(key.clone())], Dialect::default()).await.map_err(named)?;
    match types.first() {
        Some(Reply::Status(kind)) => Ok(Some(Candidate {
            node: node.meta.id.clone(),
            endpoint: node.endpoint.clone(),
            reader,
            exists: kind != "none",
            facts: None,
        })),
        Some(Reply::Error(e)) => Err(format!("{}: {e}", node.meta.id)),
        _ => Ok(None),
    }
}

/// What actions need, for these nodes.
pub fn services(config: &Config, nodes: &[NodeConfig]) -> Services {
    let nodes = nodes.to_vec();
    let known = nodes.clone();
    Services {
        directory: Arc::new(move |id| nodes.iter().find(|n| n.meta.id == *id).map(|n| n.endpoint.clone())),
        routes: Arc::new(move |address| route(&known, address)),
        permit: WritePermit::from_config(config),
        families: crate::family::registry::LockFamilies::new(config),
        audit: Audit::in_dir(&config.state_dir),
        timeout: config.timeout,
    }
}

/// Says which nodes there are to choose from. `all_nodes`: the command knows that flag.
pub fn ambiguous(key: &Bytes, candidates: &[Candidate], all_nodes: bool) -> PlaceError {
    let names: Vec<String> =
        candidates.iter().map(|c| format!("  {} (db {})", c.node, c.endpoint.db)).collect();
    let what = if candidates.iter().any(|c| c.exists) { "exists" } else { "could be made" };
    let choice = if all_nodes { "--node NAME, or --all-nodes" } else { "--node NAME" };
    PlaceError::Usage(format!(
        "{key} {what} on {} nodes: say which one with {choice}\n{}",
        candidates.len(),
        names.join("\n")
    ))
}

/// Says that a node which could not be asked may be the one meant.
pub fn uncertain(key: &Bytes) -> PlaceError {
    PlaceError::Usage(format!(
        "{key}: a node that could not be asked may be the one that is meant: say which one with --node NAME"
    ))
}

/// The one node that is meant: the only one, the named one, or the only one where the key exists.
pub(super) async fn one_node(
    config: &Config,
    nodes: &[NodeConfig],
    node: Option<String>,
    key: &Bytes,
    out: &mut Out<'_>,
) -> Result<(NodeId, Endpoint), u8> {
    let place = Where { node, all_nodes: false, db: None };
    let mut problems = Vec::new();
    let mut found =
        candidates(config, nodes, &place, key, &mut problems).await.map_err(|error| refuse(&error, out))?;
    for problem in &problems {
        out.say(problem);
    }
    if found.iter().filter(|c| c.exists).count() == 1 {
        found.retain(|c| c.exists);
    }
    if found.len() > 1 {
        return Err(refuse(&ambiguous(key, &found, false), out));
    }
    if !problems.is_empty() && place.node.is_none() && found.iter().any(|c| !c.exists) {
        return Err(refuse(&uncertain(key), out));
    }
    if let Some(candidate) = found.pop() {
        Ok((candidate.node, candidate.endpoint))
    } else {
        out.say(format!("{key}: no primary answered"));
        Err(EXIT_NOT_DONE)
    }
}

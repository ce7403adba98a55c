//! Completes nodes: TLS, user and password, and what must be said of them.

use std::collections::BTreeMap;

use crate::cli::GlobalArgs;
use crate::config::group::SentinelDraft;
use crate::config::layer::FleetDraft;
use crate::config::node::{NodeDraft, PasswordSource, TLS_REMEDY, default_name};
use crate::config::password::{Passwords, from_file};
use crate::config::problem::{Problems, Sited};
use crate::config::{Cluster, Endpoint, Environment, NodeConfig, Secret, Sentinel, Source, Tls, Topology};
use crate::domain::bytes::escape_text;

/// Lays the TLS flags over each node; a node without TLS is a mistake.
pub(super) fn apply_tls_flags(fleet: &mut FleetDraft, args: &GlobalArgs, problems: &mut Problems) {
    let given = [
        ("--cacert", args.ca_file.is_some()),
        ("--cert", args.cert_file.is_some()),
        ("--key", args.key_file.is_some()),
        ("--sni", args.server_name.is_some()),
        ("--insecure", args.insecure),
    ];
    let Some((first, _)) = given.into_iter().find(|(_, given)| *given) else { return };
    for node in fleet.places_mut() {
        let Some(tls) = &mut node.endpoint.tls else {
            let what = format!("the node {} does not speak TLS", node.name);
            problems.add(&Source::Flag(first), what, TLS_REMEDY);
            continue;
        };
        *tls = Tls {
            ca_file: args.ca_file.clone().or(tls.ca_file.take()),
            cert_file: args.cert_file.clone().or(tls.cert_file.take()),
            key_file: args.key_file.clone().or(tls.key_file.take()),
            server_name: args.server_name.clone().or(tls.server_name.take()),
            insecure: args.insecure || tls.insecure,
        };
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            let what = "a client certificate needs its key and the other way round";
            problems.add(&Source::Flag(first), what, "Give both --cert and --key.");
        }
    }
}

/// Completes nodes: user, password, and what must be said of them.
pub(super) struct Resolver<'a> {
    pub(super) args: &'a GlobalArgs,
    pub(super) env: &'a Environment,
    pub(super) passwords: Passwords<'a>,
    pub(super) sources: &'a mut BTreeMap<String, Source>,
    pub(super) warnings: &'a mut Vec<String>,
    pub(super) problems: &'a mut Problems,
}

impl Resolver<'_> {
    /// The nodes, clusters and Sentinels of the draft.
    pub(super) fn resolve(&mut self, fleet: FleetDraft) -> (Vec<NodeConfig>, Topology) {
        let nodes = fleet.nodes.into_iter().map(|draft| {
            let meta = draft.meta();
            NodeConfig { meta, endpoint: self.node(draft, "nodes", true) }
        });
        let nodes = nodes.collect();
        let clusters = fleet.clusters.into_iter().map(|draft| Cluster {
            name: draft.name.map(|n| n.value).unwrap_or_default(),
            seeds: draft.seeds.into_iter().map(|seed| self.node(seed, "cluster", true)).collect(),
            addresses: draft.addresses,
            masters: draft.masters,
        });
        let mut clusters: Vec<Cluster> = clusters.collect();
        let mut unnamed = 0;
        for cluster in clusters.iter_mut().filter(|c| c.name.is_empty()) {
            unnamed += 1;
            cluster.name = if unnamed == 1 { "cluster".into() } else { format!("cluster {unnamed}") };
        }
        let sentinels = fleet.sentinels.into_iter().map(|draft| self.sentinel(draft)).collect();
        (nodes, Topology { clusters, sentinels })
    }

    fn sentinel(&mut self, draft: SentinelDraft) -> Sentinel {
        // A Sentinel has credentials of its own or none: ours are for the nodes it tells.
        let seeds: Vec<Endpoint> =
            draft.seeds.into_iter().map(|seed| self.node(seed, "sentinel", false)).collect();
        let as_seed = seeds.first().and_then(|seed| seed.tls.clone());
        let tls = match draft.node_tls {
            Some(true) => Some(as_seed.or(draft.tls).unwrap_or_default()),
            Some(false) => None,
            None => as_seed,
        };
        let whose = "the nodes of the Sentinels";
        let key = format!("sentinel.{}.nodes", seeds.first().map(default_name).unwrap_or_default());
        if let Some(tls) = &tls {
            let source = Source::Follows("sentinel.node_tls");
            self.check_tls(whose, &Endpoint { tls: Some(tls.clone()), ..Endpoint::tcp("", 0) }, &source);
        }
        let password = match draft.password {
            Some(from) if self.args.password_file.is_none() => self.fetch(whose, &from),
            _ => self.general_password(whose),
        };
        if let Some(password) = &password {
            self.sources.insert(format!("{key}.password"), password.source.clone());
        }
        let username = match &self.args.user {
            Some(user) => Some(Sited::new(user.clone(), Source::Flag("--user"))),
            None => draft.username,
        };
        if let Some(user) = &username {
            self.sources.insert(format!("{key}.username"), user.source.clone());
        }
        Sentinel {
            name: draft.name.map(|n| n.value),
            seeds,
            master_names: draft.master_names,
            username: username.map(|u| u.value),
            password: password.map(|p| p.value),
            tls,
            addresses: draft.addresses,
        }
    }

    fn node(&mut self, draft: NodeDraft, list: &str, takes_ours: bool) -> Endpoint {
        let NodeDraft { name, mut endpoint, password, source, .. } = draft;
        let key = format!("{list}.{name}");
        self.sources.insert(key.clone(), source.clone());
        self.check_tls(&name, &endpoint, &source);
        let by_flag = matches!(source, Source::Flag(_));
        if by_flag && endpoint.password.is_some() {
            self.warnings.push(format!(
                "The password in the URL of {name} can be read in the process list: use REDISCLI_AUTH, \
                 --password-file or the configuration file."
            ));
        }
        if takes_ours && !(by_flag && endpoint.username.is_some()) && self.args.user.is_some() {
            endpoint.username.clone_from(&self.args.user);
            self.sources.insert(format!("{key}.username"), Source::Flag("--user"));
        }
        let flag_file = self.args.password_file.is_some() && takes_ours;
        let found = if flag_file && !(by_flag && endpoint.password.is_some()) {
            self.general_password(&name)
        } else if let Some(password) = endpoint.password.take() {
            Some(Sited::new(password, source.clone()))
        } else if let Some(from) = password {
            self.fetch(&name, &from)
        } else if takes_ours {
            self.general_password(&name)
        } else {
            None
        };
        if let Some(found) = found {
            self.sources.insert(format!("{key}.password"), found.source);
            endpoint.password = Some(found.value);
        } else if let Some(user) = &endpoint.username {
            self.warnings.push(format!(
                "The node {name} has a user ({}) and no password: it is used without logging in.",
                escape_text(user)
            ));
        }
        endpoint
    }

    fn fetch(&mut self, name: &str, from: &Sited<PasswordSource>) -> Option<Sited<Secret>> {
        // Nobody waits for a command whose result is of no use.
        if matches!(from.value, PasswordSource::Command(_)) && !self.problems.is_empty() {
            return None;
        }
        let result = self.passwords.fetch(name, &from.value);
        self.problems.check(&from.source, result)
    }

    /// `--password-file`, else the environment: for nodes without a password of their own.
    fn general_password(&mut self, name: &str) -> Option<Sited<Secret>> {
        if let Some(path) = &self.args.password_file {
            return self.problems.check(&Source::Flag("--password-file"), from_file(name, path));
        }
        ["REDWARDEN_PASSWORD", "REDISCLI_AUTH"].into_iter().find_map(|variable| {
            self.env.text(variable).map(|p| Sited::new(Secret::new(p), Source::Variable(variable)))
        })
    }

    fn check_tls(&mut self, name: &str, endpoint: &Endpoint, source: &Source) {
        let Some(tls) = &endpoint.tls else { return };
        if tls.insecure {
            self.warnings.push(format!(
                "INSECURE: the certificate of {name} is not verified; whoever is on the path can read the password \
                 and forge answers."
            ));
        }
        for path in [&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten() {
            if let Err(e) = std::fs::File::open(path) {
                let path = escape_text(&path.to_string_lossy());
                let what = format!("the TLS file {path} of the node {name} cannot be read ({e})");
                self.problems.add(source, what, "Check its path and permissions.");
            }
        }
    }
}

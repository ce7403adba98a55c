//! Clusters and Sentinels as they are written down.

use std::path::PathBuf;

use super::document::{Section, not_empty};
use super::node::{
    NodeDraft, PASSWORD_HINT, PasswordSource, TLS_REMEDY, name, read_password, read_tls, report_duplicates,
};
use super::problem::{Problems, Sited, Source};
use super::topology::AddressMap;
use super::{Secret, Tls};
use crate::domain::bytes::escape_text;

/// A cluster as written down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClusterDraft {
    pub(super) name: Option<Sited<String>>,
    pub(super) seeds: Vec<NodeDraft>,
    pub(super) addresses: AddressMap,
    pub(super) masters: Option<u32>,
}

/// Sentinels as written down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SentinelDraft {
    pub(super) name: Option<Sited<String>>,
    pub(super) seeds: Vec<NodeDraft>,
    pub(super) master_names: Vec<String>,
    /// User of the nodes they tell.
    pub(super) username: Option<Sited<String>>,
    /// Password of the nodes they tell.
    pub(super) password: Option<Sited<PasswordSource>>,
    /// Whether the nodes they tell speak TLS, if that differs from the Sentinels, and how.
    pub(super) node_tls: Option<bool>,
    pub(super) tls: Option<Tls>,
    pub(super) addresses: AddressMap,
}

impl ClusterDraft {
    /// From URLs alone.
    pub(super) fn from_seeds(seeds: Vec<NodeDraft>) -> Option<Self> {
        (!seeds.is_empty()).then(|| Self {
            name: None,
            seeds,
            addresses: AddressMap::default(),
            masters: None,
        })
    }

    /// From a table of the file.
    pub(super) fn from_section(mut section: Section<'_>, problems: &mut Problems) -> Option<Self> {
        let head = Head::read(&mut section, 6379, problems);
        let username = section.text("username", problems);
        let password = read_password(
            &mut section,
            ["password_env", "password_file", "password_command"],
            "cluster",
            problems,
        );
        let masters = section.integer("masters", problems, (1, 1000)).map(|s| s.value as u32);
        section.finish(problems, &HINTS);
        let Head { name, mut seeds, tls, addresses } = head?;
        for seed in &mut seeds {
            complete(seed, username.as_ref(), password.as_ref(), tls.as_ref(), problems);
        }
        Some(Self { name, seeds, addresses, masters })
    }
}

impl SentinelDraft {
    /// From URLs alone.
    pub(super) fn from_seeds(seeds: Vec<NodeDraft>, master_names: Vec<String>) -> Option<Self> {
        (!seeds.is_empty()).then(|| Self {
            name: None,
            seeds,
            master_names,
            username: None,
            password: None,
            node_tls: None,
            tls: None,
            addresses: AddressMap::default(),
        })
    }

    /// From a table of the file.
    pub(super) fn from_section(mut section: Section<'_>, problems: &mut Problems) -> Option<Self> {
        let head = Head::read(&mut section, 26379, problems);
        let master_names = section.strings_or_one("master_name", problems);
        let username = section.text("username", problems);
        let password = read_password(
            &mut section,
            ["password_env", "password_file", "password_command"],
            "group",
            problems,
        );
        let own_user = section.text("sentinel_username", problems);
        let own_password = read_password(
            &mut section,
            ["sentinel_password_env", "sentinel_password_file", "sentinel_password_command"],
            "Sentinel",
            problems,
        );
        let node_tls = section.flag("node_tls", problems).map(|s| s.value);
        section.finish(problems, &HINTS);
        let Head { name, mut seeds, tls, addresses } = head?;
        for seed in &mut seeds {
            let tls = tls.as_ref().filter(|_| seed.endpoint.tls.is_some() || node_tls != Some(true));
            complete(seed, own_user.as_ref(), own_password.as_ref(), tls, problems);
        }
        let names = master_names.into_iter().flatten();
        let names = names.filter_map(|n| problems.check(&n.source, not_empty(&n.value)));
        Some(Self {
            name,
            seeds,
            master_names: names.map(|n| n.value).collect(),
            username,
            password,
            node_tls,
            tls: tls.map(|t| t.value),
            addresses,
        })
    }
}

const HINTS: [(&str, &str); 4] = [
    ("url", "Write urls = [\"redis://HOST:PORT\"]."),
    ("password", PASSWORD_HINT),
    ("user", "It is called `username`."),
    ("master_names", "It is called `master_name`: one name or a list."),
];

/// What clusters and Sentinels share.
struct Head {
    name: Option<Sited<String>>,
    seeds: Vec<NodeDraft>,
    tls: Option<Sited<Tls>>,
    addresses: AddressMap,
}

impl Head {
    fn read(section: &mut Section<'_>, port: u16, problems: &mut Problems) -> Option<Self> {
        let source = section.source.clone();
        let name = section.string("name", problems, name);
        let has_urls = section.has("urls");
        let urls = section.strings("urls", problems).map(|s| s.value).unwrap_or_default();
        let written = urls.len();
        let seeds: Vec<NodeDraft> = urls
            .into_iter()
            .flat_map(|u| NodeDraft::from_urls([Secret::new(u.value)].iter(), port, &u.source, problems))
            .collect();
        report_duplicates(&seeds, problems);
        let tls = section.section("tls", problems).map(|tls| read_tls(tls, problems));
        let addresses = read_map(section, problems);
        if (!has_urls && !section.has("url")) || (has_urls && written == 0) {
            let remedy = format!("Add urls = [\"redis://HOST:{port}\"].");
            problems.add(&source, "there is no url to ask", remedy);
        }
        (!seeds.is_empty()).then_some(Self { name, seeds, tls, addresses })
    }
}

fn read_map(section: &mut Section<'_>, problems: &mut Problems) -> AddressMap {
    let mut map = AddressMap::default();
    for (from, to) in section.string_map("address_map", problems) {
        if let Some(more) = map.clone().with(&from.value, &to.value) {
            map = more;
        } else {
            let what = format!(
                "\"{}\" = \"{}\" maps no addresses",
                escape_text(&from.value),
                escape_text(&to.value)
            );
            problems.add(
                &to.source,
                what,
                "Write \"10.0.0.5:6379\" = \"127.0.0.1:7001\", or both without a port.",
            );
        }
    }
    map
}

/// A seed takes what its block says, unless its URL says it.
fn complete(
    seed: &mut NodeDraft,
    username: Option<&Sited<String>>,
    password: Option<&Sited<PasswordSource>>,
    tls: Option<&Sited<Tls>>,
    problems: &mut Problems,
) {
    if seed.endpoint.username.is_none() {
        seed.endpoint.username = username.map(|u| u.value.clone());
    }
    if seed.endpoint.password.is_none() {
        seed.password = password.cloned();
    }
    let Some(Sited { value, source }) = tls else { return };
    match &mut seed.endpoint.tls {
        Some(own) => *own = Tls { insecure: own.insecure || value.insecure, ..value.clone() },
        None => problems.add(source, format!("{} does not speak TLS", seed.name), TLS_REMEDY),
    }
}

/// Reports two groups of one name.
pub(super) fn report_names<'d>(
    names: impl Iterator<Item = &'d Option<Sited<String>>>,
    problems: &mut Problems,
) {
    let mut seen: Vec<&Sited<String>> = Vec::new();
    for name in names.flatten() {
        if let Some(first) = seen.iter().find(|s| s.value == name.value) {
            let at = match &first.source {
                Source::File { line, .. } => format!("on line {line}"),
                other => format!("({other})"),
            };
            let what = format!("the name {} is already taken by the group {at}", name.value);
            problems.add(&name.source, what, "Give each group a name of its own.");
        }
        seen.push(name);
    }
}

/// Paths in the draft that may be relative to the file.
pub(super) fn paths_of(tls: &mut Tls) -> impl Iterator<Item = &mut PathBuf> {
    [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten()
}

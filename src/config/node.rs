//! Nodes as they are written down: name, URL, credentials still to be fetched, TLS.

use std::path::PathBuf;

use super::document::Section;
use super::problem::{Complaint, Problems, Sited, Source};
use super::{Endpoint, Secret, Tls, url};
use crate::domain::bytes::escape_text;
use crate::domain::node::NodeId;
use crate::domain::{GroupId, NodeMeta};

/// Where a password is to be fetched from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PasswordSource {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// The output of `sh -c`.
    Command(String),
}

/// A node that is written down correctly; its password may still have to be fetched.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodeDraft {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    pub(super) password: Option<Sited<PasswordSource>>,
    /// Name of its group.
    pub(super) group: Option<String>,
    pub(super) source: Source,
}

/// What people write for a password.
pub(super) const PASSWORD_HINT: &str =
    "Passwords are not written here: use password_env, password_file or password_command.";

impl NodeDraft {
    /// Nodes from URLs alone. Of several URLs a wrong one is told by its number: it cannot be shown.
    pub(super) fn from_urls<'u>(
        urls: impl ExactSizeIterator<Item = &'u Secret>,
        default_port: u16,
        source: &Source,
        problems: &mut Problems,
    ) -> Vec<Self> {
        let count = urls.len();
        let parsed = urls.enumerate().filter_map(|(i, text)| {
            let result = url::parse(text.expose(), default_port).map_err(|(what, remedy)| match count {
                1 => (what, remedy),
                _ => (format!("URL {} of {count}: {what}", i + 1), remedy),
            });
            let Sited { value: endpoint, source } = problems.check(source, result)?;
            Some(Self { name: default_name(&endpoint), endpoint, password: None, group: None, source })
        });
        parsed.collect()
    }

    /// A node from a table of the file.
    pub(super) fn from_section(mut section: Section<'_>, problems: &mut Problems) -> Option<Self> {
        let name = section.string("name", problems, name);
        let endpoint = section.string("url", problems, |text| url::parse(text, 6379));
        let username = section.text("username", problems);
        let group = section.string("group", problems, self::name).map(|s| s.value);
        let password = read_password(
            &mut section,
            ["password_env", "password_file", "password_command"],
            "node",
            problems,
        );
        let has_url_key = section.has("url");
        let tls = section.section("tls", problems).map(|tls| read_tls(tls, problems));
        let source = section.source.clone();
        section.finish(
            problems,
            &[
                ("password", PASSWORD_HINT),
                ("user", "It is called `username`."),
                ("host", "Write host and port into `url`: redis://HOST:PORT."),
                ("port", "Write host and port into `url`: redis://HOST:PORT."),
                ("db", "Write the database into `url`: redis://HOST:PORT/DB."),
            ],
        );
        if !has_url_key {
            problems.add(&source, "this node has no url", "Add url = \"redis://HOST:PORT\".");
        }
        let Sited { value: mut endpoint, source: url_source } = endpoint?;
        if let (Some(first), Some(_)) = (&password, &endpoint.password) {
            let what = "the password of this node is given twice, the other one is in its url";
            problems.add(&first.source, what, "Take it out of the url.");
        }
        if let Some(username) = username {
            if endpoint.username.as_ref().is_some_and(|u| *u != username.value) {
                let what = "the user of this node is given twice, the other one is in its url";
                problems.add(&username.source, what, "Take it out of the url.");
            }
            endpoint.username = Some(username.value);
        }
        if let Some(Sited { value: settings, source }) = tls {
            match &mut endpoint.tls {
                Some(tls) => *tls = Tls { insecure: tls.insecure || settings.insecure, ..settings },
                None => problems.add(&source, "TLS is configured for a node without TLS", TLS_REMEDY),
            }
        }
        let name = name.map_or_else(|| default_name(&endpoint), |n| n.value);
        Some(Self { name, endpoint, password, group, source: url_source })
    }

    /// For the domain.
    pub(super) fn meta(&self) -> NodeMeta {
        NodeMeta {
            id: NodeId::new(&self.name),
            address: escape_text(&self.endpoint.address.to_string()),
            db: self.endpoint.db,
            group: self.group.as_deref().map(GroupId::new),
        }
    }
}

/// What to do where TLS settings meet a plain URL.
pub(super) const TLS_REMEDY: &str = "Write rediss:// in its URL to speak TLS, or leave the TLS settings out.";

pub(super) fn read_tls(mut section: Section<'_>, problems: &mut Problems) -> Sited<Tls> {
    let mut path = |section: &mut Section<'_>, key| {
        section.text(key, problems).map(|s| Sited::new(PathBuf::from(s.value), s.source))
    };
    let ca_file = path(&mut section, "ca_file");
    let cert_file = path(&mut section, "cert_file");
    let key_file = path(&mut section, "key_file");
    let server_name = section.text("server_name", problems);
    let insecure = section.flag("insecure", problems).is_some_and(|s| s.value);
    let source = section.source.clone();
    section.finish(
        problems,
        &[
            ("cacert", "It is called `ca_file`."),
            ("cert", "It is called `cert_file`."),
            ("key", "It is called `key_file`."),
            ("sni", "It is called `server_name`."),
        ],
    );
    if cert_file.is_some() != key_file.is_some() {
        let what = "a client certificate needs its key and the other way round";
        problems.add(&source, what, "Give both cert_file and key_file.");
    }
    let tls = Tls {
        ca_file: ca_file.map(|s| s.value),
        cert_file: cert_file.map(|s| s.value),
        key_file: key_file.map(|s| s.value),
        server_name: server_name.map(|s| s.value),
        insecure,
    };
    Sited::new(tls, source)
}

/// `host:port`, with `/db` when it is not 0; safe to show.
pub(super) fn default_name(endpoint: &Endpoint) -> String {
    let address = escape_text(&endpoint.address.to_string());
    if endpoint.db == 0 { address } else { format!("{address}/{}", endpoint.db) }
}

/// Where a password comes from; it may be said once. `whose` is told in the problem.
pub(super) fn read_password(
    section: &mut Section<'_>,
    [variable, file, command]: [&'static str; 3],
    whose: &str,
    problems: &mut Problems,
) -> Option<Sited<PasswordSource>> {
    let from_variable = section.string(variable, problems, variable_name);
    let from_file = section.text(file, problems);
    let from_command = section.text(command, problems);
    let mut sources = [
        from_variable.map(|s| Sited::new(PasswordSource::Variable(s.value), s.source)),
        from_file.map(|s| Sited::new(PasswordSource::File(PathBuf::from(s.value)), s.source)),
        from_command.map(|s| Sited::new(PasswordSource::Command(s.value), s.source)),
    ]
    .into_iter()
    .flatten();
    let first = sources.next();
    if let Some(second) = sources.next() {
        let what = format!("the password of this {whose} is given twice");
        problems.add(&second.source, what, format!("Keep one of {variable}, {file} and {command}."));
    }
    first
}

pub(super) fn name(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() || text != text.trim() || escape_text(text) != text {
        let what = format!("\"{}\" cannot be a name", escape_text(text));
        return Err((what, "Take printable characters without blanks at the ends.".into()));
    }
    Ok(text.to_string())
}

fn variable_name(text: &str) -> Result<String, Complaint> {
    if text.is_empty() || text.contains(['=', '\0']) || text.chars().any(char::is_whitespace) {
        // The text is not repeated: it may be the password itself, written in the wrong place.
        let what = "this is not the name of an environment variable";
        return Err((what.into(), "Write the variable's name, not the password.".into()));
    }
    Ok(text.to_string())
}

/// Reports nodes of one fleet with the same name, or with the same address and database.
pub(super) fn report_duplicates(nodes: &[NodeDraft], problems: &mut Problems) {
    for (i, node) in nodes.iter().enumerate() {
        let first_with = |same: &dyn Fn(&NodeDraft) -> bool| nodes[..i].iter().find(|n| same(n));
        let same_place = |other: &NodeDraft| {
            let address = |n: &NodeDraft| n.endpoint.address.to_string().to_ascii_lowercase();
            address(other) == address(node) && other.endpoint.db == node.endpoint.db
        };
        if let Some(first) = first_with(&same_place) {
            let what = format!("{} is the same server and database as {}", node.name, described(first));
            problems.add(&node.source, what, "Name each node once.");
        } else if let Some(first) = first_with(&|other| other.name == node.name) {
            let what = format!("the name {} is already taken by {}", node.name, described(first));
            problems.add(&node.source, what, "Give each node a name of its own.");
        }
    }
}

fn described(node: &NodeDraft) -> String {
    match &node.source {
        Source::File { line, .. } => format!("the node {} on line {line}", node.name),
        other => format!("the node {} ({other})", node.name),
    }
}

//! The global flags: valid before, between and after commands, and merged over all these places.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::error::ErrorKind;

use super::{Usage, scan};
use crate::config::{Secret, Theme};

/// Flags of every command. One value of this is parsed at each level of the command line and then merged:
/// clap's own `global = true` would silently drop what stands before the command.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Nodes to watch; secrets, because a URL may hold a password.
    #[arg(
        short = 'u',
        long = "url",
        value_name = "URL",
        help = "Node to watch: redis://[user[:password]@]host[:port][/db], rediss:// or redis+unix:///path; repeatable"
    )]
    pub urls: Vec<Secret>,
    /// Configuration file [default: $REDWARDEN_CONFIG, else $XDG_CONFIG_HOME/redwarden/config.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use the fleet and settings of [profiles.NAME].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// No write leaves the process.
    #[arg(long)]
    pub read_only: bool,
    /// Allow writes on a production or read-only profile.
    #[arg(long)]
    pub write: bool,
    /// Keys that are locks, as a Redis glob; repeatable, replaces the configured patterns.
    #[arg(long = "lock-pattern", value_name = "GLOB")]
    pub lock_patterns: Vec<String>,
    /// Keys that are queues, as a Redis glob; repeatable, replaces the configured patterns.
    #[arg(long = "queue-pattern", value_name = "GLOB")]
    pub queue_patterns: Vec<String>,
    /// Time between two looks at a node, such as 1s.
    #[arg(long, value_name = "DURATION")]
    pub interval: Option<String>,
    /// Deadline of a connect and of each call, such as 500ms.
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// A seed of a Redis Cluster whose nodes are to be found; repeatable.
    #[arg(long, value_name = "URL")]
    pub cluster: Vec<Secret>,
    /// A Sentinel that is asked for the nodes (default port 26379); repeatable.
    #[arg(long, value_name = "URL")]
    pub sentinel: Vec<Secret>,
    /// Name of a primary that the Sentinels watch; repeatable [default: all they know].
    #[arg(long = "master-name", value_name = "NAME")]
    pub master_names: Vec<String>,
    /// PEM file with the CA to trust instead of the system's.
    #[arg(long = "cacert", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// PEM file with our client certificate.
    #[arg(long = "cert", value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// PEM file with the private key of the client certificate.
    #[arg(long = "key", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Server name to ask for and to verify instead of the host.
    #[arg(long = "sni", value_name = "NAME")]
    pub server_name: Option<String>,
    /// Do not verify the server's certificate. Dangerous.
    #[arg(long)]
    pub insecure: bool,
    /// ACL user of the nodes, unless their --url names one.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// File with the password of the nodes, unless their --url has one.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Append a log to this file.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Colours.
    #[arg(long, value_name = "THEME")]
    pub theme: Option<Theme>,
    /// Only ASCII borders and signs.
    #[arg(long)]
    pub ascii: bool,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub no_mouse: bool,
    /// Ring the bell on a new critical finding.
    #[arg(long)]
    pub bell: bool,
}

impl GlobalArgs {
    /// Positional URLs become `--url` ones.
    pub(super) fn with_urls(mut self, urls: &[OsString]) -> Result<Self, Usage> {
        for url in urls.iter().map(|url| url.to_string_lossy()) {
            if !scan::is_url(&url) {
                return Err((ErrorKind::InvalidValue, scan::not_a_url(&url)));
            }
            self.urls.push(Secret::new(url));
        }
        Ok(self)
    }

    /// Adds what stood further to the right: lists grow, of single values the last one counts.
    #[must_use]
    pub fn merged(mut self, later: Self) -> Self {
        self.urls.extend(later.urls);
        self.lock_patterns.extend(later.lock_patterns);
        self.queue_patterns.extend(later.queue_patterns);
        self.cluster.extend(later.cluster);
        self.sentinel.extend(later.sentinel);
        self.master_names.extend(later.master_names);
        Self {
            urls: self.urls,
            config: later.config.or(self.config),
            profile: later.profile.or(self.profile),
            read_only: self.read_only | later.read_only,
            write: self.write | later.write,
            lock_patterns: self.lock_patterns,
            queue_patterns: self.queue_patterns,
            interval: later.interval.or(self.interval),
            timeout: later.timeout.or(self.timeout),
            cluster: self.cluster,
            sentinel: self.sentinel,
            master_names: self.master_names,
            ca_file: later.ca_file.or(self.ca_file),
            cert_file: later.cert_file.or(self.cert_file),
            key_file: later.key_file.or(self.key_file),
            server_name: later.server_name.or(self.server_name),
            insecure: self.insecure | later.insecure,
            user: later.user.or(self.user),
            password_file: later.password_file.or(self.password_file),
            log: later.log.or(self.log),
            theme: later.theme.or(self.theme),
            ascii: self.ascii | later.ascii,
            no_mouse: self.no_mouse | later.no_mouse,
            bell: self.bell | later.bell,
        }
    }
}

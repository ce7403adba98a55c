//! Certificates for servers that speak TLS.

use std::path::PathBuf;

/// PEM files of a server that speaks TLS. Its plain port stays open beside it.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// CA that clients and the other servers are checked against.
    pub ca: PathBuf,
    /// The server's certificate; for 127.0.0.1 in a fleet.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Clients must show a certificate of that CA, too (mTLS).
    pub ask_clients: bool,
}

impl TlsFiles {
    /// Options of a server that listens for TLS on `port`, as `(name, value)`.
    pub(super) fn options(&self, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("tls-port", port.to_string()),
            ("tls-ca-cert-file", self.ca.display().to_string()),
            ("tls-cert-file", self.cert.display().to_string()),
            ("tls-key-file", self.key.display().to_string()),
            ("tls-auth-clients", if self.ask_clients { "yes" } else { "no" }.into()),
            ("tls-replication", "yes".into()),
        ]
    }

    /// The same as words of a command line.
    pub(super) fn args(&self, port: u16) -> Vec<String> {
        self.options(port).into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect()
    }
}

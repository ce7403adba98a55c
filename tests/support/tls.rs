//! A CA of our own and certificates signed by it, made for one test.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redwarden::config::{Endpoint, Tls};
use redwarden::launcher::{Server, TlsFiles, free_port};

/// A CA in a directory of its own.
pub struct Authority {
    dir: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        Self { dir, ca }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub fn issue(&self, name: &str, names: &[&str], adjust: impl FnOnce(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// For a fleet of ours.
    pub fn files(&self, certificate: &str, ask_clients: bool) -> TlsFiles {
        TlsFiles {
            ca: self.path("ca.pem"),
            cert: self.path(&format!("{certificate}.pem")),
            key: self.path(&format!("{certificate}.key")),
            ask_clients,
        }
    }

    /// A server with one of the certificates, and how to reach it by the name `localhost`.
    pub fn serve(&self, certificate: &str, auth_clients: &str) -> (Server, Endpoint) {
        let port = free_port().unwrap();
        let at = |name: String| self.path(&name).display().to_string();
        let server = Server::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &at(format!("{certificate}.pem")),
            "--tls-key-file",
            &at(format!("{certificate}.key")),
            "--tls-ca-cert-file",
            &at("ca.pem".into()),
            "--tls-auth-clients",
            auth_clients,
        ])
        .unwrap();
        (server, Endpoint { tls: Some(self.trust()), ..Endpoint::tcp("localhost", port) })
    }

    /// Trusts this CA.
    pub fn trust(&self) -> Tls {
        Tls { ca_file: Some(self.path("ca.pem")), ..Tls::default() }
    }

    /// Trusts this CA and shows this certificate.
    pub fn trust_as(&self, client: &str) -> Tls {
        Tls {
            cert_file: Some(self.path(&format!("{client}.pem"))),
            key_file: Some(self.path(&format!("{client}.key"))),
            ..self.trust()
        }
    }
}

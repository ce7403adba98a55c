//! TLS by rustls with the ring provider: own CA, client certificate, SNI, and every failure in clear words.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::Tls;
use crate::domain::node::Reason;
use crate::redis_io::CallError;

/// The TLS handshake on a fresh TCP connection to `host`.
pub(super) async fn handshake(
    tcp: TcpStream,
    host: &str,
    tls: &Tls,
) -> Result<TlsStream<TcpStream>, CallError> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    let server_name = ServerName::try_from(name.to_string()).map_err(|_invalid| {
        failed(format!("{name} is no server name that TLS can ask for: set the server name"))
    })?;
    let config = client_config(tls).await?;
    TlsConnector::from(Arc::new(config))
        .connect(server_name, tcp)
        .await
        .map_err(|error| from_handshake(&error, name))
}

fn failed(detail: impl AsRef<str>) -> CallError {
    CallError::new(Reason::Tls, detail)
}

async fn client_config(tls: &Tls) -> Result<ClientConfig, CallError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    let builder = if tls.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        let roots = match &tls.ca_file {
            Some(path) => Arc::new(own_roots(path).await?),
            None => system_roots().await?,
        };
        builder.with_root_certificates(roots)
    };
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert).await?;
            let key = private_key(key).await?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| failed(format!("{} and its key: {error}", cert.display())))
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        _ => Err(failed("a client certificate and its key must be given together")),
    }
}

async fn own_roots(path: &Path) -> Result<RootCertStore, CallError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path).await? {
        roots.add(certificate).map_err(|error| failed(format!("CA file {}: {error}", path.display())))?;
    }
    Ok(roots)
}

/// The system's CAs, read once for the life of the process: it takes some milliseconds.
async fn system_roots() -> Result<Arc<RootCertStore>, CallError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots.clone());
    }
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err(failed("this system has no CA certificates (package ca-certificates): set the CA file"));
    }
    Ok(ROOTS.get_or_init(|| Arc::new(roots)).clone())
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CallError> {
    let pem = read(path).await?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| failed(format!("{}: {error}", path.display())))?;
    if found.is_empty() {
        return Err(failed(format!("{} holds no PEM certificate", path.display())));
    }
    Ok(found)
}

async fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CallError> {
    let pem = read(path).await?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_secret| failed(format!("{} holds no PEM private key without passphrase", path.display())))
}

async fn read(path: &Path) -> Result<Vec<u8>, CallError> {
    tokio::fs::read(path).await.map_err(|error| failed(format!("{}: {error}", path.display())))
}

/// What a failed handshake means.
fn from_handshake(error: &std::io::Error, name: &str) -> CallError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
                failed("the connection was closed during the TLS handshake: is this the plain port?")
            }
            _ => super::from_io(error),
        };
    };
    failed(match tls {
        TlsError::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer => {
                "its certificate is signed by a CA that is not trusted here: set the CA file".to_string()
            }
            CertificateError::BadSignature => {
                "its certificate is not signed by the CA given, though that has the same name".to_string()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not for {name}: set the server name")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_string()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: compare the clocks".to_string()
            }
            other => format!("its certificate is not accepted: {other}"),
        },
        TlsError::InvalidMessage(_) => {
            "what answers does not speak TLS: is this the plain port (redis:// instead of rediss://)?"
                .to_string()
        }
        TlsError::AlertReceived(alert) => format!("the server refused the TLS handshake: {alert:?}"),
        other => other.to_string(),
    })
}

/// `--insecure`: accepts whatever is shown.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

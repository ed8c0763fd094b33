//! Encrypted connections: one client configuration, made once, and a verdict on each server's certificate.
//!
//! Between mail servers a certificate is seldom demanded (opportunistic TLS, RFC 7435), but it is always looked at, and
//! what was found stands with the attempt.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Characters of a verdict on a certificate.
const VERDICT_MAX: usize = 160;

/// What a handshake came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Agreed {
    /// `TLSv1.3`, `TLSv1.2`.
    pub(super) version: String,
    /// What the certificate is worth.
    pub(super) certificate: String,
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => f.write_str("no TLS"),
            version => write!(f, "{version}, certificate {}", self.certificate),
        }
    }
}

/// What makes encrypted connections.
#[derive(Debug)]
pub(super) struct Tls {
    config: ClientConfig,
    provider: Arc<CryptoProvider>,
    /// `None` when this machine trusts nobody.
    judge: Option<Arc<WebPkiServerVerifier>>,
}

impl Tls {
    /// Loads the machine's trusted roots: reads files, once.
    pub(super) fn new() -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(roots)
    }

    /// Trusts these roots alone.
    pub(super) fn with_roots(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = Arc::new(roots);
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build().ok();
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A resumed session shows no certificate, and so would go without a verdict.
        config.resumption = Resumption::disabled();
        Ok(Self { config, provider, judge })
    }

    /// Makes the connection an encrypted one. With `demand` a certificate that is not valid for `name` fails it.
    /// An error is a clause for people.
    pub(super) async fn handshake(
        &self,
        socket: TcpStream,
        name: &str,
        demand: bool,
    ) -> Result<(Box<TlsStream<TcpStream>>, Agreed), String> {
        let server = ServerName::try_from(name.to_owned()).map_err(|_| format!("{name} is no name for TLS"))?;
        let verdict = Arc::new(Mutex::new(String::new()));
        let witness = Witness {
            judge: self.judge.clone(),
            provider: Arc::clone(&self.provider),
            demand,
            verdict: Arc::clone(&verdict),
        };
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::new(witness));
        let socket = TlsConnector::from(Arc::new(config)).connect(server, socket).await.map_err(|e| e.to_string())?;
        let version = match socket.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            other => format!("{other:?}"),
        };
        let certificate = verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((Box::new(socket), Agreed { version, certificate }))
    }
}

/// Judges one connection's certificate and writes the verdict down.
#[derive(Debug)]
struct Witness {
    judge: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    demand: bool,
    verdict: Arc<Mutex<String>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = match &self.judge {
            Some(judge) => judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(Error::General("this machine has no trusted roots".to_owned())),
        };
        let words = match &found {
            Ok(_) => format!("valid for {}", server_name.to_str()),
            // Some of it may be the certificate's own words.
            Err(error) => format!("not valid: {}", explain(error)),
        };
        let words = words.chars().filter(|c| !c.is_control()).take(VERDICT_MAX).collect();
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = words;
        if self.demand { found } else { Ok(ServerCertVerified::assertion()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => "its issuer is not trusted here".to_owned(),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "it has expired".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "it is for another name".to_owned(),
        other => other.to_string(),
    }
}

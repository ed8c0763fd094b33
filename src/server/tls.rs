//! TLS for those who come in: certificate and key from PEM files, read again when the files change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Which files these are and when they were written: number, seconds, nanoseconds; `None` for one that cannot be found.
type Written = [Option<(u64, i64, i64)>; 2];

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    looked_at: Mutex<Written>,
}

impl Certificate {
    /// Reads certificate chain and key. Errors name the file.
    pub fn load(cert: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let looked_at = Mutex::new([written(cert), written(key)]);
        let current = ArcSwap::from_pointee(read(cert, key)?);
        Ok(Arc::new(Self { cert: cert.to_owned(), key: key.to_owned(), current, looked_at }))
    }

    /// What a listener needs; sessions that begin after a refresh get the new certificate.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Self>::clone(self));
        Ok(Arc::new(config))
    }

    /// Reads the files again if they were written since they were last looked at. `Ok(true)` when they are in use now; on
    /// an error the old certificate stays, and the files are looked at again when they change.
    pub fn refresh(&self) -> Result<bool, String> {
        let found = [written(&self.cert), written(&self.key)];
        if std::mem::replace(&mut *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner), found) == found {
            return Ok(false);
        }
        self.current.store(Arc::new(read(&self.cert, &self.key)?));
        Ok(true)
    }

    /// The certificate's file.
    pub fn path(&self) -> &Path {
        &self.cert
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn written(path: &Path) -> Option<(u64, i64, i64)> {
    std::fs::metadata(path).ok().map(|found| (found.ino(), found.mtime(), found.mtime_nsec()))
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(cert).map_err(|e| format!("{}: {e}", cert.display()))?.collect();
    let chain = chain.map_err(|e| format!("{}: {e}", cert.display()))?;
    if chain.is_empty() {
        return Err(format!("{}: there is no certificate in it", cert.display()));
    }
    // A group may read it (Debian's ssl-cert does); everybody may not.
    let found = std::fs::metadata(key).map_err(|e| format!("{}: {e}", key.display()))?;
    if found.mode() & 0o007 != 0 {
        let key = key.display();
        return Err(format!("{key}: everybody may read this key; make it private with: chmod 640 {key}"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
    CertifiedKey::from_der(chain, secret, &default_provider())
        .map_err(|e| format!("{} and {} do not belong together: {e}", cert.display(), key.display()))
}

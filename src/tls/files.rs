//! Certificates and keys from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use vagus_config::TlsFiles;

use crate::TlsError;

/// A certificate chain with its key; the two are known to belong together.
pub(crate) fn pair(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = chain(&files.cert_file)?;
    let bytes = read(&files.key_file)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_: PemError| TlsError::NoKey(files.key_file.clone()))?;
    CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Pair)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(TlsError::NoCertificate(path.to_owned())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Open { path: path.to_owned(), source })
}

/// Who may sign the other side's certificates.
#[derive(Debug)]
pub(crate) struct Authorities {
    pub(crate) store: Arc<RootCertStore>,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

/// Those in the file, or whom the system trusts.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Authorities, TlsError> {
    let mut store = RootCertStore::empty();
    let certificates = match file {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    match file {
        Some(_) => {
            for certificate in &certificates {
                store.add(certificate.clone()).map_err(|_| TlsError::Authorities)?;
            }
        }
        None => {
            store.add_parsable_certificates(certificates.iter().cloned());
        }
    }
    match (store.is_empty(), file) {
        (true, Some(_)) => Err(TlsError::Authorities),
        (true, None) => Err(TlsError::NoAuthorities),
        (false, _) => Ok(Authorities { store: Arc::new(store), certificates }),
    }
}

/// The certificates of authorities in a file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = std::fs::read(path)
        .map_err(|source| TlsError::OpenAuthorities { path: path.to_owned(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.map_err(|_| TlsError::Authorities)
}

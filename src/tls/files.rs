//! Certificates and keys from PEM files.

use std::path::Path;

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

/// Who may sign certificates of clients: those in the file, or whom the system trusts.
pub(crate) fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) };
    };
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|_| TlsError::Authorities)?;
    }
    if roots.is_empty() { Err(TlsError::Authorities) } else { Ok(roots) }
}

/// The certificates of authorities in a file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = std::fs::read(path)
        .map_err(|source| TlsError::OpenAuthorities { path: path.to_owned(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.map_err(|_| TlsError::Authorities)
}

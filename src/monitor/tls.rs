//! The certificate of the HTTPS port.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use vagus_config::TlsFiles;

/// Why the certificate can't be used.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("error reading server certificate {}: {source}", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[error("no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    #[error("error reading server key {}: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("error with the server's certificate and key: {0}")]
    Pair(#[from] rustls::Error),
}

/// Takes clients of any kind: none is asked for a certificate of its own.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let chain = chain(files)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|source| TlsError::Key { path: files.key_file.clone(), source })?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &files.cert_file;
    let failed = |source| TlsError::Certificate { path: path.clone(), source };
    let chain = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if chain.is_empty() { Err(TlsError::NoCertificate(path.clone())) } else { Ok(chain) }
}

/// The moment at which the server's certificate ends, as RFC 3339.
pub(super) fn not_after(files: &TlsFiles) -> Option<String> {
    let chain = chain(files).ok()?;
    end_of(chain.first()?)
}

/// Reads no more of a certificate than leads to the end of its validity.
fn end_of(certificate: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (SEQUENCE, certificate, _) = element(certificate)? else { return None };
    let (SEQUENCE, mut signed, _) = element(certificate)? else { return None };
    if let (VERSION, _, rest) = element(signed)? {
        signed = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        signed = element(signed)?.2;
    }
    let (SEQUENCE, validity, _) = element(signed)? else { return None };
    let (tag, text, _) = element(element(validity)?.2)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// The first DER element: tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ`, or the same with four digits of the year.
fn moment(tag: u8, text: &str) -> Option<String> {
    const UTC_TIME: u8 = 0x17;
    let digits = text.strip_suffix('Z').filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
    let full = match tag {
        // Two digits stand for the years from 1950 to 2049.
        UTC_TIME if digits < "50" => format!("20{digits}"),
        UTC_TIME => format!("19{digits}"),
        _ => digits.to_owned(),
    };
    if full.len() != 14 {
        return None;
    }
    let part = |from: usize, to: usize| &full[from..to];
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    Some(format!("{year}-{month}-{day}T{}:{}:{}Z", part(8, 10), part(10, 12), part(12, 14)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 7);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(end_of(certificate.der()).as_deref(), Some("2031-05-07T00:00:00Z"));
        assert_eq!(end_of(&certificate.der()[..40]), None);
    }

    #[test]
    fn moments_of_both_kinds_are_read() {
        assert_eq!(moment(0x17, "490102030405Z").as_deref(), Some("2049-01-02T03:04:05Z"));
        assert_eq!(moment(0x17, "500102030405Z").as_deref(), Some("1950-01-02T03:04:05Z"));
        assert_eq!(moment(0x18, "20510102030405Z").as_deref(), Some("2051-01-02T03:04:05Z"));
        assert_eq!(moment(0x17, "49010203040Z"), None);
    }
}

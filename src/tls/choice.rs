//! Which of several certificates a client is shown.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// The first certificate that is for the name the client asks for and that the client can check;
/// without such, the first that it can check.
pub(crate) struct Choice(Vec<ArcSwap<CertifiedKey>>);

impl Choice {
    pub(crate) fn new(pairs: Vec<CertifiedKey>) -> Self {
        Self(pairs.into_iter().map(ArcSwap::from_pointee).collect())
    }

    /// Shows this status along with the certificate from now on.
    pub(crate) fn staple(&self, index: usize, status: Option<Vec<u8>>) {
        let Some(place) = self.0.get(index) else { return };
        let present = place.load();
        if present.ocsp != status {
            place.store(Arc::new(CertifiedKey { ocsp: status, ..CertifiedKey::clone(&present) }));
        }
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let all = self.0.iter().map(ArcSwap::load_full);
        let mut usable = all.filter(|pair| pair.key.choose_scheme(schemes).is_some());
        let first = usable.next()?;
        match name {
            Some(name) if !is_for(&first, &name) => {
                Some(usable.find(|pair| is_for(pair, &name)).unwrap_or(first))
            }
            _ => Some(first),
        }
    }
}

fn is_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = pair.cert.first().map(EndEntityCert::try_from);
    let leaf = leaf.and_then(Result::ok);
    leaf.is_some_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Choice").field(&self.0.len()).finish()
    }
}

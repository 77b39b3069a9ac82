//! Which of several certificates a client is shown.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// The first certificate that is for the name the client asks for and that the client can check;
/// without such, the first that it can check.
pub(crate) struct Choice(pub(crate) Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let usable = || self.0.iter().filter(|pair| pair.key.choose_scheme(schemes).is_some());
        let named = name.and_then(|name| usable().find(|pair| is_for(pair, &name)));
        named.or_else(|| usable().next()).cloned()
    }
}

fn is_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = pair.cert.first().map(EndEntityCert::try_from);
    leaf.is_some_and(|leaf| {
        leaf.is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
    })
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Choice").field(&self.0.len()).finish()
    }
}

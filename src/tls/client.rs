//! What a connection to another server goes by.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use vagus_config::Tls;

use crate::peer::is_pinned;
use crate::{Peer, Session, TlsError, files, suites};

/// A `tls` block of a link, with its files read, as the one who connects goes by it.
#[derive(Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    /// Time that a handshake may take.
    pub timeout: Duration,
    pinned: BTreeSet<String>,
}

impl ClientTls {
    /// Reads the files. The first certificate, if there is one, is shown to whoever asks for it.
    ///
    /// # Errors
    /// When a file can't be read, or what is in it does not fit.
    pub fn load(tls: &Tls) -> Result<Self, TlsError> {
        let provider = suites::provider(tls);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(suites::versions(tls.min_version))?;
        let builder = match tls.insecure {
            true => {
                let trusting = Arc::new(Trusting(Arc::clone(&provider)));
                builder.dangerous().with_custom_certificate_verifier(trusting)
            }
            false => {
                builder.with_root_certificates(files::authorities(tls.ca_file.as_deref())?.store)
            }
        };
        let own: Option<CertifiedKey> =
            tls.certificates.first().map(|pair| files::pair(pair, &provider)).transpose()?;
        let mut config = match own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => builder.with_no_client_auth(),
        };
        // Each connection proves anew that both certificates are good.
        config.resumption = Resumption::disabled();
        let pinned = tls.pinned_certs.clone();
        Ok(Self { config: Arc::new(config), timeout: tls.timeout, pinned })
    }

    /// A session toward the server at `host`, a name or an address.
    ///
    /// # Errors
    /// When that is neither.
    pub fn session(&self, host: &str) -> Result<Session, TlsError> {
        Ok(Session::toward(self.config(), Self::name(host)?)?)
    }

    /// For connections that are made by others.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The name that the certificate of `host` has to have.
    ///
    /// # Errors
    /// When that is neither a name nor an address.
    pub fn name(host: &str) -> Result<ServerName<'static>, TlsError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Host(host.to_owned()))
    }

    /// Whether the server's public key is among those that are accepted.
    ///
    /// # Errors
    /// The digest of a key that is not accepted.
    pub fn check_pin(&self, peer: Option<&Peer>) -> Result<(), String> {
        is_pinned(&self.pinned, peer)
    }
}

/// Takes every certificate, and still has it proven that the server holds the key of it.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

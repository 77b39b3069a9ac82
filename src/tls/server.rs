//! What a listener with TLS goes by.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use vagus_config::{HandshakeFirst, PeerStatus, Tls};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::choice::Choice;
use crate::files::Authorities;
use crate::peer::{is_pinned, sha256};
use crate::{Chains, Peer, Rate, Session, StatusError, Subject, TlsError, chains, files, suites};

/// A `tls` block with its files read. A reload makes a new one; sessions keep theirs.
#[derive(Debug)]
pub struct ServerTls {
    clients: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
    /// Clients may go on without TLS.
    pub optional: bool,
    pub handshake_first: HandshakeFirst,
    /// Time that a handshake may take.
    pub timeout: Duration,
    /// Clients must show a certificate.
    pub verify: bool,
    /// Clients are who their certificate says.
    pub map: bool,
    pub rate: Rate,
    pinned: BTreeSet<String>,
    choice: Arc<Choice>,
    own: Vec<OwnCertificate>,
    /// How to ask whether certificates of clients have been revoked.
    pub ocsp_peer: Option<PeerStatus>,
    /// Who signs the certificates of clients.
    roots: Option<Authorities>,
    /// When the first certificate ends.
    pub not_after: Option<SystemTime>,
}

/// One of the server's certificates.
#[derive(Debug)]
pub struct OwnCertificate {
    index: usize,
    /// Where it was read from.
    pub file: String,
    /// SHA-256 in lower-case hex.
    pub digest: String,
    /// What its authority can be asked; an error where the authority is not known.
    pub subject: Result<Subject, StatusError>,
}

impl ServerTls {
    /// Reads the files. `optional`: clients may go on without TLS.
    ///
    /// # Errors
    /// When a file can't be read, or what is in it does not fit.
    pub fn load(tls: &Tls, optional: bool) -> Result<Self, TlsError> {
        let provider = suites::provider(tls);
        let pairs = tls.certificates.iter().map(|pair| files::pair(pair, &provider));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let not_after = pairs.first().and_then(not_after);
        let own = own_certificates(tls, &pairs)?;
        let choice = Arc::new(Choice::new(pairs));
        let roots = roots(tls)?;
        Ok(Self {
            clients: Arc::new(clients(tls, &provider, Arc::clone(&choice), roots.as_ref())?),
            https: Arc::new(https(tls, &provider, Arc::clone(&choice))?),
            choice,
            own,
            optional,
            handshake_first: tls.handshake_first,
            timeout: tls.timeout,
            verify: tls.asks_for_certificates(),
            map: tls.verify_and_map,
            rate: Rate::new(tls.connection_rate_limit),
            pinned: tls.pinned_certs.clone(),
            ocsp_peer: tls.ocsp_peer.clone(),
            roots,
            not_after,
        })
    }

    /// A session for a client that has connected.
    ///
    /// # Errors
    /// None in practice: what is checked here was checked when the files were read.
    pub fn session(&self) -> Result<Session, rustls::Error> {
        Session::new(Arc::clone(&self.clients))
    }

    /// The certificates, in the order of the configuration.
    #[must_use]
    pub fn own_certificates(&self) -> &[OwnCertificate] {
        &self.own
    }

    /// Shows this status to clients that ask for it, along with one of the certificates.
    pub fn staple(&self, own: &OwnCertificate, status: Option<Vec<u8>>) {
        self.choice.staple(own.index, status);
    }

    /// For the https port of monitoring, which asks nobody for a certificate.
    #[must_use]
    pub fn https(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.https)
    }

    /// The chains by which the certificates are trusted that a client has shown.
    #[must_use]
    pub fn chains(&self, shown: &[CertificateDer<'_>]) -> Option<Chains> {
        Chains::find(shown, &self.roots.as_ref()?.store, SystemTime::now())
    }

    /// The same with their authorities, each certificate as PEM.
    #[must_use]
    pub fn verified_chains(&self, shown: &[CertificateDer<'_>]) -> Vec<Vec<String>> {
        let roots = self.roots.as_ref();
        roots.map(|roots| chains::verified(shown, roots, SystemTime::now())).unwrap_or_default()
    }

    /// Whether a client's public key is among those that are accepted. Else its digest.
    ///
    /// # Errors
    /// The digest of a key that is not accepted; empty where the client showed none.
    pub fn check_pin(&self, peer: Option<&Peer>) -> Result<(), String> {
        is_pinned(&self.pinned, peer)
    }
}

fn own_certificates(tls: &Tls, pairs: &[CertifiedKey]) -> Result<Vec<OwnCertificate>, TlsError> {
    let authorities = match &tls.ca_file {
        Some(path) => files::certificates(path)?,
        None => Vec::new(),
    };
    let one = |(index, pair): (usize, &CertifiedKey)| OwnCertificate {
        index,
        file: tls.certificates[index].cert_file.display().to_string(),
        digest: pair.cert.first().map(|der| sha256(der)).unwrap_or_default(),
        subject: Subject::new(&pair.cert, &authorities),
    };
    Ok(pairs.iter().enumerate().map(one).collect())
}

/// Who signs the certificates of clients, where they must show some.
fn roots(tls: &Tls) -> Result<Option<Authorities>, TlsError> {
    let wanted = tls.asks_for_certificates();
    match &tls.ca_file {
        None if !wanted => Ok(None),
        // Where it is not needed, it is not left unread: a mistake shows at the start.
        path => {
            let roots = files::authorities(path.as_deref())?;
            Ok(Some(roots).filter(|_| wanted))
        }
    }
}

fn clients(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
    choice: Arc<Choice>,
    roots: Option<&Authorities>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(suites::versions(tls.min_version))?;
    let mut config = match roots {
        Some(roots) => {
            let (provider, roots) = (Arc::clone(provider), Arc::clone(&roots.store));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            builder.with_client_cert_verifier(verifier).with_cert_resolver(choice)
        }
        None => builder.with_no_client_auth().with_cert_resolver(choice),
    };
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if tls.asks_for_certificates() {
        // Each connection proves anew that its certificate is good.
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new()?;
        config.send_tls13_tickets = 1;
    }
    Ok(config)
}

fn https(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
    choice: Arc<Choice>,
) -> Result<ServerConfig, TlsError> {
    Ok(ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(suites::versions(tls.min_version))?
        .with_no_client_auth()
        .with_cert_resolver(choice))
}

fn not_after(pair: &CertifiedKey) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(pair.cert.first()?).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

//! What a link between two servers goes by, whichever end this one is.

use vagus_config::Tls;

use crate::{ClientTls, Peer, ServerTls, TlsError};

/// See the module's text. A reload makes a new one; links that there are keep theirs.
#[derive(Debug)]
pub struct LinkTls {
    /// For those who connect to this server.
    pub accepted: ServerTls,
    /// For those that this server connects to.
    pub solicited: ClientTls,
}

impl LinkTls {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file can't be read, or what is in it does not fit.
    pub fn load(tls: &Tls) -> Result<Self, TlsError> {
        Ok(Self { accepted: ServerTls::load(tls, false)?, solicited: ClientTls::load(tls)? })
    }

    /// Whether the other end's public key is among those that are accepted.
    ///
    /// # Errors
    /// The digest of a key that is not accepted; empty where no certificate was shown.
    pub fn check_pin(&self, peer: Option<&Peer>) -> Result<(), String> {
        self.accepted.check_pin(peer)
    }
}

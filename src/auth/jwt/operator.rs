//! What an operator states: its signing keys, and what servers should know.

use serde::{Deserialize, Serialize};

use super::claims::{Claims, Content, nullable};
use super::validate::Findings;
use crate::keys::{is_account_key, is_operator_key};

/// `nats` of an operator's claims.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperatorClaims {
    /// Keys that sign accounts in the operator's place.
    #[serde(deserialize_with = "nullable")]
    pub signing_keys: Vec<String>,
    /// Where account JWTs can be had.
    pub account_server_url: String,
    #[serde(deserialize_with = "nullable")]
    pub operator_service_urls: Vec<String>,
    pub system_account: String,
    /// The oldest release of the server that will do.
    pub assert_server_version: String,
    /// Only signing keys sign accounts.
    pub strict_signing_key_usage: bool,
    #[serde(deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: i64,
}

impl Content for OperatorClaims {
    const KIND: &'static str = "operator";

    fn may_be_issued_by(letter: u8) -> bool {
        letter == b'O'
    }
}

impl Claims<OperatorClaims> {
    pub fn validate(&self) -> Vec<String> {
        let mut found = Findings::default();
        found.error_if(!is_operator_key(&self.sub), || {
            format!("{} is not an operator public key", self.sub)
        });
        for key in &self.nats.signing_keys {
            found
                .error_if(!is_operator_key(key), || format!("{key} is not an operator public key"));
        }
        let system = &self.nats.system_account;
        found.error_if(!system.is_empty() && !is_account_key(system), || {
            format!("{system} is not an account public key")
        });
        let version = &self.nats.assert_server_version;
        found.error_if(!version.is_empty() && version_of(version).is_none(), || {
            format!(
                "asserted server version must be of the form <major>.<minor>.<update>: {version}"
            )
        });
        found.done()
    }

    /// The keys that may sign accounts.
    pub fn trusted_keys(&self) -> impl Iterator<Item = &str> {
        let own = (!self.nats.strict_signing_key_usage).then_some(self.sub.as_str());
        own.into_iter().chain(self.nats.signing_keys.iter().map(String::as_str))
    }

    /// Whether this release of a server will do.
    ///
    /// # Errors
    /// What of it is too low.
    pub fn check_server(&self, version: &str) -> Result<(), String> {
        let wanted = version_of(&self.nats.assert_server_version).unwrap_or_default();
        let server = version_of(version).unwrap_or_default();
        let parts = ["major", "minor", "update"].into_iter().zip(wanted).zip(server);
        let other = parts.into_iter().find(|((_, wanted), server)| wanted != server);
        match other {
            Some(((part, wanted), server)) if wanted > server => {
                Err(format!("expected {part} version {wanted} > server {part} version {server}"))
            }
            _ => Ok(()),
        }
    }
}

/// `1.2.3`.
fn version_of(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

//! What all claims have in common.

use serde::{Deserialize, Deserializer, Serialize};

/// The standard claims, and under `nats` those of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims<T> {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aud: String,
    /// Unix seconds; 0: never.
    #[serde(skip_serializing_if = "is_zero")]
    pub exp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    /// Unix seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub iat: i64,
    /// The public key that signed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub iss: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Unix seconds; 0: at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub nbf: i64,
    /// Whom they are about: a public key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    pub nats: T,
}

/// One kind of claims.
pub trait Content: for<'a> Deserialize<'a> + Default {
    /// `type` of `nats`.
    const KIND: &'static str;

    /// Whether a key that begins with this letter may sign such claims.
    fn may_be_issued_by(letter: u8) -> bool;
}

/// Claims of no special kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generic {
    /// In a request to delete accounts: which.
    #[serde(deserialize_with = "nullable")]
    pub accounts: Vec<String>,
}

impl Content for Generic {
    const KIND: &'static str = "generic";

    fn may_be_issued_by(_: u8) -> bool {
        true
    }
}

impl<T> Claims<T> {
    /// Whether they hold at this time, in Unix seconds.
    pub fn are_valid_at(&self, now: i64) -> bool {
        !self.have_expired(now) && self.nbf <= now
    }

    /// Whether their time is over, in Unix seconds.
    pub fn have_expired(&self, now: i64) -> bool {
        self.exp > 0 && self.exp <= now
    }

    /// Whether whoever they are about issued them.
    pub fn are_self_signed(&self) -> bool {
        self.iss == self.sub
    }
}

pub(super) fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// `null` is the default, as in Go.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

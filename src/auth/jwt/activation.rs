//! What lets one account import from another: a token that the exporter gives.

use serde::{Deserialize, Serialize};
use vagus_subject::is_subset;

use super::account::Kind;
use super::claims::{Claims, Content};
use super::token::decode;
use crate::account::{AccountRules, Export, Import, Sharing};

/// `nats` of an activation's claims; their `sub` is the importing account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activation {
    /// What may be imported.
    pub subject: String,
    pub kind: Option<Kind>,
    /// The exporter, where one of its signing keys issued the claims.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(rename = "type")]
    pub claims_type: String,
    pub version: i64,
}

impl Content for Activation {
    const KIND: &'static str = "activation";

    fn may_be_issued_by(letter: u8) -> bool {
        matches!(letter, b'A' | b'O')
    }
}

/// When an import holds, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Until then; 0: for ever.
    Until(i64),
    /// Not yet: from then on.
    From(i64),
}

/// Whether `import` shows what `export` of `exporter` asks for, at a time in Unix seconds.
pub fn is_activated(
    export: &Export,
    exporter: &AccountRules,
    import: &Import,
    importer: &str,
    now: i64,
) -> Option<Holds> {
    if !export.token_required {
        return Some(Holds::Until(0));
    }
    let claims: Claims<Activation> = decode(import.token.as_deref()?).ok()?;
    let activation = &claims.nats;
    let account = match activation.issuer_account.as_str() {
        "" => claims.iss.as_str(),
        account => account,
    };
    let signed = claims.iss == exporter.name || exporter.signing_keys.contains(&claims.iss);
    let kind = match activation.kind {
        Some(Kind::Stream) => Sharing::Stream,
        Some(Kind::Service) => Sharing::Service,
        None => return None,
    };
    let revoked = |key: &str| export.revocations.get(key).is_some_and(|time| *time >= claims.iat);
    let good = account == exporter.name
        && signed
        && claims.sub == importer
        && kind == import.kind
        && !claims.have_expired(now)
        && is_subset(import.subject.as_bytes(), activation.subject.as_bytes())
        && !revoked(importer)
        && !revoked("*");
    let holds = if claims.nbf <= now { Holds::Until(claims.exp) } else { Holds::From(claims.nbf) };
    good.then_some(holds)
}

//! What an account states, or its operator for it: sharing, limits, signing keys, revocations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claims::{Claims, Content, nullable};
use super::limits::OperatorLimits;
use super::user::{ClaimedPermissions, UserTerms};
use crate::account::{
    AccountMapping, AccountRules, Export, Import, Latency, ResponseType, Sampling, Sharing,
    TraceDestination,
};

mod check;

/// `nats` of an account's claims.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountClaims {
    #[serde(deserialize_with = "nullable")]
    pub imports: Vec<ClaimedImport>,
    #[serde(deserialize_with = "nullable")]
    pub exports: Vec<ClaimedExport>,
    pub limits: OperatorLimits,
    #[serde(deserialize_with = "nullable")]
    pub signing_keys: Vec<SigningKey>,
    /// Users whose claims are void up to a time (Unix seconds), by key or all of them for `*`.
    #[serde(deserialize_with = "nullable")]
    pub revocations: BTreeMap<String, i64>,
    pub default_permissions: ClaimedPermissions,
    #[serde(deserialize_with = "nullable")]
    pub mappings: BTreeMap<String, Vec<ClaimedMapping>>,
    /// Who its users are is decided by a service.
    pub authorization: ExternalAuthorization,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<ClaimedTrace>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_traffic: String,
    pub description: String,
    pub info_url: String,
    #[serde(deserialize_with = "nullable")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Stream,
    Service,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedImport {
    pub name: String,
    /// As the exporter knows it; of a service that has `to`, as it is known here.
    pub subject: String,
    pub account: String,
    /// An activation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The older way: of a stream the prefix, of a service the exporter's subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    pub share: bool,
    pub allow_trace: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedExport {
    pub name: String,
    pub subject: String,
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    pub token_req: bool,
    #[serde(deserialize_with = "nullable")]
    pub revocations: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub response_type: String,
    /// Nanoseconds.
    pub response_threshold: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<ClaimedLatency>,
    pub account_token_position: u32,
    pub advertise: bool,
    pub allow_trace: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedLatency {
    /// Per cent, or `headers`.
    pub sampling: serde_json::Value,
    pub results: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedMapping {
    pub subject: String,
    /// Per cent; 0 for all.
    pub weight: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedTrace {
    pub dest: String,
    pub sampling: i64,
}

/// Authentication by a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalAuthorization {
    /// Users that are not asked about: those of the service.
    #[serde(deserialize_with = "nullable")]
    pub auth_users: Vec<String>,
    /// Accounts in which the service may place users; `*` for all.
    #[serde(deserialize_with = "nullable")]
    pub allowed_accounts: Vec<String>,
    /// Public curve key that requests are sealed for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// A key that signs users in the account's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    Plain(String),
    /// All its users are granted the same.
    Scoped(Box<UserScope>),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserScope {
    pub kind: String,
    pub key: String,
    pub role: String,
    pub template: UserTerms,
    pub description: String,
}

impl Content for AccountClaims {
    const KIND: &'static str = "account";

    fn may_be_issued_by(letter: u8) -> bool {
        matches!(letter, b'O' | b'A')
    }
}

// === impl SigningKey ===

impl SigningKey {
    pub fn key(&self) -> &str {
        match self {
            SigningKey::Plain(key) => key,
            SigningKey::Scoped(scope) => &scope.key,
        }
    }
}

// === impl ExternalAuthorization ===

impl ExternalAuthorization {
    pub fn is_enabled(&self) -> bool {
        !self.auth_users.is_empty()
    }

    /// Whether the service may place users in an account other than its own.
    pub fn allows(&self, account: &str) -> bool {
        self.allowed_accounts.iter().any(|known| known == account || known == "*")
    }
}

// === impl Claims<AccountClaims> ===

impl Claims<AccountClaims> {
    pub fn signing_key(&self, key: &str) -> Option<&SigningKey> {
        self.nats.signing_keys.iter().find(|known| known.key() == key)
    }

    /// Whether a user's claims, issued at `iat`, are void.
    pub fn revokes(&self, user: &str, iat: i64) -> bool {
        let up_to = |key: &str| self.nats.revocations.get(key).is_some_and(|time| *time >= iat);
        up_to(user) || up_to("*")
    }

    /// The rules of the account.
    pub fn rules(&self) -> AccountRules {
        let claims = &self.nats;
        AccountRules {
            name: self.sub.clone(),
            label: Some(self.name.clone()).filter(|name| !name.is_empty()),
            nkey: Some(self.sub.clone()),
            signing_keys: claims.signing_keys.iter().map(|key| key.key().to_owned()).collect(),
            limits: claims.limits.account(),
            exports: claims.exports.iter().filter_map(ClaimedExport::rules).collect(),
            imports: claims.imports.iter().filter_map(ClaimedImport::rules).collect(),
            default_permissions: claims.default_permissions.rules(),
            mappings: claims.mappings.iter().map(mapping).collect(),
            trace: claims.trace.as_ref().map(|trace| TraceDestination {
                subject: trace.dest.clone(),
                sampling: u8::try_from(trace.sampling).ok().filter(|n| *n > 0).unwrap_or(100),
            }),
            jetstream: claims.limits.jetstream().map(|limits| crate::account::JetStreamLimits {
                owner_traffic: claims.cluster_traffic == "owner",
                ..limits
            }),
            jetstream_tiers: claims.limits.tiers(),
        }
    }
}

fn mapping((source, to): (&String, &Vec<ClaimedMapping>)) -> AccountMapping {
    let destination = |to: &ClaimedMapping| vagus_subject::transform::Destination {
        subject: to.subject.clone().into_bytes(),
        weight: if to.weight == 0 { 100 } else { to.weight },
        cluster: (!to.cluster.is_empty()).then(|| to.cluster.clone()),
    };
    AccountMapping { source: source.clone(), destinations: to.iter().map(destination).collect() }
}

// === impl Kind ===

impl Kind {
    /// As JWTs have it.
    fn word(self) -> &'static str {
        match self {
            Kind::Stream => "stream",
            Kind::Service => "service",
        }
    }

    fn sharing(self) -> Sharing {
        match self {
            Kind::Stream => Sharing::Stream,
            Kind::Service => Sharing::Service,
        }
    }
}

// === impl ClaimedImport ===

impl ClaimedImport {
    fn rules(&self) -> Option<Import> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let kind = self.kind?;
        let mut import = Import::new(kind.sharing(), &self.account, &self.subject);
        match (kind, given(&self.local_subject), given(&self.to)) {
            (_, Some(local), _) => import.to = Some(local),
            (Kind::Stream, None, Some(prefix)) => {
                let dot = if prefix.ends_with('.') { "" } else { "." };
                import.prefix = Some(format!("{prefix}{dot}"));
            }
            (Kind::Service, None, Some(exported)) => {
                import.to = Some(std::mem::replace(&mut import.subject, exported));
            }
            (_, None, None) => {}
        }
        import.share = self.share;
        import.allow_trace = self.allow_trace;
        import.token = given(&self.token);
        Some(import)
    }
}

// === impl ClaimedExport ===

impl ClaimedExport {
    fn rules(&self) -> Option<Export> {
        let mut export = Export::new(self.kind?.sharing(), &self.subject);
        export.token_required = self.token_req;
        export.account_token_position =
            usize::try_from(self.account_token_position).ok().filter(|n| *n > 0);
        export.revocations.clone_from(&self.revocations);
        export.response_type = match self.response_type.as_str() {
            "Stream" => ResponseType::Stream,
            "Chunked" => ResponseType::Chunked,
            _ => ResponseType::Singleton,
        };
        export.response_threshold = u64::try_from(self.response_threshold)
            .ok()
            .filter(|nanos| *nanos > 0)
            .map(std::time::Duration::from_nanos);
        export.latency = self.service_latency.as_ref().and_then(ClaimedLatency::rules);
        export.allow_trace = self.allow_trace;
        Some(export)
    }
}

// === impl ClaimedLatency ===

impl ClaimedLatency {
    fn rules(&self) -> Option<Latency> {
        let percent = self.sampling.as_u64().and_then(|number| u8::try_from(number).ok());
        let sampling = match percent {
            Some(percent @ 1..=100) => Sampling::Percent(percent),
            None if self.sampling.as_str() == Some("headers") => Sampling::Headers,
            _ => return None,
        };
        Some(Latency { subject: self.results.clone(), sampling })
    }
}

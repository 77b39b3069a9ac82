//! What is wrong with an account's claims.

use std::collections::BTreeMap;

use vagus_subject::is_subset;

use super::super::activation::Activation;
use super::super::claims::Claims;
use super::super::token::decode;
use super::super::validate::Findings;
use super::{AccountClaims, ClaimedExport, ClaimedImport, Kind, SigningKey};
use crate::account::Sharing;
use crate::keys::{is_account_key, is_curve_key, is_user_key};

/// Bytes of a description or of the address of one.
const TEXT_BYTES_MAX: usize = 8 * 1024;

impl Claims<AccountClaims> {
    pub fn validate(&self) -> Vec<String> {
        let mut found = Findings::default();
        let claims = &self.nats;
        found.error_if(!is_account_key(&self.sub), || {
            format!("{} is not an account public key", self.sub)
        });
        limits(claims, &mut found);
        claims.exports.iter().for_each(|export| check_export(export, &mut found));
        contained(&claims.exports, &mut found);
        for import in &claims.imports {
            check_import(import, &mut found);
            check_activation(import, &self.sub, &mut found);
        }
        overlapping(&claims.imports, &mut found);
        for key in &claims.signing_keys {
            check_signing_key(key, &mut found);
        }
        claims.default_permissions.validate(&mut found);
        mappings(claims, &mut found);
        authorization(claims, &mut found);
        for (what, text) in [("description", &claims.description), ("info_url", &claims.info_url)] {
            found.error_if(text.len() > TEXT_BYTES_MAX, || format!("{what} is too long"));
        }
        if let Some(trace) = &claims.trace {
            found.error_if(!vagus_subject::is_valid_literal(trace.dest.as_bytes()), || {
                format!("the trace destination {:?} is not valid", trace.dest)
            });
            found.error_if(!(0..=100).contains(&trace.sampling), || {
                format!("the trace sampling {} should be in the range [1..100]", trace.sampling)
            });
        }
        found.error_if(!matches!(claims.cluster_traffic.as_str(), "" | "system" | "owner"), || {
            format!("unknown cluster traffic option: {:?}", claims.cluster_traffic)
        });
        found.done()
    }
}

fn limits(claims: &AccountClaims, found: &mut Findings) {
    let limits = &claims.limits;
    let more = |count: usize, limit: i64| {
        limit >= 0 && usize::try_from(limit).is_ok_and(|limit| count > limit)
    };
    found.error_if(more(claims.imports.len(), limits.imports), || {
        "the account contains more imports than allowed by the operator".to_owned()
    });
    found.error_if(more(claims.exports.len(), limits.exports), || {
        "the account contains more exports than allowed by the operator".to_owned()
    });
    let wild = |export: &&ClaimedExport| vagus_subject::has_wildcards(export.subject.as_bytes());
    if let (false, Some(export)) = (limits.wildcards, claims.exports.iter().find(wild)) {
        found.error_if(true, || {
            format!(
                "the account contains a wildcard export {:?}, wildcards aren't allowed",
                export.subject
            )
        });
    }
}

fn check_export(export: &ClaimedExport, found: &mut Findings) {
    found.subject(&export.subject);
    found.error_if(export.kind.is_none(), || "invalid export type".to_owned());
    let service = export.kind == Some(Kind::Service);
    found.error_if(!service && !export.response_type.is_empty(), || {
        "invalid response type for stream".to_owned()
    });
    found.error_if(!service && export.allow_trace, || {
        format!("AllowTrace only valid for service export: {:?}", export.subject)
    });
    let known = matches!(export.response_type.as_str(), "" | "Singleton" | "Stream" | "Chunked");
    found.error_if(!known, || {
        format!("invalid response type for service: {}", export.response_type)
    });
    found.error_if(export.response_threshold < 0, || "negative response threshold".to_owned());
    if let Some(latency) = &export.service_latency {
        found.error_if(!service, || "latency tracking only permitted for services".to_owned());
        found.error_if(latency.rules().is_none(), || "bad sampling of service latency".to_owned());
        found.error_if(!vagus_subject::is_valid_literal(latency.results.as_bytes()), || {
            format!("results subject {:?} is not valid", latency.results)
        });
    }
    let position = usize::try_from(export.account_token_position).unwrap_or(usize::MAX);
    let token = position.checked_sub(1).map(|at| export.subject.split('.').nth(at));
    found.error_if(token.is_some_and(|token| token != Some("*")), || {
        format!(
            "Account Token Position {position} matches a token of {:?} that is no wildcard",
            export.subject
        )
    });
}

/// No export may be part of another of its kind.
fn contained(exports: &[ClaimedExport], found: &mut Findings) {
    for (place, export) in exports.iter().enumerate() {
        let others = exports.iter().enumerate().filter(|(other, _)| *other != place);
        for (_, other) in others.filter(|(_, other)| other.kind == export.kind) {
            found.error_if(is_subset(export.subject.as_bytes(), other.subject.as_bytes()), || {
                format!("export subject {:?} already exports {:?}", other.subject, export.subject)
            });
        }
    }
}

fn check_import(import: &ClaimedImport, found: &mut Findings) {
    found.subject(&import.subject);
    found.error_if(import.kind.is_none(), || "invalid import type".to_owned());
    found.error_if(!is_account_key(&import.account), || {
        format!("account to import from is not specified: {:?}", import.account)
    });
    found.error_if(!import.local_subject.is_empty() && !import.to.is_empty(), || {
        "Local Subject replaces To".to_owned()
    });
    let service = import.kind == Some(Kind::Service);
    found.error_if(service && import.allow_trace, || {
        format!("AllowTrace only valid for stream import: {:?}", import.subject)
    });
    found.error_if(!service && import.share, || {
        format!(
            "sharing information (for latency tracking) is only valid for services: {:?}",
            import.subject
        )
    });
}

/// What an import shows in order to be let in, as far as that can be seen without the exporter. The
/// time is not looked at: what has expired may be renewed.
fn check_activation(import: &ClaimedImport, importer: &str, found: &mut Findings) {
    if import.token.is_empty() {
        return;
    }
    let subject = &import.subject;
    let Ok(claims) = decode::<Activation>(&import.token) else {
        return found
            .error_if(true, || format!("import {subject:?} contains an invalid activation token"));
    };
    let (activation, account) = (&claims.nats, &import.account);
    found.error_if(claims.iss != *account && activation.issuer_account != *account, || {
        format!("activation token doesn't match account for import {subject:?}")
    });
    found.error_if(claims.sub != importer, || {
        format!("activation token doesn't match account it is being included in, {subject:?}")
    });
    found.error_if(activation.kind != import.kind, || {
        let word = |kind: Option<Kind>| kind.map_or("unknown", Kind::word);
        let (token, import) = (word(activation.kind), word(import.kind));
        format!("mismatch between token import type {token} and type of import {import}")
    });
    found.subject(&activation.subject);
    let wanted = match (import.kind, import.to.as_str()) {
        (Some(Kind::Service), to) if !to.is_empty() => to,
        _ => subject,
    };
    found.error_if(!is_subset(wanted.as_bytes(), activation.subject.as_bytes()), || {
        let granted = &activation.subject;
        format!("activation token import subject {granted:?} doesn't match import {subject:?}")
    });
}

/// Services of one account that are imported under subjects of which one is part of the other.
fn overlapping(imports: &[ClaimedImport], found: &mut Findings) {
    let local = |import: &ClaimedImport| {
        let rules = import.rules().filter(|rules| rules.kind == Sharing::Service)?;
        Some((rules.account.clone(), rules.local_pattern()))
    };
    let services: Vec<(String, String)> = imports.iter().filter_map(local).collect();
    for (place, (account, service)) in services.iter().enumerate() {
        for (_, other) in services[..place].iter().filter(|(other, _)| other == account) {
            let (one, two) = (service.as_bytes(), other.as_bytes());
            found.error_if(is_subset(one, two) || is_subset(two, one), || {
                format!(
                    "overlapping subject namespace for {service:?} and {other:?} in same account \
                     {account:?}"
                )
            });
        }
    }
}

fn check_signing_key(key: &SigningKey, found: &mut Findings) {
    found.error_if(!is_account_key(key.key()), || {
        format!("{} is not an account public key", key.key())
    });
    if let SigningKey::Scoped(scope) = key {
        found.error_if(scope.kind != "user_scope", || {
            format!("unknown scope kind {:?}", scope.kind)
        });
        // Subjects of templates are looked at when they are filled in.
        let mut terms = scope.template.clone();
        terms.permissions = Default::default();
        terms.validate(found);
    }
}

fn mappings(claims: &AccountClaims, found: &mut Findings) {
    for (source, destinations) in &claims.mappings {
        found.subject(source);
        let mut total: BTreeMap<&str, u32> = BTreeMap::new();
        for to in destinations {
            let weight = if to.weight == 0 { 100 } else { u32::from(to.weight) };
            *total.entry(&to.cluster).or_default() += weight;
        }
        for (cluster, weight) in total {
            found.error_if(weight > 100, || {
                format!("Mapping {source:?} in cluster {cluster:?} exceeds 100%")
            });
        }
    }
}

fn authorization(claims: &AccountClaims, found: &mut Findings) {
    let external = &claims.authorization;
    found.error_if(!external.allowed_accounts.is_empty() && external.auth_users.is_empty(), || {
        "External authorization cannot have accounts without users specified".to_owned()
    });
    for user in &external.auth_users {
        found.error_if(!is_user_key(user), || {
            format!("AuthUser {user:?} is not a valid user public key")
        });
    }
    let all = external.allowed_accounts.iter().any(|account| account == "*");
    found.error_if(all && external.allowed_accounts.len() > 1, || {
        "AllowedAccounts can only be a list of accounts or \"*\"".to_owned()
    });
    for account in external.allowed_accounts.iter().filter(|account| *account != "*") {
        found.error_if(!is_account_key(account), || {
            format!("Account {account:?} is not a valid account public key")
        });
    }
    found.error_if(!external.xkey.is_empty() && !is_curve_key(&external.xkey), || {
        format!("XKey {:?} is not a valid public xkey", external.xkey)
    });
}

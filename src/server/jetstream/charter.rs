//! Which accounts have JetStream, as the configuration wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vagus_actors::jetstream::{Charter, Settings};
use vagus_actors::realm::GLOBAL_ACCOUNT;
use vagus_auth::account::{AccountRules, Import, JetStreamLimits, Sharing};
use vagus_config::Config;
use vagus_jetstream::api::{AccountLimits, Limits};
use vagus_jetstream::{ApiError, codes};
use vagus_subject::overlaps;

/// Requests to JetStream.
const API: &[u8] = b"$JS.API.>";

/// The charter of a configuration.
///
/// # Errors
/// When accounts are to have more than the server has.
pub(in crate::server) fn charter(
    config: &Config,
    settings: &Settings,
) -> Result<Charter, ApiError> {
    let system = config.system().map(Arc::from);
    let ordinary = || {
        let rules = config.accounts.iter().map(|account| &account.rules);
        rules.filter(|rules| Some(rules.name.as_str()) != system.as_deref())
    };
    let mut limits: BTreeMap<Arc<str>, Limits> = ordinary()
        .filter_map(|rules| {
            Some((rules.name.as_str().into(), limits_of(rules.jetstream.as_ref()?)))
        })
        .collect();
    if ordinary().next().is_none() {
        // Where there are no accounts, the one of everybody has it.
        limits.insert(GLOBAL_ACCOUNT.into(), Limits::default());
    }
    check(&limits, settings)?;
    let asked_elsewhere = config.accounts.iter().map(|account| elsewhere(&account.rules));
    let asked_elsewhere = asked_elsewhere.filter(|(_, subjects)| !subjects.is_empty()).collect();
    Ok(Charter { limits, system, asked_elsewhere })
}

/// The server has to have what it promises to accounts.
fn check(limits: &BTreeMap<Arc<str>, Limits>, settings: &Settings) -> Result<(), ApiError> {
    let promised = |in_memory| {
        let bytes = limits.values().filter_map(|limits| limits.bytes(in_memory));
        u64::try_from(bytes.fold(0_i64, i64::saturating_add)).unwrap_or(0)
    };
    if promised(true) > settings.memory_max {
        return Err(codes::MEMORY_RESOURCES_EXCEEDED.into());
    }
    if promised(false) > settings.storage_max {
        return Err(codes::STORAGE_RESOURCES_EXCEEDED.into());
    }
    Ok(())
}

fn limits_of(wanted: &JetStreamLimits) -> Limits {
    let most = |max: Option<u64>| max.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX));
    Limits::Flat(AccountLimits {
        max_memory: most(wanted.memory),
        max_store: most(wanted.store),
        max_streams: most(wanted.streams),
        max_consumers: most(wanted.consumers),
        max_ack_pending: most(wanted.ack_pending),
        memory_max_stream_bytes: most(wanted.memory_stream),
        store_max_stream_bytes: most(wanted.store_stream),
        max_bytes_required: wanted.max_bytes_required,
    })
}

/// What an account asks others for that it would ask its own JetStream for.
fn elsewhere(rules: &AccountRules) -> (Arc<str>, BTreeSet<Box<[u8]>>) {
    let services = rules.imports.iter().filter(|import| import.kind == Sharing::Service);
    let subjects = services.map(local_subject).filter(|subject| overlaps(subject, API));
    (rules.name.as_str().into(), subjects.map(Into::into).collect())
}

/// What an import is called here, as a pattern.
fn local_subject(import: &Import) -> Vec<u8> {
    let subject = import.to.as_deref().unwrap_or(&import.subject);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let tokens = subject.split('.').map(|token| match token.strip_prefix('$') {
        Some(rest) if is_number(rest) => "*",
        _ => token,
    });
    tokens.collect::<Vec<_>>().join(".").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chartered(text: &str) -> Result<Charter, ApiError> {
        let config = Config::parse(text, "test").unwrap().config;
        let mut settings = super::super::settings(&config);
        (settings.memory_max, settings.storage_max) = (1000, 1000);
        charter(&config, &settings)
    }

    #[track_caller]
    fn names(text: &str) -> Vec<String> {
        chartered(text).unwrap().limits.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn the_account_of_everybody_has_it_where_there_is_no_other() {
        let users = "users: [{user: a, password: b}]";
        assert_eq!(names(""), ["$G"]);
        assert_eq!(names(&format!("accounts {{ S {{ {users} }} }}\nsystem_account: S")), ["$G"]);
        assert_eq!(names(&format!("accounts {{ A {{ {users} }} }}")), [""; 0]);
        assert_eq!(names("accounts { A { jetstream: enabled }, B { jetstream: false } }"), ["A"]);
    }

    #[test]
    fn limits_are_taken_over_and_held_against_the_servers() {
        let text = "accounts { A { jetstream { max_mem: 400, max_streams: 2 } } }";
        let limits = chartered(text).unwrap().limits["A"].of(1).unwrap();
        let wanted = AccountLimits { max_memory: 400, max_streams: 2, ..AccountLimits::UNLIMITED };
        assert_eq!(limits, wanted);
        let two =
            "accounts { A { jetstream { max_file: 600 } }, B { jetstream { max_file: 600 } } }";
        assert_eq!(chartered(two), Err(codes::STORAGE_RESOURCES_EXCEEDED.into()));
    }

    #[test]
    fn what_others_answer_is_known() {
        let text = "accounts {
            A { exports: [{service: \"$JS.API.>\"}, {service: \"s.*\"}] }
            B { imports: [{service: {account: A, subject: \"s.*\"}, to: \"$JS.API.$1\"}] }
            C { imports: [{service: {account: A, subject: \"$JS.API.>\"}, to: \"js.>\"}] }
        }";
        let elsewhere = chartered(text).unwrap().asked_elsewhere;
        let wanted: BTreeSet<Box<[u8]>> = [b"$JS.API.*"[..].into()].into();
        assert_eq!(elsewhere, BTreeMap::from([("B".into(), wanted)]));
    }
}

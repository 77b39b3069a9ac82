//! Who is trusted to say who clients are, and the accounts that the configuration brings along.

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;
use tracing::warn;
use vagus_actors::Broker;
use vagus_actors::resolver::messages::Move;
use vagus_actors::resolver::{Archive, Files, Source};
use vagus_auth::{AccountBook, Authenticator, KnownAccount, Operators};
use vagus_config::{Config, Directory, Resolver, SYSTEM_ACCOUNT};
use vagus_store::TokenDir;

use super::account_server::AccountServer;

/// The authenticator, with the operators of the configuration where it has some.
pub(super) fn add_operators(
    plain: Authenticator,
    config: &Config,
    book: &Arc<AccountBook>,
) -> Authenticator {
    let trust = &config.trust;
    if !trust.is_given() {
        return plain;
    }
    let keys = trust.keys().map(str::to_owned).collect();
    let mut operators = Operators::new(keys, Arc::clone(book));
    let strict = trust.operator.iter().filter(|o| o.claims.nats.strict_signing_key_usage);
    operators.strict_keys =
        strict.clone().flat_map(|one| one.claims.trusted_keys()).map(str::to_owned).collect();
    operators.idle_keys = strict.map(|operator| operator.claims.sub.clone()).collect();
    operators.pinned_accounts = trust.resolver_pinned_accounts.iter().cloned().collect();
    if !operators.pinned_accounts.is_empty() {
        // Who watches the server may always do that.
        operators.pinned_accounts.extend(config.system().map(str::to_owned));
    }
    operators.default_sentinel.clone_from(&trust.default_sentinel);
    plain.with_operators(operators)
}

/// Why what operators vouch for can't be had.
#[derive(Debug, Error)]
pub enum TrustError {
    #[error("the directory of account JWTs can't be used: {0}")]
    Directory(#[from] std::io::Error),
    #[error("{0}")]
    Url(String),
}

/// Takes in the accounts that stand in the configuration, and those of its directory.
pub(super) fn preload(config: &Config, book: &AccountBook) -> Result<(), TrustError> {
    let trust = &config.trust;
    let preloaded = trust.resolver_preload.iter().map(|(key, token)| (key.clone(), token.clone()));
    let mut all: Vec<(String, String)> = preloaded.collect();
    match &trust.resolver {
        Some(Resolver::Full(known)) => {
            let dir = TokenDir::open(&known.dir)?;
            for (key, token) in &all {
                if dir.load(key)?.is_none() {
                    dir.save(key, token)?;
                }
            }
            all.extend(dir.all()?);
        }
        // What was sent since may be newer; the others are read when they are asked for.
        Some(Resolver::Cache(known)) => {
            let dir = TokenDir::open(&known.dir)?;
            for (key, _) in all.clone() {
                all.extend(dir.load(&key)?.map(|token| (key, token)));
            }
        }
        Some(Resolver::Memory | Resolver::Url(_)) | None => {}
    }
    let trusted: HashSet<&str> = trust.keys().collect();
    for (key, token) in all {
        match KnownAccount::new(&token) {
            Err(why) => warn!("account {key}: {why}"),
            Ok(account) if account.key() != key => warn!("account {key}: not its JWT"),
            Ok(account) if !trusted.contains(account.claims.iss.as_str()) => {
                warn!("account {key}: not signed by a trusted operator");
            }
            Ok(account) => match account.claims.validate().into_iter().next() {
                Some(problem) => warn!("account {key}: {problem}"),
                None if book.knows_newer(&account) => {}
                None => {
                    book.put(account);
                }
            },
        }
    }
    Ok(())
}

/// What the resolver needs, where there are operators.
pub(super) fn resolver(
    config: &Config,
    broker: &Arc<Broker>,
    book: &Arc<AccountBook>,
) -> Result<Option<Arc<Archive>>, TrustError> {
    if !config.trust.is_given() {
        return Ok(None);
    }
    let source = source(config)?;
    let realm = broker.realms.ensure(config.system().unwrap_or(SYSTEM_ACCOUNT));
    let (broker, book) = (Arc::clone(broker), Arc::clone(book));
    Ok(Some(Arc::new(Archive::new(broker, book, source, realm))))
}

/// Where the claims of accounts come from.
fn source(config: &Config) -> Result<Source, TrustError> {
    let served = match config.trust.operator.as_slice() {
        [operator] => Some(operator.claims.nats.account_server_url.trim_end_matches('/')),
        _ => None,
    };
    Ok(match (&config.trust.resolver, served.filter(|url| !url.is_empty())) {
        (Some(Resolver::Url(url)), _) => remote(url, config)?,
        (None, Some(url)) => remote(&format!("{url}/accounts/"), config)?,
        (Some(Resolver::Full(directory)), _) => files(directory, true)?,
        (Some(Resolver::Cache(directory)), _) => files(directory, false)?,
        (Some(Resolver::Memory) | None, _) => Source::Memory,
    })
}

/// What a reload has to tell the resolver: from where claims come, if that is somewhere else.
pub(super) fn moved(old: &Config, new: &Config) -> Result<Option<Move>, TrustError> {
    let (before, after) = (&old.trust, &new.trust);
    if before.is_given() != after.is_given() {
        let why = "config reload does not support moving to or from an account resolver";
        return Err(TrustError::Url(why.to_owned()));
    }
    let same = (&before.resolver, &before.resolver_tls) == (&after.resolver, &after.resolver_tls);
    if same || !after.is_given() {
        return Ok(None);
    }
    Ok(Some(Move { to: source(new)? }))
}

fn remote(url: &str, config: &Config) -> Result<Source, TrustError> {
    let tls = config.trust.resolver_tls.as_ref();
    let server = AccountServer::new(url, tls).map_err(TrustError::Url)?;
    server.probe().map_err(TrustError::Url)?;
    Ok(Source::Remote(Arc::new(server)))
}

fn files(directory: &Directory, full: bool) -> Result<Source, TrustError> {
    Ok(Source::Files(Files {
        dir: TokenDir::open(&directory.dir)?,
        full,
        // Who deletes does not leave caches out.
        allow_delete: directory.allow_delete || !full,
        hard_delete: directory.hard_delete || !full,
        limit: directory.limit,
        ttl: directory.ttl,
        timeout: directory.timeout,
        interval: directory.interval,
    }))
}

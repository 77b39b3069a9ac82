//! Who is trusted to say who clients are, and the accounts that the configuration brings along.

use std::sync::Arc;

use tracing::warn;
use vagus_auth::{AccountBook, Authenticator, KnownAccount, Operators};
use vagus_config::Config;

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
        strict.flat_map(|operator| operator.claims.trusted_keys()).map(str::to_owned).collect();
    operators.pinned_accounts = trust.resolver_pinned_accounts.iter().cloned().collect();
    operators.default_sentinel.clone_from(&trust.default_sentinel);
    plain.with_operators(operators)
}

/// Takes in the accounts that stand in the configuration.
pub(super) fn preload(config: &Config, book: &AccountBook) {
    for (key, token) in &config.trust.resolver_preload {
        // The configuration was refused if a token is not one.
        let Ok(account) = KnownAccount::new(token) else { continue };
        for problem in account.claims.validate() {
            warn!("account {key}: {problem}");
        }
        book.put(account);
    }
}

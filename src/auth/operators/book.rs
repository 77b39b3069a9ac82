//! The accounts that a server knows by their claims.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::account::AccountRules;
use crate::jwt::{AccountClaims, Claims, JwtError, decode};

/// Accounts by key. Read by whoever authenticates clients; changed by whoever gets new claims.
#[derive(Debug, Default)]
pub struct AccountBook {
    known: ArcSwap<HashMap<Arc<str>, Arc<KnownAccount>>>,
}

/// An account's token and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownAccount {
    pub token: Arc<str>,
    pub claims: Claims<AccountClaims>,
}

// === impl KnownAccount ===

impl KnownAccount {
    /// Takes a token apart. What its claims say is not judged here.
    pub fn new(token: &str) -> Result<Self, JwtError> {
        let token = token.trim();
        Ok(Self { claims: decode(token)?, token: token.into() })
    }

    /// The account's public key.
    pub fn key(&self) -> &str {
        &self.claims.sub
    }

    /// The rules of the account.
    pub fn rules(&self) -> AccountRules {
        self.claims.rules()
    }
}

// === impl AccountBook ===

impl AccountBook {
    pub fn get(&self, key: &str) -> Option<Arc<KnownAccount>> {
        self.known.load().get(key).cloned()
    }

    /// Every account, in no order.
    pub fn all(&self) -> Vec<Arc<KnownAccount>> {
        self.known.load().values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.known.load().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the account is known with claims issued later.
    pub fn knows_newer(&self, account: &KnownAccount) -> bool {
        self.get(account.key()).is_some_and(|known| known.claims.iat > account.claims.iat)
    }

    /// Takes an account in, or puts its claims in place of those known. False: nothing changes, as
    /// it is known like this.
    pub fn put(&self, account: KnownAccount) -> bool {
        if self.get(account.key()).is_some_and(|known| known.token == account.token) {
            return false;
        }
        let (key, account): (Arc<str>, _) = (account.key().into(), Arc::new(account));
        self.change(|all| {
            all.insert(Arc::clone(&key), Arc::clone(&account));
        });
        true
    }

    /// Forgets an account. False: it was not known.
    pub fn remove(&self, key: &str) -> bool {
        let known = self.get(key).is_some();
        if known {
            self.change(|all| {
                all.remove(key);
            });
        }
        known
    }

    fn change(&self, change: impl Fn(&mut HashMap<Arc<str>, Arc<KnownAccount>>)) {
        self.known.rcu(|known| {
            let mut all = HashMap::clone(known);
            change(&mut all);
            all
        });
    }
}

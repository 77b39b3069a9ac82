//! How accounts are shared out among several links between the same two servers: what one account
//! sends too much of does not hold up the others.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The accounts that one link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Those that fall to this number of the pool.
    Pool(u16),
    /// This one alone.
    Account(String),
}

/// See the module's text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Links that accounts without one of their own share; 0: one link, for all accounts.
    pub pool: u16,
    /// Accounts with a link of their own.
    pub accounts: BTreeSet<String>,
}

/// More links are of no use, and each has its cost.
pub const POOL_MAX: u16 = 64;

// === impl Share ===

impl Share {
    /// Of the link that comes first and stays longest: what servers tell each other goes there.
    pub const MAIN: Self = Self::Pool(0);

    #[must_use]
    pub fn is_main(&self) -> bool {
        *self == Self::MAIN
    }

    /// The account, of a link that is for no other.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Pool(_) => None,
            Self::Account(name) => Some(name),
        }
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::MAIN
    }
}

// === impl Sharing ===

impl Sharing {
    /// What two servers do that want this and that: both find the same.
    #[must_use]
    pub fn agreed(&self, other: &Self) -> Self {
        if self.pool == 0 || other.pool == 0 {
            return Self { pool: 1, accounts: BTreeSet::new() };
        }
        Self {
            pool: self.pool.max(other.pool).min(POOL_MAX),
            accounts: self.accounts.intersection(&other.accounts).cloned().collect(),
        }
    }

    /// One share for each link.
    pub fn shares(&self) -> impl Iterator<Item = Share> {
        let own = self.accounts.iter().cloned().map(Share::Account);
        (0..self.pool).map(Share::Pool).chain(own)
    }

    /// Whether a link with this share is the one of an account.
    #[must_use]
    pub fn serves(&self, share: &Share, account: &str) -> bool {
        match share {
            Share::Account(name) => name == account,
            Share::Pool(n) => !self.accounts.contains(account) && self.number(account) == *n,
        }
    }

    /// As nats-server spreads them: FNV-1a of the name, over the size of the pool.
    fn number(&self, account: &str) -> u16 {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = account.bytes().fold(0x811c_9dc5, step);
        (hash % u32::from(self.pool.max(1))) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharing(pool: u16, accounts: &[&str]) -> Sharing {
        Sharing { pool, accounts: accounts.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn both_servers_find_the_same() {
        for (one, other, agreed) in [
            (sharing(3, &["A", "B"]), sharing(5, &["B", "C"]), sharing(5, &["B"])),
            (sharing(0, &["A"]), sharing(5, &["A"]), sharing(1, &[])),
            (sharing(1, &["A"]), sharing(1, &["A"]), sharing(1, &["A"])),
            (sharing(u16::MAX, &[]), sharing(1, &[]), sharing(POOL_MAX, &[])),
        ] {
            assert_eq!(one.agreed(&other), agreed);
            assert_eq!(other.agreed(&one), agreed);
        }
    }

    #[test]
    fn each_account_has_just_one_link() {
        let sharing = sharing(3, &["A", "$SYS"]);
        let shares: Vec<Share> = sharing.shares().collect();
        assert_eq!(shares.len(), 5);
        assert!(shares[0].is_main());
        let mut used = BTreeSet::new();
        for account in ["A", "$SYS", "$G", "B", "C", "D", "E", "F"] {
            let serve: Vec<usize> =
                (0..5).filter(|n| sharing.serves(&shares[*n], account)).collect();
            assert_eq!(serve.len(), 1, "{account}");
            used.insert(serve[0]);
        }
        assert_eq!(used.len(), 5);
        assert_eq!(Share::Account("A".to_owned()).account(), Some("A"));
    }
}

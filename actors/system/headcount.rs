//! How many connections each account has: told whenever that changes, but not so often that adding
//! them up keeps a thread busy.

use std::time::{Duration, Instant};

use hashbrown::HashMap;
use vagus_runtime::Cx;

use super::{AccountStat, System};

/// What was told of accounts lately.
#[derive(Default)]
pub(super) struct Counted(HashMap<String, Told>);

struct Told {
    /// Not again before.
    until: Instant,
    /// It changed meanwhile, and is told then.
    owed: bool,
}

/// What to do about a change.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Tell,
    /// It will be told in time.
    Leave,
    TellIn(Duration),
}

/// Rest between two counts for each connection of the account: adding them up takes a fraction of
/// that.
const REST: Duration = Duration::from_micros(2);

// === impl Counted ===

impl Counted {
    fn changed(&mut self, account: &str, now: Instant) -> Next {
        let Some(told) = self.0.get_mut(account).filter(|told| now < told.until) else {
            return Next::Tell;
        };
        match std::mem::replace(&mut told.owed, true) {
            true => Next::Leave,
            false => Next::TellIn(told.until - now),
        }
    }

    fn told(&mut self, account: &str, connections: usize, now: Instant) {
        let rest = REST * u32::try_from(connections).unwrap_or(u32::MAX);
        self.0.insert(account.to_owned(), Told { until: now + rest, owed: false });
    }
}

// === impl System ===

impl System {
    /// Tells how many connections an account has, if anybody listens.
    pub(super) fn count(&mut self, account: &str, cx: &mut Cx<'_, Self>) {
        match self.counted.changed(account, Instant::now()) {
            Next::Leave => {}
            Next::TellIn(time) => {
                let account = account.to_owned();
                cx.run_later(time, move |me, cx| me.tell_count(&account, cx));
            }
            Next::Tell => self.tell_count(account, cx),
        }
    }

    fn tell_count(&mut self, account: &str, cx: &Cx<'_, Self>) {
        let Some(realm) = self.office.broker.realms.get(account) else { return };
        let mut connections = None;
        self.event(cx, |office, out| {
            if office.hears_connections(account, out) {
                let stat = AccountStat::of(&realm, office.leafs_of(&realm));
                connections = Some(stat.conns);
                office.tell_connections(&stat, out);
            }
        });
        if let Some(connections) = connections {
            self.counted.told(account, connections, Instant::now());
        }
    }

    /// The same of all accounts that have connections.
    pub(super) fn count_all(&mut self, cx: &Cx<'_, Self>) {
        for realm in self.office.broker.realms.all() {
            self.event(cx, |office, out| {
                if office.hears_connections(&realm.name, out) {
                    let stat = AccountStat::of(&realm, office.leafs_of(&realm));
                    if stat.conns > 0 {
                        office.tell_connections(&stat, out);
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_accounts_are_told_of_more_rarely_and_the_last_change_is_told() {
        let (mut counted, start) = (Counted::default(), Instant::now());
        assert_eq!(counted.changed("A", start), Next::Tell);
        counted.told("A", 50_000, start);
        let soon = start + Duration::from_millis(40);
        assert_eq!(counted.changed("A", soon), Next::TellIn(Duration::from_millis(60)));
        assert_eq!(counted.changed("A", soon), Next::Leave);
        assert_eq!(counted.changed("B", soon), Next::Tell);
        counted.told("A", 1, start + Duration::from_millis(100));
        assert_eq!(counted.changed("A", start + Duration::from_millis(101)), Next::Tell);
    }
}

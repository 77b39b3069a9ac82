//! Asking the other servers for the claims of an account, and taking the first good answer.
//!
//! Every server that has all claims answers, with nothing where it does not know the account. The
//! search ends with the first answer that says something, when every other server has said nothing,
//! or after a time.

use std::collections::HashMap;
use std::time::Instant;

use vagus_auth::KnownAccount;
use vagus_runtime::Cx;

use super::{Files, Resolver};
use crate::delivery::Post;
use crate::jetstream::Caller;

/// The searches that are under way.
#[derive(Default)]
pub(super) struct Searches {
    by_number: HashMap<u64, Search>,
    next: u64,
}

struct Search {
    account: String,
    /// Servers that may still know more than nothing.
    left: usize,
}

/// What was put on disk, or why it could not be.
type Saved = Result<Vec<KnownAccount>, String>;

// === impl Searches ===

impl Searches {
    fn begin(&mut self, account: &str, servers: usize) -> u64 {
        self.next += 1;
        let search = Search { account: account.to_owned(), left: servers };
        self.by_number.insert(self.next, search);
        self.next
    }

    /// Somebody has answered. Says whose claims were searched for if that is the end of it.
    fn answered(&mut self, number: u64, body: &[u8]) -> Option<String> {
        let search = self.by_number.get_mut(&number)?;
        search.left = search.left.saturating_sub(1);
        if body.is_empty() && search.left > 0 {
            return None;
        }
        self.end(number)
    }

    fn end(&mut self, number: u64) -> Option<String> {
        self.by_number.remove(&number).map(|search| search.account)
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }
}

// === impl Resolver ===

impl Resolver {
    /// Asks the other servers for an account that is not on disk here.
    pub(super) fn search(&mut self, account: &str, files: &Files, cx: &mut Cx<'_, Self>) {
        // To each server one of the links is that of the system's account.
        let links = self.archive.broker.realms.mates.all();
        let servers = links.iter().filter(|link| link.serves(&self.archive.realm.name)).count();
        let number = self.searches.begin(account, servers);
        let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
        let reply = format!("{}{number}", self.inbox());
        let (subject, reply) = (subject.as_bytes(), Some(reply.as_bytes()));
        let heard = self.send(Post { subject, reply, headers: None, payload: b"" }, cx);
        // Where all claims are, it hears itself.
        if heard <= usize::from(files.full) {
            return self.give_up(number, "no server has its JWT", cx);
        }
        cx.run_later(files.timeout, move |me, cx| me.give_up(number, "fetching jwt timed out", cx));
    }

    /// What another server has of an account.
    pub(super) fn search_answered(&mut self, number: u64, caller: &Caller, cx: &mut Cx<'_, Self>) {
        let Some(account) = self.searches.answered(number, caller.body()) else { return };
        let token = std::str::from_utf8(caller.body()).unwrap_or_default();
        let known = match token {
            "" => Err("account jwt not found".to_owned()),
            token => self.judge(&account, token),
        };
        match known {
            Err(why) => self.fetched(&account, Err(why), cx),
            Ok(known) => self.save(vec![known], cx, move |me, saved, cx| {
                let known = saved.map(|mut saved| saved.swap_remove(0));
                me.fetched(&account, known, cx);
            }),
        }
    }

    fn give_up(&mut self, number: u64, why: &str, cx: &mut Cx<'_, Self>) {
        if let Some(account) = self.searches.end(number) {
            self.fetched(&account, Err(why.to_owned()), cx);
        }
    }

    /// Puts claims on disk, as many as may be there; those of a cache that were not used for
    /// longest make room.
    pub(super) fn save(
        &mut self,
        accounts: Vec<KnownAccount>,
        cx: &mut Cx<'_, Self>,
        then: impl FnOnce(&mut Self, Saved, &mut Cx<'_, Self>) + 'static,
    ) {
        let Some(files) = self.archive.source().files().cloned() else { return };
        let old = accounts.iter().filter(|one| self.archive.book.get(one.key()).is_some()).count();
        let count = self.archive.book.len() + accounts.len() - old;
        if files.full && files.limit.is_some_and(|limit| count > limit && old < accounts.len()) {
            return then(self, Err("jwt store is full".to_owned()), cx);
        }
        let now = Instant::now();
        accounts.iter().for_each(|account| self.kept.used(account.key(), now));
        let evicted = match files.limit {
            Some(limit) if !files.full => self.kept.beyond(limit),
            _ => Vec::new(),
        };
        let saved = tokio::task::spawn_blocking(move || {
            for account in evicted {
                files.dir.remove(&account, true)?;
            }
            for account in &accounts {
                files.dir.save(account.key(), &account.token)?;
            }
            std::io::Result::Ok(accounts)
        });
        cx.when(saved, move |me, saved, cx| {
            let saved = saved.map_err(|why| why.to_string());
            then(me, saved.and_then(|saved| saved.map_err(|why| why.to_string())), cx);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_with_an_answer_or_when_nobody_is_left() {
        let mut searches = Searches::default();
        let [first, second] = [(); 2].map(|()| searches.begin("A", 2));
        assert_eq!(searches.answered(first, b""), None);
        assert_eq!(searches.answered(first, b"token").as_deref(), Some("A"));
        assert_eq!(searches.answered(first, b"late"), None);
        assert_eq!(searches.answered(second, b""), None);
        assert_eq!(searches.answered(second, b"").as_deref(), Some("A"));
        assert_eq!((searches.len(), searches.end(second)), (0, None));
    }
}

//! Requests about claims: to look them up, list them, put new ones in force, delete some.

use std::sync::Arc;

use serde_json::Value;
use vagus_auth::KnownAccount;
use vagus_auth::jwt::{Claims, Generic, decode};
use vagus_auth::keys::is_account_key;
use vagus_runtime::Cx;

use super::requests::{self, Ask, done, failed};
use super::{Archive, Resolver, Source};
use crate::jetstream::Caller;

impl Resolver {
    pub(super) fn petition(&mut self, caller: Caller, cx: &mut Cx<'_, Self>) {
        let subject = std::str::from_utf8(caller.subject()).unwrap_or_default();
        match requests::read(subject) {
            Some(Ask::LookUp(account)) => self.look_up(account, &caller, cx),
            Some(Ask::Pack) => self.pack(&caller, cx),
            Some(Ask::List) => {
                let keys = self.archive.book.all();
                let keys: Vec<&str> = keys.iter().map(|account| account.key()).collect();
                self.reply(&caller, ("data", keys.into()), cx);
            }
            Some(Ask::Update(account)) => self.update(account, &caller, cx),
            Some(Ask::Delete) => self.delete(&caller, cx),
            None => {}
        }
    }

    fn reply(&self, caller: &Caller, body: (&str, Value), cx: &Cx<'_, Self>) {
        if let Some(reply) = caller.reply() {
            self.publish(reply, &self.archive.envelope(body), cx);
        }
    }

    /// The token itself, or nothing.
    fn look_up(&self, account: &str, caller: &Caller, cx: &Cx<'_, Self>) {
        // Only who has all can say that there is none.
        let full = self.archive.source.files().is_some_and(|files| files.full);
        if let (true, Some(reply)) = (full, caller.reply()) {
            let known = self.archive.book.get(account);
            let token = known.as_ref().map(|known| &*known.token).unwrap_or_default();
            self.publish(reply, token.as_bytes(), cx);
        }
    }

    /// Every account and its token, a message each, then an empty one.
    fn pack(&self, caller: &Caller, cx: &Cx<'_, Self>) {
        let full = self.archive.source.files().is_some_and(|files| files.full);
        let (true, Some(reply)) = (full, caller.reply()) else { return };
        let all = self.archive.book.all();
        let hash = requests::hash(all.iter().map(|account| &*account.token));
        if !requests::has_hash(caller.body(), &hash) {
            for account in &all {
                let line = format!("{}|{}", account.key(), account.token);
                self.publish(reply, line.as_bytes(), cx);
            }
        }
        self.publish(reply, b"", cx);
    }

    fn update(&mut self, account: Option<&str>, caller: &Caller, cx: &mut Cx<'_, Self>) {
        let known = match self.new_claims(account, caller.body()) {
            Ok(known) => known,
            Err(why) => {
                let about = account.unwrap_or_default();
                return self.reply(caller, failed(about, &why), cx);
            }
        };
        let key = known.key().to_owned();
        let caller = caller.clone();
        match &self.archive.source {
            Source::Files(files) => {
                if !files.full && self.archive.book.get(&key).is_none() {
                    let skipped = done(&key, "jwt update cache skipped");
                    return self.reply(&caller, skipped, cx);
                }
                let message = if files.full { "jwt updated" } else { "jwt updated cache" };
                let (dir, token) = (files.dir.clone(), Arc::clone(&known.token));
                let name = key.clone();
                let saved = tokio::task::spawn_blocking(move || dir.save(&name, &token));
                cx.when(saved, move |me, saved, cx| {
                    let saved = saved.map_err(|why| why.to_string());
                    let saved = saved.and_then(|saved| saved.map_err(|why| why.to_string()));
                    match saved {
                        Ok(()) => me.put_in_force(known, &caller, message, cx),
                        Err(why) => {
                            let why = format!("jwt update resulted in error - {why}");
                            me.reply(&caller, failed(&key, &why), cx);
                        }
                    }
                });
            }
            Source::Memory | Source::Remote(_) => {
                if self.archive.book.get(&key).is_none() {
                    return self.reply(&caller, done(&key, "jwt update skipped"), cx);
                }
                self.put_in_force(known, &caller, "jwt updated", cx);
            }
        }
    }

    fn put_in_force(
        &mut self,
        known: KnownAccount,
        caller: &Caller,
        message: &str,
        cx: &mut Cx<'_, Self>,
    ) {
        let key = known.key().to_owned();
        self.updated += 1;
        if self.archive.take_in(known) {
            self.archive.tell_connections();
        }
        self.reply(caller, done(&key, message), cx);
    }

    /// The account that a request's body is the token of, if it may take the place of the old one.
    fn new_claims(&self, account: Option<&str>, body: &[u8]) -> Result<KnownAccount, String> {
        if body.is_empty() {
            return Err("jwt update error - request body is empty".to_owned());
        }
        let invalid = |why: String| format!("jwt validation failed - {why}");
        let text = std::str::from_utf8(body).map_err(|why| invalid(why.to_string()))?;
        let known = KnownAccount::new(text).map_err(|why| invalid(why.to_string()))?;
        if account.is_some_and(|account| account != known.key()) {
            return Err("jwt update resulted in error - subject does not match jwt content".into());
        }
        if !self.archive.trusts(&known) {
            return Err(invalid("not trusted".to_owned()));
        }
        if let Some(problem) = known.claims.validate().into_iter().next() {
            return Err(invalid(problem));
        }
        let files = self.archive.source.files();
        let full = files.and_then(|files| files.limit).is_some_and(|limit| {
            self.archive.book.get(known.key()).is_none() && self.archive.book.len() >= limit
        });
        match full {
            true => Err("jwt update resulted in error - limit reached".to_owned()),
            false => Ok(known),
        }
    }

    fn delete(&mut self, caller: &Caller, cx: &mut Cx<'_, Self>) {
        let accounts = match self.archive.to_delete(caller.body()) {
            Ok(accounts) => accounts,
            Err(why) => return self.reply(caller, failed("", &why), cx),
        };
        let Some(files) = self.archive.source.files().cloned() else { return };
        let (caller, names) = (caller.clone(), accounts.clone());
        let removed = tokio::task::spawn_blocking(move || {
            names.iter().filter(|name| files.dir.remove(name, files.hard_delete).is_err()).count()
        });
        cx.when(removed, move |me, failures, cx| {
            for account in &accounts {
                me.archive.forget(account);
            }
            me.archive.tell_connections();
            let count = accounts.len();
            let body = match failures {
                Ok(0) => done("", &format!("deleted {count} accounts")),
                _ => failed("", "delete accounts request failed: some could not be deleted"),
            };
            me.reply(&caller, body, cx);
        });
    }
}

// === impl Archive ===

impl Archive {
    /// The accounts that a request names, if who signed it may have them deleted.
    fn to_delete(&self, body: &[u8]) -> Result<Vec<String>, String> {
        let why = |why: &str| format!("delete accounts request failed: {why}");
        if !self.source.files().is_some_and(|files| files.allow_delete) {
            return Err(why("delete must be enabled in server config"));
        }
        let text = std::str::from_utf8(body).map_err(|_| why("malformed request"))?;
        let claims: Claims<Generic> = decode(text).map_err(|error| why(&error.to_string()))?;
        let settings = self.broker.settings();
        let operators = settings.authenticator.operators();
        if !operators.is_some_and(|all| all.trusted_keys.contains(&claims.iss)) {
            return Err(why("not trusted"));
        }
        if !claims.are_self_signed() {
            return Err(why("not self signed"));
        }
        let accounts = claims.nats.accounts;
        if accounts.is_empty() || !accounts.iter().all(|account| is_account_key(account)) {
            return Err(why("malformed request"));
        }
        match accounts.iter().any(|account| **account == *self.realm.name) {
            true => Err(why("not allowed to delete system account")),
            false => Ok(accounts),
        }
    }
}

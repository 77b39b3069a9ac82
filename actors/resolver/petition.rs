//! Requests about claims: to look them up, list them, put new ones in force, delete some.

use serde_json::Value;
use vagus_auth::KnownAccount;
use vagus_auth::jwt::{Claims, Generic, decode};
use vagus_auth::keys::is_account_key;
use vagus_runtime::Cx;

use super::requests::{self, Ask, done, failed};
use super::{Archive, Resolver};
use crate::jetstream::Caller;

impl Resolver {
    pub(super) fn petition(&mut self, caller: Caller, cx: &mut Cx<'_, Self>) {
        let subject = std::str::from_utf8(caller.subject()).unwrap_or_default();
        if let Some(answer) = subject.strip_prefix(&self.inbox()) {
            match answer.parse() {
                Ok(number) => self.search_answered(number, &caller, cx),
                Err(_) => self.unpack(caller.body()),
            }
            return;
        }
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

    /// The token itself, or nothing. Whoever asks other servers has looked here already.
    fn look_up(&self, account: &str, caller: &Caller, cx: &Cx<'_, Self>) {
        let Some(reply) = caller.reply() else { return };
        if !reply.starts_with(self.inbox().as_bytes()) {
            let known = self.archive.book.get(account);
            let token = known.as_ref().map(|known| &*known.token).unwrap_or_default();
            self.publish(reply, token.as_bytes(), cx);
        }
    }

    /// Every account and its token, a message each, then an empty one.
    fn pack(&self, caller: &Caller, cx: &Cx<'_, Self>) {
        let Some(reply) = caller.reply() else { return };
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
        let source = self.archive.source();
        let words = source.words();
        let known = match self.new_claims(account, caller.body()) {
            Ok(known) => known,
            Err((account, why)) => return self.reply(caller, failed(&account, &why), cx),
        };
        let (key, caller) = (known.key().to_owned(), caller.clone());
        let is_known = self.archive.book.get(&key).is_some();
        let files = source.files();
        if !is_known && !files.is_some_and(|files| files.full) {
            return self.reply(&caller, done(&key, &format!("{} skipped", words.update)), cx);
        }
        if let Some(why) = problems(&known) {
            let why = format!("{} - {why}", words.invalid);
            return self.reply(&caller, failed(&key, &why), cx);
        }
        if files.is_none() {
            return self.updated(known, &caller, cx);
        }
        self.save(vec![known], cx, move |me, saved, cx| match saved {
            Ok(saved) => saved.into_iter().for_each(|known| me.updated(known, &caller, cx)),
            Err(why) => {
                let why = format!("{} resulted in error - {why}", words.update);
                me.reply(&caller, failed(&key, &why), cx);
            }
        });
    }

    /// Who sends claims knows why: they count even if they were issued before those in force.
    fn updated(&mut self, known: KnownAccount, caller: &Caller, cx: &mut Cx<'_, Self>) {
        let key = known.key().to_owned();
        self.updated += 1;
        self.fetch_exporters(&known, cx);
        if self.archive.put_in_force(known) {
            self.archive.tell_connections();
        }
        self.reply(caller, done(&key, self.archive.source().words().done), cx);
    }

    /// The account that a request's body is the token of, if this server may go by it; or which
    /// account is refused, and why.
    fn new_claims(
        &self,
        account: Option<&str>,
        body: &[u8],
    ) -> Result<KnownAccount, (String, String)> {
        let source = self.archive.source();
        let words = source.words();
        let named = account.unwrap_or("n/a").to_owned();
        if body.is_empty() && source.files().is_none() {
            return Err((named, "jwt update error - request body is empty".to_owned()));
        }
        let refuse =
            |account, why| (account, format!("{} resulted in error - {why}", words.update));
        let text = std::str::from_utf8(body).unwrap_or_default();
        let known = KnownAccount::new(text).map_err(|why| refuse(named, why.to_string()))?;
        let key = known.key().to_owned();
        if let Some(account) = account.filter(|account| *account != key) {
            let why = "subject does not match jwt content".to_owned();
            return Err(refuse(account.to_owned(), why));
        }
        if self.archive.is_barred(&known) {
            let why = "operator requires issuer to be a signing key".to_owned();
            return Err(refuse(key, why));
        }
        match self.archive.trusts(&known) {
            true => Ok(known),
            false => Err((key, format!("{} - not trusted", words.invalid))),
        }
    }

    fn delete(&mut self, caller: &Caller, cx: &mut Cx<'_, Self>) {
        let accounts = match self.archive.to_delete(caller.body()) {
            Ok(accounts) => accounts,
            Err(why) => return self.reply(caller, failed("", &why), cx),
        };
        let Some(files) = self.archive.source().files().cloned() else { return };
        let (caller, names) = (caller.clone(), accounts.clone());
        let removed = tokio::task::spawn_blocking(move || {
            let removed = names.iter().map(|name| files.dir.remove(name, files.hard_delete));
            removed.filter_map(Result::err).map(|why| why.to_string()).collect::<Vec<_>>()
        });
        cx.when(removed, move |me, failures, cx| {
            for account in &accounts {
                me.kept.gone(account);
                me.archive.forget(account);
            }
            me.archive.tell_connections();
            let failures = failures.unwrap_or_else(|why| vec![why.to_string()]);
            let (count, bad) = (accounts.len().saturating_sub(failures.len()), failures.len());
            let body = match bad {
                0 => done("", &format!("deleted {count} accounts")),
                _ => {
                    let why = failures.join("\n");
                    failed("", &format!("deleted {count} accounts, failed for {bad} - {why}"))
                }
            };
            me.reply(&caller, body, cx);
        });
    }
}

/// What is wrong with an account's claims.
fn problems(known: &KnownAccount) -> Option<String> {
    let found = known.claims.validate();
    (!found.is_empty()).then(|| format!("validation errors: [{}]", found.join(" ")))
}

// === impl Archive ===

impl Archive {
    /// Whether the account is signed by a key that an operator keeps for other things.
    fn is_barred(&self, account: &KnownAccount) -> bool {
        let settings = self.broker.settings();
        let operators = settings.authenticator.operators();
        operators.is_some_and(|all| all.idle_keys.contains(&account.claims.iss))
    }

    /// The accounts that a request names, if who signed it may have them deleted.
    fn to_delete(&self, body: &[u8]) -> Result<Vec<String>, String> {
        let why = |by: &str, why: &str| format!("delete accounts request by {by} failed - {why}");
        let text = std::str::from_utf8(body).map_err(|_| why("", "malformed request"))?;
        let claims: Claims<Generic> = decode(text).map_err(|error| why("", &error.to_string()))?;
        let why = |reason: &str| Err(why(&claims.sub, reason));
        if !self.source().files().is_some_and(|files| files.allow_delete) {
            return why("delete must be enabled in server config");
        }
        if !claims.are_self_signed() {
            return why("not self signed");
        }
        let settings = self.broker.settings();
        let operators = settings.authenticator.operators();
        if !operators.is_some_and(|all| all.trusted_keys.contains(&claims.iss)) {
            return why("not trusted");
        }
        let accounts = &claims.nats.accounts;
        if accounts.is_empty() || !accounts.iter().all(|account| is_account_key(account)) {
            return why("malformed request");
        }
        match accounts.iter().any(|account| **account == *self.realm.name) {
            true => why("not allowed to delete system account"),
            false => Ok(accounts.clone()),
        }
    }
}

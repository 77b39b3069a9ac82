//! What the difference of two configurations does to a running server, said before it is done:
//! which actors change, start or end, whose connections are closed, what needs a restart.

use std::collections::BTreeSet;

use super::{Kind, plan};
use crate::config::{Account, Config, User};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Path of the key.
    pub key: String,
    pub verdict: Verdict,
    /// Who is concerned: an actor's path, or a part of the server.
    pub who: String,
    /// What happens, in words, without secrets.
    pub what: String,
}

/// How a difference is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At once, by whom it concerns.
    Changes,
    /// Something new begins.
    Starts,
    /// Something ends.
    Ends,
    /// Not by a reload, which is refused as a whole.
    Restart,
}

/// The effects of putting `new` in force where `old` is, in the order of the keys' table.
pub fn effects(old: &Config, new: &Config) -> Vec<Effect> {
    let plan = plan(old, new);
    let restarts = plan.refused.iter().map(|refusal| Effect {
        key: refusal.key.to_owned(),
        verdict: Verdict::Restart,
        who: "the server".to_owned(),
        what: from_to(&refusal.old, &refusal.new),
    });
    let mut all: Vec<Effect> = restarts.collect();
    for change in plan.changes {
        match change.key {
            "accounts" => of_accounts(&old.accounts, &new.accounts, &mut all),
            "authorization.users" => {
                let (old, new) = (&old.authorization.users, &new.authorization.users);
                all.extend(of_users("authorization.users", old, new));
            }
            key => all.push(Effect {
                key: key.to_owned(),
                verdict: Verdict::Changes,
                who: concerned(change.kind).to_owned(),
                what: from_to(&change.old, &change.new),
            }),
        }
    }
    all
}

/// Whom a change concerns.
fn concerned(kind: Kind) -> &'static str {
    match kind {
        Kind::Logging => "the log",
        Kind::Limits => "every connection",
        Kind::Auth => "every connection, which ends if it is no longer allowed",
        Kind::Mappings => "publishers of the account",
        Kind::Info => "connections to come",
        Kind::Files => "the files of the process",
        Kind::Tls => "handshakes to come",
    }
}

fn from_to(old: &str, new: &str) -> String {
    let shown = |text: &str| if text.is_empty() { "(unset)".to_owned() } else { text.to_owned() };
    match old == new {
        // What differs is not to be shown.
        true => "changed".to_owned(),
        false => format!("{} -> {}", shown(old), shown(new)),
    }
}

fn of_accounts(old: &[Account], new: &[Account], all: &mut Vec<Effect>) {
    let find = |list: &[Account], name: &str| list.iter().position(|one| one.rules.name == name);
    let effect = |name: &str, part: &str, verdict, what: String| Effect {
        key: format!("accounts.{name}{part}"),
        verdict,
        who: format!("/server/accounts/{name}"),
        what,
    };
    for account in old.iter().filter(|account| find(new, &account.rules.name).is_none()) {
        let what = format!("the connections of {} end", counted(account.users.len(), "user"));
        all.push(effect(&account.rules.name, "", Verdict::Ends, what));
    }
    for account in new {
        let name = &account.rules.name;
        let Some(before) = find(old, name).map(|n| &old[n]) else {
            let what = format!("with {}", counted(account.users.len(), "user"));
            all.push(effect(name, "", Verdict::Starts, what));
            continue;
        };
        let (a, b) = (&before.rules, &account.rules);
        let parts = [
            (".nkey", a.nkey != b.nkey),
            (".limits", a.limits != b.limits),
            (".exports", a.exports != b.exports),
            (".imports", a.imports != b.imports),
            (".default_permissions", a.default_permissions != b.default_permissions),
            (".mappings", a.mappings != b.mappings),
            (".msg_trace", a.trace != b.trace),
            (".jetstream", a.jetstream != b.jetstream),
        ];
        for (part, _) in parts.into_iter().filter(|(_, differs)| *differs) {
            all.push(effect(name, part, Verdict::Changes, "changed".to_owned()));
        }
        all.extend(of_users(&format!("accounts.{name}.users"), &before.users, &account.users));
    }
}

/// What becomes of connections when users come, go and change.
fn of_users(key: &str, old: &[User], new: &[User]) -> Option<Effect> {
    let find = |list: &'_ [User], id: &str| list.iter().position(|user| user.id() == id);
    let ended: BTreeSet<&str> = old
        .iter()
        .filter(|user| find(new, user.id()).is_none_or(|n| new[n] != **user))
        .map(User::id)
        .collect();
    let fresh: BTreeSet<&str> =
        new.iter().filter(|user| find(old, user.id()).is_none()).map(User::id).collect();
    let mut what = Vec::new();
    if !ended.is_empty() {
        what.push(format!("gone or changed: {}", names(&ended)));
    }
    if !fresh.is_empty() {
        what.push(format!("new: {}", names(&fresh)));
    }
    (!what.is_empty()).then(|| Effect {
        key: key.to_owned(),
        verdict: Verdict::Changes,
        who: "connections of users that are gone or changed, which end".to_owned(),
        what: what.join("; "),
    })
}

/// A few names, and how many more there are.
fn names(all: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 8;
    let mut text = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if all.len() > SHOWN {
        text.push_str(&format!(" and {} more", all.len() - SHOWN));
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

// === impl Verdict ===

impl Verdict {
    /// In a word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Starts => "starts",
            Self::Ends => "ends",
            Self::Restart => "needs a restart",
        }
    }
}

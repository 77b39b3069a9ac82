//! Whether the imports of all accounts fit the exports: authorised, mapped well, without cycles.
//! Those of a configuration are looked at all at once, those of claims as they arrive.

use std::collections::{HashMap, HashSet};

use vagus_subject::overlaps;
use vagus_subject::transform::{Kind, Transform, TransformError, numbered};

use super::{AccountRules, Import, Sharing};

/// Why an import is refused; says it as nats-server does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("{0:?} account not defined for {1} import")]
    UnknownAccount(String, &'static str),
    #[error("Error adding {1} import {0:?}: {1} import not authorized")]
    NotAuthorized(String, &'static str),
    #[error("Error adding stream import {0:?}: stream import already exists")]
    Exists(String),
    #[error("Error adding {1} import {0:?}: import forms a cycle")]
    Cycle(String, &'static str),
    #[error("Error adding {1} import {0:?}: search cycle depth exhausted")]
    TooDeep(String, &'static str),
    #[error(
        "Error adding stream import {0:?}: stream import prefix can not contain wildcard tokens"
    )]
    Prefix(String),
    #[error(
        "Error adding {kind} import {subject:?}: failed to create mapping transform for {kind} \
         import subject from {from:?} to {to:?}: {why}"
    )]
    Mapping { subject: String, kind: &'static str, from: String, to: String, why: TransformError },
}

/// What accounts import, by name.
type Imports<'a> = HashMap<&'a str, &'a [Import]>;

/// How many accounts a chain of imports may pass.
const DEPTH_MAX: usize = 1024;

/// Looks at the imports of all accounts, in order. Each finding comes with the place of the account
/// and that of the import in it.
pub fn check_imports(accounts: &[AccountRules]) -> Vec<(usize, usize, ImportError)> {
    let by_name: HashMap<&str, &AccountRules> =
        accounts.iter().map(|account| (account.name.as_str(), account)).collect();
    let imports = accounts.iter().map(|one| (one.name.as_str(), one.imports.as_slice())).collect();
    let mut found = Vec::new();
    for (place, account) in accounts.iter().enumerate() {
        let mut seen = HashSet::new();
        for (at, import) in account.imports.iter().enumerate() {
            let twice = import.kind == Sharing::Stream
                && !seen.insert((&import.account, &import.subject, import.local()));
            let checked = match twice {
                true => Err(ImportError::Exists(import.subject.clone())),
                false => check(account, import, &by_name, &imports),
            };
            found.extend(checked.err().map(|why| (place, at, why)));
        }
    }
    found
}

/// Leaves out the imports of an account that form a cycle with what it imports besides, or others
/// do, of whom `imports_of` tells it. What is left out comes back with the reason.
pub fn refuse_cycles(
    account: &mut AccountRules,
    imports_of: impl Fn(&str) -> Option<Vec<Import>>,
) -> Vec<ImportError> {
    let wanted = std::mem::take(&mut account.imports);
    let others = reachable(&account.name, &wanted, imports_of);
    let mut refused = Vec::new();
    for import in wanted {
        let mut imports: Imports<'_> =
            others.iter().map(|(name, imports)| (name.as_str(), imports.as_slice())).collect();
        imports.insert(&account.name, &account.imports);
        match check_cycle(&account.name, &import, &imports) {
            Ok(()) => account.imports.push(import),
            Err(why) => refused.push(why),
        }
    }
    refused
}

/// Everyone from whom something comes by these imports, through whomever, but for `origin` itself.
fn reachable(
    origin: &str,
    imports: &[Import],
    imports_of: impl Fn(&str) -> Option<Vec<Import>>,
) -> HashMap<String, Vec<Import>> {
    let exporters = |imports: &[Import]| -> Vec<String> {
        imports.iter().map(|import| import.account.clone()).collect()
    };
    let (mut found, mut open) = (HashMap::new(), exporters(imports));
    while let Some(name) = open.pop() {
        if name != origin && !found.contains_key(&name) {
            let imports = imports_of(&name).unwrap_or_default();
            open.extend(exporters(&imports));
            found.insert(name, imports);
        }
    }
    found
}

fn check(
    account: &AccountRules,
    import: &Import,
    accounts: &HashMap<&str, &AccountRules>,
    imports: &Imports<'_>,
) -> Result<(), ImportError> {
    let (kind, subject) = (word(import.kind), import.subject.clone());
    let Some(exporter) = accounts.get(import.account.as_str()) else {
        return Err(ImportError::UnknownAccount(import.account.clone(), kind));
    };
    let mut exports = exporter.exports.iter().filter(|export| export.kind == import.kind);
    if !exports.any(|export| export.offers(&import.subject, &account.name)) {
        return Err(ImportError::NotAuthorized(subject, kind));
    }
    mapping(import)?;
    check_cycle(&account.name, import, imports)
}

fn check_cycle(account: &str, import: &Import, imports: &Imports<'_>) -> Result<(), ImportError> {
    let mut search = Search {
        imports,
        kind: import.kind,
        origin: account,
        local: import.local_pattern(),
        visited: HashSet::new(),
    };
    let (kind, subject) = (word(import.kind), import.subject.clone());
    match search.comes_back(&import.account, &import.subject, 0) {
        Some(false) => Ok(()),
        Some(true) => Err(ImportError::Cycle(subject, kind)),
        None => Err(ImportError::TooDeep(subject, kind)),
    }
}

fn mapping(import: &Import) -> Result<(), ImportError> {
    let subject = import.subject.clone();
    if import.prefix.as_ref().is_some_and(|p| vagus_subject::has_wildcards(p.as_bytes())) {
        return Err(ImportError::Prefix(subject));
    }
    let Some(to) = &import.to else { return Ok(()) };
    if *to == import.subject {
        return Ok(());
    }
    let numbered = numbered(to.as_bytes());
    let checked = Transform::new(import.subject.as_bytes(), &numbered, Kind::Import);
    checked.map(drop).map_err(|why| {
        let (kind, to) = (word(import.kind), to.clone());
        let (from, to) = match import.kind {
            Sharing::Stream => (subject.clone(), to),
            Sharing::Service => (to, subject.clone()),
        };
        ImportError::Mapping { subject, kind, from, to, why }
    })
}

/// A search for a way of imports that leads from an import back to itself.
struct Search<'a> {
    imports: &'a Imports<'a>,
    kind: Sharing,
    /// The account of the import, and what the import is called there.
    origin: &'a str,
    local: String,
    visited: HashSet<(&'a str, &'a str)>,
}

impl<'a> Search<'a> {
    /// Whether what `account` has on `subject` comes from the import; `None`: too deep to tell.
    fn comes_back(&mut self, account: &str, subject: &str, depth: usize) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        if account == self.origin && overlaps(self.local.as_bytes(), subject.as_bytes()) {
            return Some(true);
        }
        let (kind, all) = (self.kind, self.imports);
        let imports = all.get(account).copied().unwrap_or_default();
        for import in imports.iter().filter(|import| import.kind == kind) {
            if !overlaps(import.local_pattern().as_bytes(), subject.as_bytes()) {
                continue;
            }
            if self.visited.insert((&import.account, &import.subject))
                && self.comes_back(&import.account, &import.subject, depth + 1)?
            {
                return Some(true);
            }
        }
        Some(false)
    }
}

fn word(kind: Sharing) -> &'static str {
    match kind {
        Sharing::Stream => "stream",
        Sharing::Service => "service",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Export;
    use super::*;
    use Sharing::{Service, Stream};

    fn account(name: &str, exports: &[(Sharing, &str)], imports: Vec<Import>) -> AccountRules {
        let exports = exports.iter().map(|(kind, subject)| Export::new(*kind, *subject)).collect();
        AccountRules { name: name.to_owned(), exports, imports, ..Default::default() }
    }

    fn import(kind: Sharing, account: &str, subject: &str, to: &str) -> Import {
        let to = (!to.is_empty()).then(|| to.to_owned());
        Import { to, ..Import::new(kind, account, subject) }
    }

    fn texts(accounts: &[AccountRules]) -> Vec<String> {
        check_imports(accounts).into_iter().map(|(_, _, why)| why.to_string()).collect()
    }

    /// Of one import into B, from what A exports.
    fn of_one(import: Import) -> String {
        let a = account("A", &[(Stream, "s.>"), (Service, "q.>")], vec![]);
        texts(&[a, account("B", &[], vec![import])]).join("; ")
    }

    #[test]
    fn what_is_not_exported_is_not_imported() {
        assert_eq!(of_one(import(Stream, "A", "s.a", "")), "");
        assert_eq!(of_one(import(Service, "A", "q.*", "x.$1")), "");
        assert_eq!(of_one(import(Service, "A", "q.*", "x.*")), "");
        assert_eq!(
            of_one(import(Stream, "X", "s.a", "")),
            "\"X\" account not defined for stream import"
        );
        for (subject, kind, word) in [("q.a", Stream, "stream"), ("s.a", Service, "service")] {
            assert_eq!(
                of_one(import(kind, "A", subject, "")),
                format!("Error adding {word} import {subject:?}: {word} import not authorized")
            );
        }
    }

    #[test]
    fn mappings_of_imports_can_be_reversed() {
        assert_eq!(
            of_one(import(Service, "A", "q.*", "x")),
            "Error adding service import \"q.*\": failed to create mapping transform for service \
             import subject from \"x\" to \"q.*\": invalid mapping destination: not using all of \
             the token wildcard(s) in x"
        );
        let prefixed = Import { prefix: Some("x.*.".into()), ..Import::new(Stream, "A", "s.a") };
        assert_eq!(
            of_one(prefixed),
            "Error adding stream import \"s.a\": stream import prefix can not contain \
             wildcard tokens"
        );
    }

    #[test]
    fn offers_may_be_for_some() {
        let mut private = Export::new(Stream, "s.*.x");
        private.accounts = Some(vec!["B".to_owned()]);
        assert!(private.offers("s.a.x", "B") && !private.offers("s.a.x", "C"));
        assert!(!private.offers("s.>", "B"));
        let positioned = Export { account_token_position: Some(2), ..Export::new(Stream, "s.*.x") };
        assert!(positioned.offers("s.B.x", "B") && !positioned.offers("s.C.x", "B"));
        assert!(!positioned.offers("s.*.x", "B"));
    }

    #[test]
    fn cycles_are_found_and_chains_are_not_cycles() {
        for kind in [Stream, Service] {
            let word = super::word(kind);
            let exports = [(kind, "s")];
            let ring = |last: &str| {
                [("A", "B"), ("B", "C"), ("C", last)].map(|(name, from)| {
                    let imports = vec![import(kind, from, "s", "")];
                    account(name, &exports, imports)
                })
            };
            let cycle = format!("Error adding {word} import \"s\": import forms a cycle");
            assert_eq!(texts(&ring("A")), [cycle.as_str(); 3], "every import is in the ring");
            let d = account("D", &exports, vec![]);
            let chain: Vec<_> = ring("D").into_iter().chain([d]).collect();
            assert!(texts(&chain).is_empty());
        }
        let own =
            |to: &str| account("A", &[(Service, "q.>")], vec![import(Service, "A", "q.a", to)]);
        assert!(texts(&[own("x")]).is_empty());
        assert_eq!(texts(&[own("")]).len(), 1);
        let there = account("A", &[(Stream, "q.>")], vec![import(Stream, "B", "z.a", "q.x")]);
        let back = account("B", &[(Stream, "z.>")], vec![import(Stream, "A", "q.y", "z.a")]);
        assert!(texts(&[there, back]).is_empty(), "what comes back is another subject");
    }

    #[test]
    fn who_comes_last_closes_no_ring() {
        let exports = [(Service, "s"), (Service, "t")];
        let from =
            |name: &str| vec![import(Service, name, "s", ""), import(Service, name, "t", "x")];
        let (b, c) = (from("C"), from("A"));
        let known = |name: &str| match name {
            "B" => Some(b.clone()),
            "C" => Some(c.clone()),
            _ => None,
        };
        let mut a = account("A", &exports, from("B"));
        let refused = refuse_cycles(&mut a, known);
        let cycle = "Error adding service import \"s\": import forms a cycle";
        assert_eq!(refused.iter().map(ImportError::to_string).collect::<Vec<_>>(), [cycle]);
        assert_eq!(a.imports, from("B")[1..]);
        let mut alone = account("A", &exports, from("B"));
        assert!(refuse_cycles(&mut alone, |_| None).is_empty() && alone.imports.len() == 2);
        let mut own = account("A", &exports, from("A"));
        assert_eq!((refuse_cycles(&mut own, known).len(), own.imports.len()), (1, 1));
    }

    #[test]
    fn a_stream_is_imported_once() {
        let a = account("A", &[(Stream, "s.>")], vec![]);
        let b =
            account("B", &[], vec![import(Stream, "A", "s.a", ""), import(Stream, "A", "s.a", "")]);
        assert_eq!(
            texts(&[a, b]),
            ["Error adding stream import \"s.a\": stream import already exists"]
        );
    }
}

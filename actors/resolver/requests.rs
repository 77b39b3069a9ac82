//! What can be asked of the resolver, and the form of its answers.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// The claims of an account.
    LookUp(&'a str),
    /// All claims, unless who asks has the same ones.
    Pack,
    /// The keys of all accounts.
    List,
    /// New claims, perhaps of this very account.
    Update(Option<&'a str>),
    /// Accounts are to be forgotten.
    Delete,
}

/// Where all claims are asked for: of one server of those that have them.
pub(super) const PACK: &str = "$SYS.REQ.CLAIMS.PACK";
/// The last token of the subject on which this server is sent all claims of another.
pub(super) const PACKED: &str = "PACK";

/// Every subject on which a resolver hears requests: with files there are more, and more still
/// where they are those of all accounts.
pub(super) fn subjects(files: bool, full: bool) -> Vec<&'static str> {
    let mut subjects = vec![
        "$SYS.REQ.CLAIMS.UPDATE",
        "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE",
        "$SYS.ACCOUNT.*.CLAIMS.UPDATE",
    ];
    if files {
        subjects.extend(["$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.CLAIMS.DELETE"]);
    }
    if full {
        // Only who has all can say that there is none.
        subjects.extend(["$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", PACK]);
    }
    subjects
}

/// The queue group in which a subject of [`subjects`] is heard.
pub(super) fn group(subject: &str) -> Option<&'static [u8]> {
    (subject == PACK).then_some(b"responder")
}

/// What a subject of [`subjects`] asks.
pub(super) fn read(subject: &str) -> Option<Ask<'_>> {
    let rest = subject.strip_prefix("$SYS.")?;
    match rest {
        "REQ.CLAIMS.UPDATE" => return Some(Ask::Update(None)),
        "REQ.CLAIMS.PACK" => return Some(Ask::Pack),
        "REQ.CLAIMS.LIST" => return Some(Ask::List),
        "REQ.CLAIMS.DELETE" => return Some(Ask::Delete),
        _ => {}
    }
    let rest = rest.strip_prefix("REQ.").unwrap_or(rest);
    match rest.strip_prefix("ACCOUNT.")?.split_once('.')? {
        (account, "CLAIMS.UPDATE") => Some(Ask::Update(Some(account))),
        (account, "CLAIMS.LOOKUP") => Some(Ask::LookUp(account)),
        _ => None,
    }
}

/// The answer's part that says it is done.
pub(super) fn done(account: &str, message: &str) -> (&'static str, Value) {
    ("data", json!({ "account": account, "code": 200, "message": message }))
}

/// The answer's part that says why it is not.
pub(super) fn failed(account: &str, description: &str) -> (&'static str, Value) {
    let mut body = json!({ "code": 500, "description": description });
    if !account.is_empty() {
        body["account"] = account.into();
    }
    ("error", body)
}

/// What all tokens together are known by: the hashes of each, put over one another, so that the
/// order does not count.
pub(super) fn hash<'a>(tokens: impl Iterator<Item = &'a str>) -> [u8; 32] {
    let mut all = [0; 32];
    for token in tokens {
        let one = Sha256::digest(token.as_bytes());
        all.iter_mut().zip(one).for_each(|(byte, other)| *byte ^= other);
    }
    all
}

/// Whether the body of a request for all claims names the hash of those there are, as bytes or in
/// hexadecimal.
pub(super) fn has_hash(body: &[u8], hash: &[u8; 32]) -> bool {
    body == hash || body == HEXLOWER.encode(hash).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_heard_is_understood() {
        for subject in subjects(true, true) {
            assert!(read(&subject.replace('*', "ABC")).is_some(), "{subject}");
        }
        assert_eq!(read("$SYS.ACCOUNT.A.CLAIMS.UPDATE"), Some(Ask::Update(Some("A"))));
        assert_eq!(read("$SYS.REQ.ACCOUNT.A.CLAIMS.LOOKUP"), Some(Ask::LookUp("A")));
        assert_eq!(read("$SYS.REQ.ACCOUNT.A.CLAIMS.NOPE"), None);
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order() {
        assert_eq!(hash(["a", "b"].into_iter()), hash(["b", "a"].into_iter()));
        assert_ne!(hash(["a"].into_iter()), hash(["b"].into_iter()));
        assert_eq!(hash(["a", "a"].into_iter()), [0; 32]);
    }
}

//! Templates of scoped signing keys: functions in double braces, of the user and its account.

use super::account::AccountClaims;
use super::claims::Claims;
use super::user::{ClaimedSubjects, UserClaims, UserTerms};
use vagus_subject::is_valid_subscription;

/// Most subjects that one entry of a template may become.
const SUBJECTS_MAX: usize = 4096;

/// The terms of a user whose signing key has this template. An error says which entry is wrong.
pub fn expand(
    template: &UserTerms,
    user: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
) -> Result<UserTerms, String> {
    let mut terms = template.clone();
    for side in [&mut terms.permissions.publish, &mut terms.permissions.subscribe] {
        expand_side(side, user, account)?;
    }
    Ok(terms)
}

fn expand_side(
    side: &mut ClaimedSubjects,
    user: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
) -> Result<(), String> {
    let all = |entries: &[String], strict: bool| {
        let mut subjects = Vec::new();
        for entry in entries {
            subjects.extend(expand_entry(entry, strict, user, account)?);
        }
        Ok::<_, String>(subjects)
    };
    let allowed = !side.allow.is_empty();
    (side.allow, side.deny) = (all(&side.allow, false)?, all(&side.deny, true)?);
    if allowed && side.allow.is_empty() {
        // Nothing is left of what was allowed, which is not the same as everything.
        side.deny.push(">".to_owned());
    }
    Ok(())
}

/// A piece of an entry: what it may read.
struct Piece<'a> {
    before: &'a str,
    values: Vec<String>,
}

/// What is denied must not get lost, so there a value that is missing is an error (`strict`).
fn expand_entry(
    entry: &str,
    strict: bool,
    user: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
) -> Result<Vec<String>, String> {
    let (mut pieces, mut rest) = (Vec::new(), entry);
    while let Some((before, after)) = rest.split_once("{{") {
        let (call, behind) =
            after.split_once("}}").ok_or_else(|| format!("template in {entry:?} has no end"))?;
        let values = values_of(call, user, account)
            .ok_or_else(|| format!("template operation in {entry:?}: {call:?} is not defined"))?;
        if values.is_empty() && strict {
            return Err(format!("generated invalid subject: {call:?} in {entry:?} has no value"));
        }
        pieces.push(Piece { before, values });
        rest = behind;
    }
    if pieces.is_empty() {
        return Ok(vec![entry.to_owned()]);
    }
    let count = pieces.iter().try_fold(1usize, |n, piece| n.checked_mul(piece.values.len()));
    if count.is_none_or(|count| count > SUBJECTS_MAX) {
        return Err(format!("template in {entry:?} makes too many subjects"));
    }
    let mut subjects = vec![String::new()];
    for piece in &pieces {
        let more = |start: &String| {
            let start = format!("{start}{}", piece.before);
            piece.values.iter().map(move |value| format!("{start}{value}")).collect::<Vec<_>>()
        };
        subjects = subjects.iter().flat_map(more).collect();
    }
    let mut good = Vec::new();
    for subject in subjects.into_iter().map(|subject| format!("{subject}{rest}")) {
        match is_valid_subscription(subject.split(' ').next().unwrap_or_default().as_bytes()) {
            true => good.push(subject),
            false if strict => return Err(format!("generated invalid subject {subject:?}")),
            false => {}
        }
    }
    Ok(good)
}

/// `None`: there is no such function.
fn values_of(
    call: &str,
    user: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
) -> Option<Vec<String>> {
    let call = call.trim().to_lowercase();
    let argument = |name: &str| {
        let inside = call.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
        Some(inside.trim().to_owned())
    };
    Some(match call.as_str() {
        "name()" => vec![user.name.clone()],
        "subject()" => vec![user.sub.clone()],
        "account-name()" => vec![account.name.clone()],
        "account-subject()" => vec![account.sub.clone()],
        _ => match (argument("tag"), argument("account-tag")) {
            (Some(key), _) => tagged(&user.nats.tags, &key),
            (None, Some(key)) => tagged(&account.nats.tags, &key),
            (None, None) => return None,
        },
    })
}

/// The values of the tags with this key: `key:value`.
fn tagged(tags: &[String], key: &str) -> Vec<String> {
    let value = |tag: &String| {
        let tag = tag.trim().to_lowercase();
        tag.strip_prefix(key)?.strip_prefix(':').map(str::to_owned)
    };
    tags.iter().filter_map(value).collect()
}

//! JWTs: what strangers show is refused or taken apart, and claims that are well signed may say
//! anything.
#![no_main]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use libfuzzer_sys::fuzz_target;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Map, Value};
use vagus_auth::KnownAccount;
use vagus_auth::jwt::{
    AccountClaims, Activation, AuthorizationResponse, Claims, Generic, JwtError, OperatorClaims,
    UserClaims, decode, decode_any, expand,
};

static OPERATOR: LazyLock<KeyPair> = LazyLock::new(|| key(KeyPairType::Operator));
static ACCOUNT: LazyLock<KeyPair> = LazyLock::new(|| key(KeyPairType::Account));
static USER: LazyLock<KeyPair> = LazyLock::new(|| key(KeyPairType::User));

fn key(kind: KeyPairType) -> KeyPair {
    KeyPair::new_from_raw(kind, [7; 32]).expect("32 bytes are a key")
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    take_apart(&text);
    if let Ok(Value::Object(claims)) = serde_json::from_slice(data) {
        let token = signed(claims);
        take_apart(&token);
        change(&token, data.len());
    }
});

/// Reads a token as each kind of claims, of which it is one at most, and judges what it says.
fn take_apart(token: &str) {
    let any = decode_any(token);
    let kinds = [
        decode::<OperatorClaims>(token).map(|claims| judge_operator(&claims)),
        decode::<AccountClaims>(token).map(|claims| judge_account(&claims)),
        decode::<UserClaims>(token).map(|claims| judge_user(&claims)),
        decode::<Activation>(token).map(drop),
        decode::<AuthorizationResponse>(token).map(drop),
        decode::<Generic>(token).map(drop),
    ];
    assert!(kinds.iter().filter(|read| read.is_ok()).count() <= 1);
    if let Err(why) = any {
        assert!(kinds.iter().all(|read| *read == Err(why.clone())));
    }
    let known = KnownAccount::new(token);
    assert!(kinds[1].is_err() || known.is_ok_and(|account| *account.token == *token));
}

fn judge_operator(claims: &Claims<OperatorClaims>) {
    claims.validate();
    let _ = claims.check_server("2.14.5");
    assert!(claims.trusted_keys().count() <= 1 + claims.nats.signing_keys.len());
}

fn judge_account(claims: &Claims<AccountClaims>) {
    let rules = claims.rules();
    assert_eq!(rules.name, claims.sub);
    claims.validate();
    claims.revokes(&USER.public_key(), 0);
    assert!(claims.signing_key("").is_none_or(|key| key.key().is_empty()));
}

fn judge_user(claims: &Claims<UserClaims>) {
    let terms = &claims.nats.terms;
    if claims.validate().is_empty() {
        terms.time_left(claims.iat);
    }
    terms.admits(Some([127, 0, 0, 1].into()));
    terms.connection_types();
    terms.permissions.rules();
    terms.limits();
    let mut account: Claims<AccountClaims> = Claims::default();
    account.nats.tags.clone_from(&claims.nats.tags);
    if let Ok(terms) = expand(terms, claims, &account) {
        let lists = [&terms.permissions.publish, &terms.permissions.subscribe];
        assert!(lists.iter().all(|list| list.allow.len() + list.deny.len() < 4096 * 1024));
    }
}

/// A token that says this, signed by whoever may; with a `type` on the outside it is an old one.
fn signed(mut claims: Map<String, Value>) -> String {
    let old = claims.contains_key("type");
    let kind = match old {
        true => claims.get("type"),
        false => claims.get("nats").and_then(|nats| nats.get("type")),
    };
    let (by, about) = match kind.and_then(Value::as_str) {
        Some("operator") => (&OPERATOR, &OPERATOR),
        Some("account") => (&OPERATOR, &ACCOUNT),
        _ => (&ACCOUNT, &USER),
    };
    claims.insert("iss".to_owned(), by.public_key().into());
    claims.entry("sub").or_insert_with(|| about.public_key().into());
    let header = if old { r#"{"typ":"jwt","alg":"ed25519"}"# } else { HEADER };
    let header = BASE64URL_NOPAD.encode(header.as_bytes());
    let payload = BASE64URL_NOPAD.encode(Value::Object(claims).to_string().as_bytes());
    let text = if old { payload.clone() } else { format!("{header}.{payload}") };
    let signature = BASE64URL_NOPAD.encode(&by.sign(text.as_bytes()).expect("it has its seed"));
    format!("{header}.{payload}.{signature}")
}

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// No letter of what is signed can be another, and nothing can be missing.
fn change(token: &str, at: usize) {
    let Ok(_) = decode_any(token) else { return };
    let start = token.find('.').map_or(0, |dot| dot + 1);
    let end = token.rfind('.').unwrap_or(token.len());
    let place = start + at % (end - start);
    let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &token[..place], &token[place + 1..]);
    assert!(decode_any(&forged).is_err());
    let cut = decode_any(&token[..place]);
    assert!(matches!(cut, Err(JwtError::Chunks)));
    assert!(decode_any(&token[..token.len() - 1]).is_err());
}

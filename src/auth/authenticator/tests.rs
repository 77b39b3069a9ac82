//! The order of the rules, each proof, and a comparison with a plain model of them all.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::{ConnectionTypes, UserRule};

fn authenticator(rules: Rules) -> Authenticator {
    Authenticator::new(rules).unwrap()
}

fn shown<'a>(user: &'a str, pass: &'a str, token: &'a str) -> Credentials<'a> {
    Credentials { user, pass, token, ..Credentials::default() }
}

/// The name granted, with "" for anonymous; none if refused.
fn decide(a: &Authenticator, c: Credentials<'_>) -> Option<String> {
    let identity = match a.begin(&c) {
        Outcome::Granted(identity) => identity,
        Outcome::Denied(_) | Outcome::Fetch(_) | Outcome::Ask(_) => return None,
        Outcome::Slow(check) => check.run()?,
    };
    Some(identity.name.as_deref().unwrap_or_default().to_owned())
}

fn list(users: &[(&str, &str)]) -> Rules {
    let users = users.iter().map(|(u, p)| UserRule::new(*u, *p)).collect();
    Rules { users, ..Rules::default() }
}

/// Passwords of the tests as hashes of the lowest cost.
static HASHES: LazyLock<HashMap<&str, String>> =
    LazyLock::new(|| ["", "p", "q"].map(|p| (p, bcrypt::hash(p, 4).unwrap())).into());

#[test]
fn no_rules_let_everyone_in() {
    let a = authenticator(Rules::default());
    assert!(!a.required() && !a.announced());
    assert_eq!(decide(&a, shown("", "", "")).as_deref(), Some(""));
    assert_eq!(decide(&a, shown("joe", "x", "y")).as_deref(), Some(""));
}

#[test]
fn a_token_is_redacted() {
    for token in ["q", HASHES["q"].as_str()] {
        let a = authenticator(Rules { token: Some(token.into()), ..Rules::default() });
        assert!(a.required() && a.announced());
        assert_eq!(decide(&a, shown("", "", "q")).as_deref(), Some("[REDACTED]"));
        assert_eq!(decide(&a, shown("joe", "p", "q")).as_deref(), Some("[REDACTED]"));
        for wrong in ["", "p", "qq", HASHES["q"].as_str()] {
            assert_eq!(decide(&a, shown("", "q", wrong)), None);
        }
    }
}

#[test]
fn a_single_user_needs_both_name_and_password() {
    let a = authenticator(Rules { user_pass: Some(UserRule::new("joe", "p")), ..Rules::default() });
    assert_eq!(decide(&a, shown("joe", "p", "")).as_deref(), Some("joe"));
    for (user, pass) in [("joe", "q"), ("joe", ""), ("ann", "p"), ("", "p"), ("", "")] {
        assert_eq!(decide(&a, shown(user, pass, "")), None, "{user} {pass}");
    }
}

#[test]
fn listed_users_may_have_plain_hashed_or_no_passwords() {
    let a = authenticator(list(&[("a", "p"), ("b", &HASHES["q"]), ("c", "")]));
    for (user, pass) in [("a", "p"), ("b", "q"), ("c", "")] {
        assert_eq!(decide(&a, shown(user, pass, "")).as_deref(), Some(user));
        assert_eq!(decide(&a, shown(user, "wrong", "")), None);
    }
    assert_eq!(decide(&a, shown("nobody", "p", "")), None);
    assert_eq!(decide(&a, shown("", "p", "")), None);
    assert_eq!(decide(&a, shown("", "", "")), None);
}

#[test]
fn who_shows_nothing_becomes_no_auth_user() {
    for secret in ["p", HASHES["p"].as_str()] {
        let rules = Rules { no_auth_user: Some("a".to_owned()), ..list(&[("a", secret)]) };
        let a = authenticator(rules);
        assert!(a.required() && !a.announced());
        assert_eq!(decide(&a, shown("", "", "")).as_deref(), Some("a"));
        assert_eq!(decide(&a, shown("a", "p", "")).as_deref(), Some("a"));
        for c in [shown("a", "", ""), shown("", "p", ""), shown("", "", "p")] {
            assert_eq!(decide(&a, c), None);
        }
    }
}

#[test]
fn senseless_rules_are_refused() {
    let twice = Authenticator::new(list(&[("a", "p"), ("a", "q")])).unwrap_err();
    assert_eq!(twice.to_string(), "Duplicate user \"a\" detected");
    let unknown = Rules { no_auth_user: Some("x".to_owned()), ..list(&[("a", "p")]) };
    assert_eq!(
        Authenticator::new(unknown).unwrap_err().to_string(),
        "no_auth_user: \"x\" not present as user or nkey in authorization block or account \
         configuration"
    );
}

#[test]
fn refusals_take_the_same_way_for_known_and_unknown_users() {
    let costly = bcrypt::hash("z", 5).unwrap();
    let mixed = authenticator(list(&[("a", "p"), ("b", &HASHES["q"]), ("c", &costly)]));
    for user in ["a", "b", "c", "nobody"] {
        let Outcome::Slow(check) = mixed.begin(&shown(user, "wrong", "")) else {
            panic!("{user} is refused without a hash");
        };
        if user != "b" {
            assert_eq!(check.hash.cost(), Some(5), "{user}");
        }
        assert_eq!(check.run(), None);
    }
    // The decoy's own password opens nothing.
    assert_eq!(decide(&mixed, shown("nobody", "z", "")), None);
    assert_eq!(decide(&mixed, shown("a", "z", "")), None);

    let plain = authenticator(list(&[("a", "p")]));
    for user in ["a", "nobody"] {
        assert!(matches!(plain.begin(&shown(user, "wrong", "")), Outcome::Denied(_)));
    }
}

#[test]
fn a_reload_keeps_whom_the_same_rule_still_grants() {
    let before = list(&[("a", "p"), ("b", "p")]);
    let Outcome::Granted(joe) = authenticator(before.clone()).begin(&shown("a", "p", "")) else {
        panic!("not granted");
    };
    let stays =
        |rules: Rules, who: &Identity, kind| authenticator(rules).review(who, kind, 0).is_ok();
    let client = ConnectionType::Standard;
    assert!(stays(before.clone(), &joe, client));
    assert!(stays(list(&[("c", "x"), ("a", "p")]), &joe, client));
    assert!(!stays(list(&[("a", "other")]), &joe, client));
    assert!(!stays(list(&[("b", "p")]), &joe, client));
    assert!(!stays(Rules::default(), &joe, client));
    assert!(stays(Rules::default(), &Identity::anonymous(), client));
    assert!(!stays(list(&[("a", "p")]), &Identity::anonymous(), client));
    let mut fewer = before;
    fewer.users[0].connection_types = ConnectionTypes::parse(["LEAFNODE"]).0;
    assert!(stays(fewer.clone(), &joe, ConnectionType::LeafNode));
    assert!(!stays(fewer, &joe, client));
}

#[test]
fn plain_passwords_are_noticed() {
    assert!(list(&[("a", &HASHES["p"]), ("b", "p")]).has_plain_password());
    assert!(!list(&[("a", &HASHES["p"])]).has_plain_password());
    assert!(!Rules { token: Some("t".into()), ..Rules::default() }.has_plain_password());
}

#[test]
fn nothing_secret_is_shown() {
    let a = authenticator(Rules { token: Some("t0ken".into()), ..list(&[("a", "s3cret")]) });
    let slow = authenticator(list(&[("a", &HASHES["p"])])).begin(&shown("a", "s3cret", ""));
    let text = format!("{a:?} {slow:?} {:?}", a.begin(&shown("a", "s3cret", "")));
    assert!(
        !text.contains("s3cret") && !text.contains("t0ken") && !text.contains("$2b$"),
        "{text}"
    );
}

// === the model ===

/// The rules with passwords in plain, whatever the configuration holds.
#[derive(Debug, Clone)]
struct Model {
    users: Vec<(String, String)>,
    token: Option<String>,
    single: Option<(String, String)>,
    no_auth_user: bool,
    hashed: bool,
}

impl Model {
    fn rules(&self) -> Rules {
        let secret = |p: &String| match HASHES.get(p.as_str()) {
            Some(hash) if self.hashed => Secret::from(hash.as_str()),
            _ => Secret::from(p.as_str()),
        };
        let user = |(u, p): &(String, String)| UserRule::new(u.clone(), secret(p));
        Rules {
            users: self.users.iter().map(user).collect(),
            token: self.token.as_ref().map(secret),
            user_pass: self.single.as_ref().map(user),
            no_auth_user: self.users.first().filter(|_| self.no_auth_user).map(|u| u.0.clone()),
            ..Rules::default()
        }
    }

    fn expected(&self, c: Credentials<'_>) -> Option<String> {
        if self.users.is_empty() && self.token.is_none() && self.single.is_none() {
            return Some(String::new());
        }
        if c.is_empty() && self.no_auth_user && !self.users.is_empty() {
            return Some(self.users[0].0.clone());
        }
        if !self.users.is_empty() && !c.user.is_empty() {
            let found = self.users.iter().find(|(u, p)| u == c.user && p == c.pass);
            return found.map(|(u, _)| u.clone());
        }
        if let Some(token) = &self.token {
            return (token == c.token).then(|| "[REDACTED]".to_owned());
        }
        let (user, pass) = self.single.as_ref()?;
        (user == c.user && pass == c.pass).then(|| user.clone())
    }
}

fn model() -> impl Strategy<Value = Model> {
    let users = prop::collection::hash_map("[abc]", "[pq]?", 0..3);
    let token = prop::option::of("[pq]");
    let single = prop::option::of(("[ab]", "[pq]?"));
    (users, token, single, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |(users, token, single, no_auth_user, hashed)| {
            let users = users.into_iter().collect();
            Model { users, token, single, no_auth_user, hashed }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn decisions_agree_with_the_model(
        model in model(), user in "[abc]?", pass in "[pq]?", token in "[pq]?",
    ) {
        let c = shown(&user, &pass, &token);
        prop_assert_eq!(decide(&authenticator(model.rules()), c), model.expected(c));
    }
}

//! Every reason for which a user with a JWT is refused, and what one that is not is granted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use proptest::prelude::*;

use super::*;
use crate::connection_type::ConnectionType;
use crate::jwt::{OperatorLimits, TimeRange, UserScope, mint};
use crate::permissions::Grant;
use crate::{Authenticator, Rules};

const NOW: i64 = 1_800_000_000;

/// An operator, one of its accounts, a signing key of that, and a user.
struct World {
    operator: KeyPair,
    account: KeyPair,
    signer: KeyPair,
    user: KeyPair,
    account_claims: Claims<AccountClaims>,
    user_claims: Claims<UserClaims>,
}

impl World {
    fn new() -> Self {
        let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
        let (signer, user) = (KeyPair::new_account(), KeyPair::new_user());
        let limits =
            OperatorLimits { subs: -1, payload: -1, conn: -1, leaf: -1, ..Default::default() };
        let account_claims = Claims {
            sub: account.public_key(),
            name: "acme".to_owned(),
            nats: AccountClaims {
                limits,
                kind: "account".to_owned(),
                version: 2,
                ..Default::default()
            },
            ..Default::default()
        };
        let terms = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
        let user_claims = Claims {
            sub: user.public_key(),
            name: "joe".to_owned(),
            nats: UserClaims { terms, kind: "user".to_owned(), version: 2, ..Default::default() },
            ..Default::default()
        };
        Self { operator, account, signer, user, account_claims, user_claims }
    }

    fn authenticator(&self) -> Authenticator {
        let token = mint(&self.account_claims, &self.operator, NOW).unwrap();
        let book = Arc::new(AccountBook::default());
        book.put(KnownAccount::new(&token).unwrap());
        self.authenticator_with(book)
    }

    fn authenticator_with(&self, book: Arc<AccountBook>) -> Authenticator {
        let operators = Operators::new([self.operator.public_key()].into(), book);
        Authenticator::new(Rules::default()).unwrap().with_operators(operators)
    }

    fn token(&self) -> String {
        mint(&self.user_claims, &self.account, NOW).unwrap()
    }

    /// By the signing key, with nothing stated.
    fn scoped_token(&mut self) -> String {
        self.user_claims.nats.terms = UserTerms::default();
        self.user_claims.nats.issuer_account = self.account.public_key();
        mint(&self.user_claims, &self.signer, NOW).unwrap()
    }

    fn outcome(&self, token: &str) -> Outcome {
        self.ask(&self.authenticator(), token, |_| ())
    }

    fn ask(
        &self,
        authenticator: &Authenticator,
        token: &str,
        change: impl Fn(&mut Credentials<'_>),
    ) -> Outcome {
        let nonce = "abcdefghijklmno";
        let sig = BASE64URL_NOPAD.encode(&self.user.sign(nonce.as_bytes()).unwrap());
        let ip = Some("10.1.2.3".parse().unwrap());
        let mut credentials =
            Credentials { jwt: token, sig: &sig, nonce, ip, now: NOW, ..Default::default() };
        change(&mut credentials);
        authenticator.begin(&credentials)
    }
}

#[track_caller]
fn granted(outcome: Outcome) -> Identity {
    let Outcome::Granted(identity) = outcome else { panic!("{outcome:?}") };
    identity
}

#[track_caller]
fn denied(outcome: Outcome, why: &Denial) {
    let Outcome::Denied(denial) = outcome else { panic!("{outcome:?}") };
    assert_eq!(denial, *why);
}

#[test]
fn a_user_of_a_trusted_account_is_let_in() {
    let world = World::new();
    let identity = granted(world.outcome(&world.token()));
    assert_eq!(*identity.account, world.account.public_key());
    assert_eq!(identity.name.as_deref(), Some(world.user.public_key().as_str()));
    assert_eq!(identity.label.as_deref(), Some("joe"));
    assert!(identity.permissions.is_none() && identity.expires.is_none());
    assert_eq!(identity.limits, crate::UserLimits::default());
    let a = world.authenticator();
    assert!(a.required() && a.announced() && a.gives_nonces());
    denied(world.ask(&a, "", |_| ()), &Denial::NoJwt);
}

#[test]
fn forged_and_foreign_claims_are_refused() {
    let world = World::new();
    let other = World::new();
    denied(world.ask(&world.authenticator(), &world.token(), |c| c.sig = "AA"), &Denial::Signature);
    denied(
        world.ask(&world.authenticator(), &world.token(), |c| c.nonce = "x"),
        &Denial::Signature,
    );
    let stranger = mint(&world.user_claims, &other.account, NOW).unwrap();
    let Outcome::Fetch(name) = world.outcome(&stranger) else { panic!("not fetched") };
    assert_eq!(*name, other.account.public_key());
    let mut claims = world.user_claims.clone();
    claims.nats.issuer_account = world.account.public_key();
    let pretender = mint(&claims, &other.account, NOW).unwrap();
    denied(world.outcome(&pretender), &Denial::UntrustedSigner);
    let own = Claims { sub: world.user.public_key(), ..world.user_claims.clone() };
    let by_user = mint(&own, &world.user, NOW).unwrap();
    assert!(matches!(world.outcome(&by_user), Outcome::Denied(Denial::BadJwt(_))));
    let (head, tail) = (world.token(), other.token());
    let mixed =
        format!("{}.{}", head.rsplit_once('.').unwrap().0, tail.rsplit_once('.').unwrap().1);
    denied(world.outcome(&mixed), &Denial::BadJwt(jwt::JwtError::Signature(2)));
    let token = mint(&world.account_claims, &other.operator, NOW).unwrap();
    let book = Arc::new(AccountBook::default());
    book.put(KnownAccount::new(&token).unwrap());
    let a = world.authenticator_with(book);
    denied(world.ask(&a, &world.token(), |_| ()), &Denial::UntrustedAccount);
    let account_token = mint(&world.account_claims, &world.operator, NOW).unwrap();
    assert!(matches!(world.outcome(&account_token), Outcome::Denied(Denial::BadJwt(_))));
}

#[test]
fn claims_hold_in_their_time() {
    let mut world = World::new();
    world.user_claims.exp = NOW + 10;
    let end = UNIX_EPOCH + Duration::from_secs(NOW as u64 + 10);
    assert_eq!(granted(world.outcome(&world.token())).expires, Some(end));
    world.user_claims.exp = NOW;
    denied(world.outcome(&world.token()), &Denial::NotInTime);
    (world.user_claims.exp, world.user_claims.nbf) = (0, NOW + 1);
    denied(world.outcome(&world.token()), &Denial::NotInTime);
    world.user_claims.nbf = 0;
    world.account_claims.exp = NOW;
    denied(world.outcome(&world.token()), &Denial::AccountExpired);
}

#[test]
fn times_of_the_day_limit_the_stay() {
    let mut world = World::new();
    world.user_claims.nats.terms.times_location = "Europe/Berlin".to_owned();
    // NOW is 08:00:00 UTC, 09:00:00 in Berlin.
    let range = |start: &str, end: &str| TimeRange { start: start.into(), end: end.into() };
    for (ranges, left) in [
        (vec![range("08:00:00", "09:00:10")], Some(10)),
        (vec![range("08:00:00", "09:00:00")], None),
        (vec![range("22:00:00", "09:00:05")], Some(5)),
        (vec![range("08:59:00", "01:00:00")], Some(16 * 3600)),
        (vec![range("08:00:00", "09:00:10"), range("07:00:00", "09:30:00")], Some(1800)),
        (vec![range("10:00:00", "11:00:00")], None),
    ] {
        world.user_claims.nats.terms.times = ranges.clone();
        let outcome = world.outcome(&world.token());
        match left {
            Some(left) => {
                let end = UNIX_EPOCH + Duration::from_secs(NOW as u64 + left);
                assert_eq!(granted(outcome).expires, Some(end), "{ranges:?}");
            }
            None => denied(outcome, &Denial::NotInTime),
        }
    }
    world.user_claims.nats.terms.times_location = "Nowhere/Town".to_owned();
    assert!(matches!(world.outcome(&world.token()), Outcome::Denied(Denial::BadClaims(_))));
}

#[test]
fn networks_kinds_and_proxies_are_checked() {
    let mut world = World::new();
    world.user_claims.nats.terms.src = vec!["192.168.0.0/16".into(), "10.1.0.0/16".into()];
    granted(world.outcome(&world.token()));
    let a = world.authenticator();
    let elsewhere = |c: &mut Credentials<'_>| c.ip = Some("10.2.0.1".parse().unwrap());
    denied(world.ask(&a, &world.token(), elsewhere), &Denial::Address);
    denied(world.ask(&a, &world.token(), |c| c.ip = None), &Denial::Address);
    world.user_claims.nats.terms = UserTerms::default();
    world.user_claims.nats.terms.allowed_connection_types = vec!["MQTT".into()];
    denied(world.outcome(&world.token()), &Denial::ConnectionType);
    granted(world.ask(&a, &world.token(), |c| c.kind = ConnectionType::Mqtt));
    world.user_claims.nats.terms.allowed_connection_types = vec!["WARP".into()];
    denied(world.outcome(&world.token()), &Denial::ConnectionType);
    world.user_claims.nats.terms = UserTerms { proxy_required: true, ..Default::default() };
    denied(world.outcome(&world.token()), &Denial::ProxyRequired);
}

#[test]
fn bearers_need_no_signature_where_the_account_allows_them() {
    let mut world = World::new();
    world.user_claims.nats.terms.bearer_token = true;
    let a = world.authenticator();
    let identity = granted(world.ask(&a, &world.token(), |c| c.sig = ""));
    world.account_claims.nats.limits.disallow_bearer = true;
    let a = world.authenticator();
    denied(world.ask(&a, &world.token(), |c| c.sig = ""), &Denial::Bearer);
    assert_eq!(a.review(&identity, ConnectionType::Standard, NOW), Err(Removal::NotAuthorized));
}

#[test]
fn revoked_users_are_refused_and_removed() {
    for who in ["*", ""] {
        let mut world = World::new();
        let identity = granted(world.outcome(&world.token()));
        let key = if who.is_empty() { world.user.public_key() } else { who.to_owned() };
        world.account_claims.nats.revocations = BTreeMap::from([(key.clone(), NOW - 1)]);
        granted(world.outcome(&world.token()));
        world.account_claims.nats.revocations = BTreeMap::from([(key, NOW)]);
        denied(world.outcome(&world.token()), &Denial::Revoked);
        assert_eq!(
            world.authenticator().review(&identity, ConnectionType::Standard, NOW),
            Err(Removal::Revoked)
        );
    }
}

#[test]
fn a_review_sees_what_has_changed() {
    let mut world = World::new();
    let identity = granted(world.outcome(&world.token()));
    assert!(
        world
            .authenticator()
            .review(&identity, ConnectionType::Standard, NOW)
            .unwrap()
            .permissions
            .is_none()
    );
    world.account_claims.nats.default_permissions.publish.deny = vec!["secret".to_owned()];
    let fresh = world.authenticator().review(&identity, ConnectionType::Standard, NOW).unwrap();
    assert!(!fresh.permissions.unwrap().may_publish(b"secret"));
    world.account_claims.exp = NOW;
    assert_eq!(
        world.authenticator().review(&identity, ConnectionType::Standard, NOW),
        Err(Removal::AccountExpired)
    );
    let nobody = world.authenticator_with(Arc::default());
    assert_eq!(
        nobody.review(&identity, ConnectionType::Standard, NOW),
        Err(Removal::AccountExpired)
    );
}

#[test]
fn pinned_accounts_shut_others_out() {
    let world = World::new();
    let mut operators = Operators::new([world.operator.public_key()].into(), Arc::default());
    operators.pinned_accounts.insert("ANOTHER".to_owned());
    let a = Authenticator::new(Rules::default()).unwrap().with_operators(operators);
    denied(world.ask(&a, &world.token(), |_| ()), &Denial::NotPinned);
}

#[test]
fn who_shows_nothing_may_be_the_sentinel() {
    let mut world = World::new();
    world.user_claims.nats.terms.bearer_token = true;
    let book = Arc::new(AccountBook::default());
    book.put(
        KnownAccount::new(&mint(&world.account_claims, &world.operator, NOW).unwrap()).unwrap(),
    );
    let mut operators = Operators::new([world.operator.public_key()].into(), book);
    operators.default_sentinel = Some(world.token());
    let a = Authenticator::new(Rules::default()).unwrap().with_operators(operators);
    assert_eq!(granted(world.ask(&a, "", |c| c.sig = "")).label.as_deref(), Some("joe"));
}

fn scoped(world: &mut World, allow: &[&str], deny: &[&str]) {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let mut template = UserTerms { subs: 7, payload: -1, ..Default::default() };
    template.permissions.subscribe.allow = owned(allow);
    template.permissions.publish.deny = owned(deny);
    let scope = UserScope {
        kind: "user_scope".to_owned(),
        key: world.signer.public_key(),
        template,
        ..Default::default()
    };
    world.account_claims.nats.signing_keys = vec![SigningKey::Scoped(Box::new(scope))];
}

#[test]
fn scoped_keys_grant_what_their_template_says() {
    let mut world = World::new();
    let allow = [
        "u.{{Name()}}",
        "k.{{subject()}}",
        "{{account-name()}}.{{ tag(dept) }}.>",
        "{{account-subject()}}",
        "r.{{account-tag(region)}}",
        "gone.{{tag(none)}}",
    ];
    scoped(&mut world, &allow, &["d.{{tag(dept)}}"]);
    world.account_claims.nats.tags = vec!["region:eu".to_owned()];
    world.user_claims.nats.tags = vec!["dept:a".to_owned(), "dept:b".to_owned()];
    let token = world.scoped_token();
    let identity = granted(world.outcome(&token));
    assert_eq!(identity.limits.subscriptions, Some(7));
    let permissions = identity.permissions.unwrap();
    let key = world.user.public_key();
    let account = world.account.public_key();
    for subject in ["u.joe", &format!("k.{key}"), "acme.a.x", "acme.b.>", &account, "r.eu"] {
        assert!(
            matches!(permissions.may_subscribe(subject.as_bytes(), None), Grant::Granted),
            "{subject}"
        );
    }
    for subject in ["u.ann", "acme.c.x", "gone.", "gone.x", "r.us"] {
        assert!(
            matches!(permissions.may_subscribe(subject.as_bytes(), None), Grant::Refused),
            "{subject}"
        );
    }
    assert!(!permissions.may_publish(b"d.a") && !permissions.may_publish(b"d.b"));
    assert!(permissions.may_publish(b"d.c"));
}

#[test]
fn scoped_keys_refuse_what_is_not_in_order() {
    let mut world = World::new();
    scoped(&mut world, &["a.{{tag(none)}}"], &[]);
    let token = world.scoped_token();
    let nothing = granted(world.outcome(&token)).permissions.unwrap();
    assert!(matches!(nothing.may_subscribe(b"a.b", None), Grant::Refused));
    scoped(&mut world, &[], &["a.{{tag(none)}}"]);
    assert!(matches!(world.outcome(&token), Outcome::Denied(Denial::BadClaims(_))));
    scoped(&mut world, &["{{what()}}"], &[]);
    assert!(matches!(world.outcome(&token), Outcome::Denied(Denial::BadClaims(_))));
    scoped(&mut world, &["{{tag(n)}}.{{tag(n)}}"], &[]);
    world.user_claims.nats.tags = (0..65).map(|n| format!("n:{n}")).collect();
    let token = world.scoped_token();
    assert!(
        matches!(world.outcome(&token), Outcome::Denied(Denial::BadClaims(_))),
        "4225 subjects"
    );
    scoped(&mut world, &["a"], &[]);
    world.user_claims.nats.terms.subs = 5;
    let token = mint(&world.user_claims, &world.signer, NOW).unwrap();
    denied(world.outcome(&token), &Denial::ScopedWithTerms);
}

#[test]
fn the_book_tells_what_was_issued_last() {
    let mut world = World::new();
    let book = AccountBook::default();
    let account = |world: &World, at| {
        KnownAccount::new(&mint(&world.account_claims, &world.operator, at).unwrap()).unwrap()
    };
    let old = account(&world, NOW);
    assert!(book.put(old.clone()) && !book.put(old.clone()));
    world.account_claims.nats.description = "new".to_owned();
    let new = account(&world, NOW + 1);
    assert!(!book.knows_newer(&new) && book.put(new) && book.knows_newer(&old));
    assert_eq!(book.get(&world.account.public_key()).unwrap().claims.nats.description, "new");
    assert!(book.remove(&world.account.public_key()) && book.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// No change of a token goes unnoticed.
    #[test]
    fn a_changed_token_is_refused(at in 0usize..600, to in "[A-Za-z0-9_.-]") {
        static FIXED: LazyLock<World> = LazyLock::new(World::new);
        let world = &*FIXED;
        let token = world.token();
        let at = at % token.len();
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assume!(changed != token);
        prop_assert!(!matches!(world.outcome(&changed), Outcome::Granted(_)));
    }

    #[test]
    fn anything_may_come_as_a_token(text in "\\PC{0,200}") {
        prop_assert!(decode::<UserClaims>(&text).is_err());
    }
}

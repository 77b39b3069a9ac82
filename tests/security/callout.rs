//! Authentication by a service (rows 81 to 83).

use nkeys::{KeyPair, XKey};
use std::thread;
use vagus_auth::jwt::{
    AuthorizationRequest, AuthorizationResponse, Claims, SigningKey, UserClaims, UserTerms, decode,
    mint,
};

use crate::harness::{Client, Server};
use crate::kit::{request, user};
use crate::operator_kit::{Account, World, now};
use crate::secrets::HASHED;
use crate::tls_kit::{Authority, TlsClient};

/// A service that lets in whoever's password is `good`, into the account that is its user name.
struct Service {
    /// Signs its answers, and the users in them where `users` does not.
    issuer: KeyPair,
    users: Option<KeyPair>,
    sealing: Option<XKey>,
    /// Accounts have operators.
    by_operator: bool,
    wrong: Option<Wrong>,
}

/// What may be wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Server,
    Question,
    User,
    Expired,
}

impl Service {
    fn new(issuer: KeyPair) -> Self {
        Self { issuer, users: None, sealing: None, by_operator: false, wrong: None }
    }

    /// Answers requests until the connection ends.
    fn serve(self, mut client: Client) {
        client.subscribe("$SYS.REQ.USER.AUTH", "1");
        client.ping_pong();
        thread::spawn(move || {
            while let Some(frame) = client.next_frame() {
                let (head, body) = split(&frame);
                let words: Vec<&str> = head.split(' ').collect();
                let Some(&reply) = words.get(3) else { continue };
                let answer = self.answer(body);
                let size = answer.len();
                let mut out = format!("PUB {reply} {size}\r\n").into_bytes();
                out.extend_from_slice(&answer);
                out.extend_from_slice(b"\r\n");
                if !client.try_send(out) {
                    return;
                }
            }
        });
    }

    fn answer(&self, body: &[u8]) -> Vec<u8> {
        let (headers, payload) = match body.starts_with(b"NATS/1.0") {
            true => {
                let end = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                body.split_at(end)
            }
            false => body.split_at(0),
        };
        let key = String::from_utf8_lossy(headers);
        let server = key.split("Nats-Server-Xkey: ").nth(1).map(|rest| rest[..56].to_owned());
        let server = server.map(|key| XKey::from_public_key(&key).unwrap());
        let token = match (&self.sealing, &server) {
            (Some(own), Some(server)) => {
                assert!(payload.starts_with(b"xkv1"));
                own.open(payload, server).unwrap()
            }
            _ => payload.to_vec(),
        };
        let asked: Claims<AuthorizationRequest> =
            decode(std::str::from_utf8(&token).unwrap()).unwrap();
        let answer = self.response(&asked);
        match (&self.sealing, &server) {
            (Some(own), Some(server)) => own.seal(answer.as_bytes(), server).unwrap(),
            _ => answer.into_bytes(),
        }
    }

    fn response(&self, asked: &Claims<AuthorizationRequest>) -> String {
        let options = &asked.nats.connect_opts;
        let mut nats = AuthorizationResponse {
            kind: "authorization_response".into(),
            version: 2,
            ..Default::default()
        };
        match options.pass.as_str() {
            "good" => nats.jwt = self.user(asked),
            _ => nats.error = "no".into(),
        }
        let mut claims = Claims {
            sub: asked.nats.user_nkey.clone(),
            aud: asked.nats.server_id.id.clone(),
            nats,
            ..Default::default()
        };
        match self.wrong {
            Some(Wrong::Server) => claims.aud = KeyPair::new_server().public_key(),
            Some(Wrong::Question) => claims.sub = KeyPair::new_user().public_key(),
            Some(Wrong::Expired) => claims.exp = now() - 1,
            Some(Wrong::User) | None => {}
        }
        mint(&claims, &self.issuer, now()).unwrap()
    }

    fn user(&self, asked: &Claims<AuthorizationRequest>) -> String {
        let mut terms = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
        terms.permissions.publish.deny = vec!["no".into()];
        let nats = UserClaims { terms, kind: "user".into(), version: 2, ..Default::default() };
        let aud = match self.by_operator {
            true => String::new(),
            false => asked.nats.connect_opts.user.clone(),
        };
        let sub = match self.wrong {
            Some(Wrong::User) => KeyPair::new_user().public_key(),
            _ => asked.nats.user_nkey.clone(),
        };
        let claims = Claims { sub, aud, nats, ..Default::default() };
        mint(&claims, self.users.as_ref().unwrap_or(&self.issuer), now()).unwrap()
    }
}

/// The first line and the rest of a `MSG` or `HMSG`.
fn split(frame: &[u8]) -> (String, &[u8]) {
    let end = frame.windows(2).position(|two| two == b"\r\n").unwrap_or(frame.len());
    let body = frame.get(end + 2..).unwrap_or_default();
    (
        String::from_utf8_lossy(&frame[..end]).into_owned(),
        body.strip_suffix(b"\r\n").unwrap_or(body),
    )
}

/// A key of its own, which signs the same.
fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::from_seed(&key.seed().unwrap()).unwrap()
}

fn shows(server: &Server, name: &str, pass: &str) -> Client {
    let mut client = Client::dial(server.port);
    client.expect_info();
    client.send_connect(&format!(
        r#"{{"user":"{name}","pass":"{pass}","headers":true,"no_responders":true}}"#
    ));
    client
}

fn start(issuer: &KeyPair, more: &str) -> Server {
    Server::start(&format!(
        "accounts {{\n AUTH {{ users: [{{user: auth, password: x}}] }}\n A {{}}\n B {{}} }}\n\
         authorization {{ timeout: 30, auth_callout {{ issuer: {}, account: AUTH,\n\
         auth_users: [auth]\n{more} }} }}",
        issuer.public_key()
    ))
}

#[test]
fn the_service_says_who_is_who() {
    let issuer = KeyPair::new_account();
    let server = start(&issuer, "");
    shows(&server, "A", "good").expect_err_closed("Authorization Violation");
    let service = user(&server, "auth");
    Service::new(issuer).serve(service);
    let (mut a, mut b) = (shows(&server, "A", "good"), shows(&server, "B", "good"));
    for client in [&mut a, &mut b] {
        client.ping_pong();
        client.subscribe("x", "1");
        client.ping_pong();
    }
    a.publish("x", "hello");
    assert_eq!(a.payload(), "hello");
    b.ping_pong();
    a.publish("no", "x");
    a.expect_err("Permissions Violation for Publish to \"no\"");
    shows(&server, "A", "bad").expect_err_closed("Authorization Violation");
    shows(&server, "NOWHERE", "good").expect_err_closed("Authorization Violation");
    let mut inside = shows(&server, "AUTH", "good");
    inside.ping_pong();
    request(&mut inside, "$SYS.REQ.USER.AUTH", "inbox", "x");
    inside.expect_err("Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"");
}

#[test]
fn the_wrong_service_is_not_believed() {
    let server = start(&KeyPair::new_account(), "");
    let service = user(&server, "auth");
    Service::new(KeyPair::new_account()).serve(service);
    shows(&server, "A", "good").expect_err_closed("Authorization Violation");
}

// Row 81.
#[test]
fn every_part_of_an_answer_has_to_be_right() {
    let issuer = KeyPair::new_account();
    let right = || Service::new(copy(&issuer));
    let other = KeyPair::new_account;
    let mut services = vec![
        Service { issuer: other(), users: Some(copy(&issuer)), ..right() },
        Service { users: Some(other()), ..right() },
    ];
    let wrong = [Wrong::Server, Wrong::Question, Wrong::User, Wrong::Expired];
    services.extend(wrong.map(|wrong| Service { wrong: Some(wrong), ..right() }));
    for service in services {
        let server = start(&issuer, "");
        service.serve(user(&server, "auth"));
        shows(&server, "A", "good").expect_err_closed("Authorization Violation");
        server.log.wait_for("the answer of the authentication service is refused");
    }
    let server = start(&issuer, "");
    right().serve(user(&server, "auth"));
    shows(&server, "A", "good").ping_pong();
}

#[test]
fn users_of_accounts_that_are_not_listed_are_not_left_to_the_service() {
    let issuer = KeyPair::new_account();
    let server = Server::start(&format!(
        "accounts {{\n AUTH {{ users: [{{user: auth, password: x}}] }}\n\
         A {{ users: [{{user: ann, password: x}}] }}\n\
         B {{ users: [{{user: bob, password: x}}, {{user: any, password: x}}] }} }}\n\
         no_auth_user: any\nauthorization {{ timeout: 30, auth_callout {{ issuer: {}\n\
         account: AUTH, auth_users: [auth], allowed_accounts: [A] }} }}",
        issuer.public_key()
    ));
    // Nobody is there to be asked, nor would it be content with these passwords.
    user(&server, "bob").ping_pong();
    server.client().ping_pong();
    let service = user(&server, "auth");
    Service::new(issuer).serve(service);
    user(&server, "bob").ping_pong();
    shows(&server, "ann", "x").expect_err_closed("Authorization Violation");
    // Whom the configuration does not know may be put anywhere.
    for account in ["A", "B"] {
        shows(&server, account, "good").ping_pong();
    }
}

/// Who is known in an account that is not listed, and shows something else than is known.
#[test]
fn whoever_proves_nothing_is_left_to_the_service_after_all() {
    let issuer = KeyPair::new_account();
    let server = Server::start(&format!(
        "accounts {{\n AUTH {{ users: [{{user: auth, password: x}}] }}\n A {{}}\n\
         B {{ users: [{{user: B, password: x}}] }}\n\
         C {{ users: [{{user: C, password: \"{HASHED}\"}}] }} }}\n\
         authorization {{ timeout: 30, auth_callout {{ issuer: {}\n\
         account: AUTH, auth_users: [auth], allowed_accounts: [A] }} }}",
        issuer.public_key()
    ));
    for (name, right) in [("B", "x"), ("C", "s3cret")] {
        shows(&server, name, right).ping_pong();
        // Nobody is there to be asked yet.
        shows(&server, name, "good").expect_err_closed("Authorization Violation");
    }
    let service = user(&server, "auth");
    Service::new(issuer).serve(service);
    for (name, right) in [("B", "x"), ("C", "s3cret")] {
        shows(&server, name, right).ping_pong();
        let mut client = shows(&server, name, "good");
        client.publish("no", "x");
        client.expect_err("Permissions Violation for Publish to \"no\"");
        shows(&server, name, "bad").expect_err_closed("Authorization Violation");
    }
    // Not so the users of the service itself.
    shows(&server, "auth", "good").expect_err_closed("Authorization Violation");
}

#[test]
fn the_service_is_told_what_the_client_shows() {
    let authority = Authority::new();
    let issuer = KeyPair::new_account();
    let own = authority.keys(&authority.server("server", "localhost"));
    let server = Server::start(&format!(
        "allow_non_tls: true\ntls {{ {own}, verify: true }}\n\
         accounts {{ AUTH {{ users: [{{user: auth, password: x}}] }} }}\n\
         authorization {{ timeout: 30, auth_callout {{ issuer: {}\n\
         account: AUTH, auth_users: [auth] }} }}",
        issuer.public_key()
    ));
    let mut service = user(&server, "auth");
    service.subscribe("$SYS.REQ.USER.AUTH", "1");
    service.ping_pong();
    let pair = authority.client("joe", "");
    // Some clients show the authority as well.
    let certificate = std::fs::read_to_string(&pair.cert).unwrap();
    let both = certificate.clone() + &std::fs::read_to_string(authority.file()).unwrap();
    std::fs::write(&pair.cert, both).unwrap();
    let mut client = TlsClient::connect(&server, &authority.trusting(Some(&pair))).unwrap();
    client.send(
        "CONNECT {\"user\":\"joe\",\"pass\":\"s3cret\",\"jwt\":\"eyJ\",\"lang\":\"none\",\
         \"version\":\"7.1\",\"protocol\":1,\"name\":\"it\"}\r\n",
    );
    let frame = service.next_frame().unwrap();
    let (_, body) = split(&frame);
    let asked: Claims<AuthorizationRequest> = decode(std::str::from_utf8(body).unwrap()).unwrap();
    let asked = asked.nats;
    let options = asked.connect_opts;
    assert_eq!((options.user, options.pass), ("joe".into(), "s3cret".into()));
    assert_eq!((options.lang, options.version), ("none".into(), "7.1".into()));
    assert_eq!((options.protocol, options.name), (1, "it".into()));
    // Without operators a JWT says nothing, and nothing is sealed.
    assert_eq!((options.jwt, asked.server_id.xkey), (String::new(), String::new()));
    assert_eq!((asked.client_info.user, asked.client_info.nonce), ("joe".into(), String::new()));
    let tls = asked.client_tls.unwrap();
    assert_eq!((&*tls.version, &*tls.cipher), ("1.3", "TLS_AES_128_GCM_SHA256"));
    let lines = |text: String| text.lines().collect::<Vec<_>>().join("\n") + "\n";
    let root = std::fs::read_to_string(authority.file()).unwrap();
    assert_eq!(tls.verified_chains, [[lines(certificate), lines(root)]]);
    assert!(tls.certs.is_empty());
}

#[test]
fn requests_may_be_sealed() {
    let (issuer, sealing) = (KeyPair::new_account(), XKey::new());
    let server = start(&issuer, &format!("xkey: {}", sealing.public_key()));
    let service = user(&server, "auth");
    Service { sealing: Some(sealing), ..Service::new(issuer) }.serve(service);
    shows(&server, "A", "good").ping_pong();
    shows(&server, "A", "bad").expect_err_closed("Authorization Violation");
}

// Row 95.
#[test]
fn accounts_of_operators_name_their_service() {
    let mut world = World::new();
    let signer = KeyPair::new_account();
    let (service, watcher) = (world.account.plain_user(), world.account.plain_user());
    let claims = &mut world.account.claims.nats;
    claims.authorization.auth_users = [&service, &watcher].map(|one| one.key.public_key()).into();
    claims.signing_keys = vec![SigningKey::Plain(signer.public_key())];
    let other = Account::new("other");
    let server =
        Server::start(&format!("authorization {{ timeout: 9 }}\n{}", world.memory_with(&[&other])));
    let client = service.login(&server);
    Service { by_operator: true, ..Service::new(copy(&world.account.key)) }.serve(client);
    let sentinel = world.account.user(|user| user.nats.terms.bearer_token = true);
    let shows = |pass: &str| {
        let mut client = Client::dial(server.port);
        client.expect_info();
        let token = &sentinel.token;
        client.send_connect(&format!(r#"{{"jwt":"{token}","user":"joe","pass":"{pass}"}}"#));
        client
    };
    let mut good = shows("good");
    good.publish("no", "x");
    good.expect_err("Permissions Violation for Publish to \"no\"");
    // The account whose service refuses somebody is told so.
    let mut hears = watcher.login(&server);
    hears.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", "1");
    hears.ping_pong();
    shows("bad").expect_err_closed("Authorization Violation");
    let event: serde_json::Value = serde_json::from_str(&hears.payload()).unwrap();
    assert_eq!(event["client"]["acc"], world.account.id(), "{event}");
    assert_eq!(event["reason"], "Authentication Failure");
    other.plain_user().login(&server);
}

// Row 82.
#[test]
fn a_service_places_users_where_its_account_says() {
    for allowed in [false, true] {
        let (mut world, other) = (World::new(), Account::new("other"));
        let service = world.account.plain_user();
        let stated = &mut world.account.claims.nats.authorization;
        stated.auth_users = vec![service.key.public_key()];
        stated.allowed_accounts = allowed.then(|| other.id()).into_iter().collect();
        let server = Server::start(&format!(
            "authorization {{ timeout: 30 }}\n{}",
            world.memory_with(&[&other])
        ));
        let users = Some(copy(&other.key));
        let issuer = copy(&world.account.key);
        let client = service.login(&server);
        Service { users, by_operator: true, ..Service::new(issuer) }.serve(client);
        let mut client = Client::dial(server.port);
        client.expect_info();
        let bearer = world.account.user(|user| user.nats.terms.bearer_token = true).token;
        client.send_connect(&format!(r#"{{"jwt":"{bearer}","user":"joe","pass":"good"}}"#));
        match allowed {
            true => client.ping_pong(),
            false => client.expect_err_closed("Authorization Violation"),
        }
    }
}

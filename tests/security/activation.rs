//! What accounts with JWTs share: activation tokens (row 57) and cycles (row 63).

use nkeys::KeyPair;
use vagus_auth::jwt::{Activation, ClaimedExport, ClaimedImport, Claims, Kind, SigningKey, mint};

use crate::harness::{Client, Server, eventually, is_reference};
use crate::kit::request;
use crate::operator_kit::{Account, World, now};
use crate::resolvers::{ask, full};

const KINDS: [Kind; 2] = [Kind::Stream, Kind::Service];

/// Two accounts of which the second takes what the first exports to those who have a token.
struct Market {
    world: World,
    exporter: Account,
    importer: Account,
}

impl Market {
    fn new() -> Self {
        let (world, mut exporter) = (World::new(), Account::new("exporter"));
        exporter.claims.nats.exports = KINDS.map(|kind| export(kind, true)).into();
        let mut market = Self { world, exporter, importer: Account::new("importer") };
        market.shows("", "");
        market
    }

    /// The token of an import, as `change` has it.
    fn token(&self, kind: Kind, change: impl FnOnce(&mut Claims<Activation>)) -> String {
        self.token_by(&self.exporter.key, kind, change)
    }

    /// The same, signed with this key.
    fn token_by(
        &self,
        key: &KeyPair,
        kind: Kind,
        change: impl FnOnce(&mut Claims<Activation>),
    ) -> String {
        let nats = Activation {
            subject: subject(kind, "a"),
            kind: Some(kind),
            claims_type: "activation".into(),
            version: 2,
            ..Default::default()
        };
        let mut claims = Claims { sub: self.importer.id(), nats, ..Default::default() };
        change(&mut claims);
        mint(&claims, key, now()).unwrap()
    }

    /// The importer shows these for the stream and the service.
    fn shows(&mut self, stream: &str, service: &str) {
        let imports = KINDS.into_iter().zip([stream, service]);
        let imports = imports.map(|(kind, token)| import(kind, &self.exporter, token));
        self.importer.claims.nats.imports = imports.collect();
    }

    fn start(&self) -> (tempfile::TempDir, Server) {
        let (dir, config) = full(&self.world, "");
        let server = Server::start(&config);
        let mut system = self.world.system.plain_user().login(&server);
        self.push(&mut system, &self.exporter);
        self.push(&mut system, &self.importer);
        (dir, server)
    }

    #[track_caller]
    fn push(&self, system: &mut Client, account: &Account) {
        let token = self.world.account_token(account);
        let answer = ask(system, "$SYS.REQ.CLAIMS.UPDATE", &token);
        assert_eq!(answer["data"]["message"], "jwt updated", "{answer}");
    }
}

fn subject(kind: Kind, last: &str) -> String {
    match kind {
        Kind::Stream => format!("news.{last}"),
        Kind::Service => format!("ask.{last}"),
    }
}

fn export(kind: Kind, token_req: bool) -> ClaimedExport {
    let subject = subject(kind, ">");
    ClaimedExport { subject, kind: Some(kind), token_req, ..Default::default() }
}

fn import(kind: Kind, exporter: &Account, token: &str) -> ClaimedImport {
    ClaimedImport {
        subject: subject(kind, "a"),
        account: exporter.id(),
        kind: Some(kind),
        token: token.into(),
        ..Default::default()
    }
}

/// Clients of the two accounts: one that publishes news and answers, one that wants both.
struct Shop {
    seller: Client,
    buyer: Client,
}

impl Shop {
    #[track_caller]
    fn open(market: &Market, server: &Server) -> Self {
        let mut seller = market.exporter.plain_user().login(server);
        let mut buyer = market.importer.plain_user().login(server);
        seller.subscribe("ask.>", "1");
        buyer.subscribe("news.a", "1");
        buyer.subscribe("answer", "2");
        Self { seller, buyer }
    }

    /// Whether news comes, and whether a question is heard.
    #[track_caller]
    fn is_open(&mut self) -> [bool; 2] {
        self.seller.publish("news.a", "news");
        drain(&mut self.seller);
        let news = drain(&mut self.buyer).contains("MSG news.a 1 ");
        request(&mut self.buyer, "ask.a", "answer", "question");
        drain(&mut self.buyer);
        [news, drain(&mut self.seller).contains("MSG ask.a 1 ")]
    }

    #[track_caller]
    fn comes_to_be(&mut self, open: [bool; 2]) {
        eventually(&format!("sharing {open:?}"), || (self.is_open() == open).then_some(()));
    }
}

/// All that the client was sent so far.
#[track_caller]
fn drain(client: &mut Client) -> String {
    client.send("PING\r\n");
    let mut sent = String::new();
    while !sent.ends_with("PONG\r\n") {
        sent += &client.frame();
    }
    sent
}

// Row 57.
#[test]
fn who_has_no_token_is_not_let_in() {
    let mut market = Market::new();
    let (_dir, server) = market.start();
    let mut shop = Shop::open(&market, &server);
    assert_eq!(shop.is_open(), [false, false]);
    let mut system = market.world.system.plain_user().login(&server);
    market.shows(&market.token(Kind::Stream, |_| ()), "");
    market.push(&mut system, &market.importer);
    shop.comes_to_be([true, false]);
    let both = KINDS.map(|kind| market.token(kind, |_| ()));
    market.shows(&both[0], &both[1]);
    market.push(&mut system, &market.importer);
    shop.comes_to_be([true, true]);
}

// Row 57.
#[test]
fn only_keys_of_the_exporter_sign_its_tokens() {
    let mut market = Market::new();
    let (signer, stranger) = (KeyPair::new_account(), KeyPair::new_account());
    market.exporter.claims.nats.signing_keys = vec![SigningKey::Plain(signer.public_key())];
    let exporter = market.exporter.id();
    let by = |key: &KeyPair, kind| {
        market.token_by(key, kind, |claims| claims.nats.issuer_account.clone_from(&exporter))
    };
    let (good, bad) = (by(&signer, Kind::Stream), by(&stranger, Kind::Service));
    market.shows(&good, &bad);
    let (_dir, server) = market.start();
    assert_eq!(Shop::open(&market, &server).is_open(), [true, false]);
}

// Row 57.
#[test]
fn an_import_ends_with_its_token_and_comes_back_with_another() {
    let mut market = Market::new();
    let long = KINDS.map(|kind| market.token(kind, |_| ()));
    let short = |market: &Market, kind| market.token(kind, |claims| claims.exp = now() + 2);
    market.shows(&long[0], &long[1]);
    let (_dir, server) = market.start();
    let mut shop = Shop::open(&market, &server);
    assert_eq!(shop.is_open(), [true, true]);
    let mut system = market.world.system.plain_user().login(&server);
    market.shows(&short(&market, Kind::Stream), &long[1]);
    market.push(&mut system, &market.importer);
    shop.comes_to_be([false, true]);
    market.shows(&long[0], &long[1]);
    market.push(&mut system, &market.importer);
    if is_reference() {
        // There, only subscriptions made from now on find what has come back.
        shop.buyer.send("UNSUB 1\r\nSUB news.a 1\r\n");
    }
    shop.comes_to_be([true, true]);
    market.shows(&long[0], &short(&market, Kind::Service));
    market.push(&mut system, &market.importer);
    shop.comes_to_be([true, false]);
}

// Row 57.
#[test]
fn an_import_begins_with_its_token() {
    let mut market = Market::new();
    let begin = now() + 4;
    let late = market.token(Kind::Stream, |claims| claims.nbf = begin);
    let long = market.token(Kind::Service, |_| ());
    market.shows(&late, &long);
    let (_dir, server) = market.start();
    let mut shop = Shop::open(&market, &server);
    let open = shop.is_open();
    if now() < begin {
        assert_eq!(open, [false, true]);
    }
    shop.comes_to_be([true, true]);
    assert!(now() >= begin);
}

// Row 57.
#[test]
fn an_exporter_takes_back_its_tokens() {
    let mut market = Market::new();
    let both = KINDS.map(|kind| market.token(kind, |_| ()));
    market.shows(&both[0], &both[1]);
    let (_dir, server) = market.start();
    let mut shop = Shop::open(&market, &server);
    assert_eq!(shop.is_open(), [true, true]);
    let mut system = market.world.system.plain_user().login(&server);
    market.exporter.claims.nats.exports[0].revocations = [(market.importer.id(), now())].into();
    market.push(&mut system, &market.exporter);
    shop.comes_to_be([false, true]);
    market.exporter.claims.nats.exports[1].revocations = [("*".to_owned(), now())].into();
    market.push(&mut system, &market.exporter);
    shop.comes_to_be([false, false]);
}

// Row 57.
#[test]
fn tokens_for_something_else_are_refused() {
    let mut market = Market::new();
    let (_dir, server) = market.start();
    let mut system = market.world.system.plain_user().login(&server);
    let stranger = Account::new("stranger");
    let kind = Kind::Stream;
    for (token, why) in [
        ("eyJ.x.y".to_owned(), "import \"news.a\" contains an invalid activation token"),
        (
            market.token(kind, |claims| claims.sub = stranger.id()),
            "activation token doesn't match account it is being included in, \"news.a\"",
        ),
        (
            mint(&Claims { sub: market.importer.id(), ..activation() }, &stranger.key, 1).unwrap(),
            "activation token doesn't match account for import \"news.a\"",
        ),
        (
            market.token(kind, |claims| claims.nats.kind = Some(Kind::Service)),
            "mismatch between token import type service and type of import stream",
        ),
        (
            market.token(kind, |claims| claims.nats.subject = "news.b".into()),
            "activation token import subject \"news.b\" doesn't match import \"news.a\"",
        ),
    ] {
        market.shows(&token, "");
        let token = market.world.account_token(&market.importer);
        let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
        let text = format!("jwt validation failed - validation errors: [{why}]");
        assert_eq!(answer["error"]["description"], text, "{answer}");
    }
}

fn activation() -> Claims<Activation> {
    let nats = Activation {
        subject: "news.>".into(),
        kind: Some(Kind::Stream),
        claims_type: "activation".into(),
        version: 2,
        ..Default::default()
    };
    Claims { nats, ..Default::default() }
}

// Row 63.
#[test]
fn an_import_that_closes_a_ring_waits_until_it_is_open() {
    let mut market = Market::new();
    market.exporter.claims.nats.exports = vec![export(Kind::Service, false)];
    market.importer.claims.nats.exports = vec![export(Kind::Service, false)];
    market.importer.claims.nats.imports = vec![import(Kind::Service, &market.exporter, "")];
    let (_dir, server) = market.start();
    let mut shop = Shop::open(&market, &server);
    assert_eq!(shop.is_open(), [false, true]);
    let mut system = market.world.system.plain_user().login(&server);
    market.exporter.claims.nats.imports = vec![import(Kind::Service, &market.importer, "")];
    market.push(&mut system, &market.exporter);
    // The other server tells it in its debug log.
    if !is_reference() {
        server.log.wait_for("import forms a cycle");
    }
    assert_eq!(shop.is_open(), [false, true]);
    // The other way round, once the first import is gone.
    market.importer.claims.nats.imports.clear();
    market.push(&mut system, &market.importer);
    shop.comes_to_be([false, false]);
    shop.buyer.subscribe("ask.a", "3");
    shop.seller.subscribe("answer", "2");
    eventually("the ring is open", || {
        request(&mut shop.seller, "ask.a", "answer", "question");
        drain(&mut shop.seller);
        drain(&mut shop.buyer).contains("MSG ask.a 3 ").then_some(())
    });
}

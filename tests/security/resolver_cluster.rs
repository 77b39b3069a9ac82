//! Account JWTs in a cluster: who has all of them, who asks for one, and how they come to agree
//! (rows 69 to 71).

use std::collections::BTreeSet;

use tempfile::TempDir;

use crate::cluster_kit::{knows, server_with};
use crate::harness::{Client, Server, eventually};
use crate::operator_kit::{Account, World, now};
use crate::resolvers::ask;

/// A server that keeps JWTs in a directory of its own.
struct Keeper {
    server: Server,
    dir: TempDir,
}

impl Keeper {
    /// Linked to `first`; in the beginning it has the system's account, and these.
    #[track_caller]
    fn start(world: &World, first: Option<&Keeper>, more: &[&Account], options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut accounts = vec![&world.system];
        accounts.extend(more);
        let resolver = format!("{{ dir: {:?}, {options} }}", dir.path());
        let conf = world.resolved_by(&resolver, &accounts);
        let others: Vec<&Server> = first.iter().map(|keeper| &keeper.server).collect();
        let name = dir.path().file_name().unwrap().to_str().unwrap().replace('.', "");
        let server = server_with(&name, &others, "", &conf);
        if let Some(first) = first {
            knows(&server, "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP");
            knows(&first.server, "$SYS.REQ.CLAIMS.UPDATE");
        }
        Self { server, dir }
    }

    /// The accounts whose JWTs lie in the directory.
    fn kept(&self) -> BTreeSet<String> {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(".jwt").map(str::to_owned)).collect()
    }

    #[track_caller]
    fn comes_to_keep(&self, accounts: &[&Account]) {
        let wanted = accounts.iter().map(|account| account.id()).collect::<BTreeSet<_>>();
        eventually("the directory has just these", || (self.kept() == wanted).then_some(()));
    }
}

/// A server with all accounts, and a cache beside it that keeps `limit`.
fn full_and_cache(world: &World, accounts: &[&Account], limit: usize) -> (Keeper, Keeper) {
    let full = Keeper::start(world, None, accounts, "type: full");
    let cache = Keeper::start(world, Some(&full), &[], &format!("type: cache, limit: {limit}"));
    (full, cache)
}

/// Every answer to a request, of which there are to be so many; more would be in the way.
#[track_caller]
fn answers(client: &mut Client, subject: &str, body: &str, count: usize) -> Vec<String> {
    client.subscribe("answers", "9");
    client.send(format!("PUB {subject} answers {}\r\n{body}\r\n", body.len()));
    let mut found: Vec<String> = (0..count).map(|_| client.payload()).collect();
    client.ping_pong();
    client.send("UNSUB 9\r\n");
    found.sort();
    found
}

// Row 70.
#[test]
fn a_cache_asks_the_other_servers() {
    let world = World::new();
    let (full, cache) = full_and_cache(&world, &[&world.account], 10);
    world.account.plain_user().login(&cache.server);
    assert!(cache.kept().contains(&world.account.id()));
    Account::new("unknown").plain_user().is_refused(&cache.server);
    // From here on nobody is asked.
    drop(full);
    world.account.plain_user().login(&cache.server);
}

// Row 70.
#[test]
fn a_cache_keeps_so_many_that_were_used_last() {
    let (world, others) = (World::new(), ["a", "b", "c"].map(Account::new));
    let [a, b, c] = &others;
    let (full, cache) = full_and_cache(&world, &[a, b, c], 2);
    let mut first = a.plain_user().login(&cache.server);
    b.plain_user().login(&cache.server);
    cache.comes_to_keep(&[a, b]);
    c.plain_user().login(&cache.server);
    cache.comes_to_keep(&[b, c]);
    first.ping_pong();
    assert_eq!(full.kept().len(), 4);
}

// Row 70.
#[test]
fn what_a_cache_has_kept_for_long_goes_and_clients_stay() {
    let world = World::new();
    let full = Keeper::start(&world, None, &[&world.account], "type: full");
    let cache = Keeper::start(&world, Some(&full), &[], "type: cache, ttl: \"500ms\"");
    let mut client = world.account.plain_user().login(&cache.server);
    drop(full);
    cache.comes_to_keep(&[]);
    client.ping_pong();
}

// Rows 69 and 70.
#[test]
fn every_server_answers_for_itself_when_claims_are_pushed() {
    let mut world = World::new();
    let (full, cache) = full_and_cache(&world, &[&world.account], 10);
    let user = world.account.plain_user();
    let mut client = user.login(&cache.server);
    let mut system = world.system.plain_user().login(&full.server);
    let token = world.account_token(&Account::new("new"));
    let got = answers(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token, 2).join("\n");
    assert!(got.contains("\"jwt updated\"") && got.contains("\"jwt update cache skipped\""));
    world.account.claims.iat = now() + 1;
    world.account.claims.nats.revocations = [(user.key.public_key(), now() + 1)].into();
    let token = world.account_token(&world.account);
    let got = answers(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token, 2).join("\n");
    assert!(got.contains("\"jwt updated\"") && got.contains("\"jwt updated cache\""), "{got}");
    client.expect_err_closed("User Authentication Revoked");
    let list = answers(&mut system, "$SYS.REQ.CLAIMS.LIST", "", 2);
    assert!(list.iter().all(|list| list.contains(&world.account.id())), "{list:?}");
}

// Row 71.
#[test]
fn servers_with_all_claims_come_to_have_the_same() {
    let (mut world, only_here) = (World::new(), Account::new("here"));
    let first = Keeper::start(&world, None, &[&world.account], "type: full, interval: \"100ms\"");
    let mut system = world.system.plain_user().login(&first.server);
    ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &world.account_token(&only_here));
    let user = world.account.plain_user();
    let mut client = user.login(&first.server);
    // The second comes with newer claims, and an account that the first does not know.
    let only_there = Account::new("there");
    world.account.claims.iat += 1;
    world.account.claims.nats.revocations = [(user.key.public_key(), now() + 10)].into();
    let accounts = [&world.account, &only_there];
    let second = Keeper::start(&world, Some(&first), &accounts, "type: full, interval: \"100ms\"");
    client.expect_err_closed("User Authentication Revoked");
    for keeper in [&first, &second] {
        keeper.comes_to_keep(&[&world.system, &world.account, &only_here, &only_there]);
    }
    only_here.plain_user().login(&second.server);
    only_there.plain_user().login(&first.server);
}

// Row 69.
#[test]
fn who_has_all_claims_asks_for_those_it_has_not_heard_of_yet() {
    let world = World::new();
    let first = Keeper::start(&world, None, &[&world.account], "type: full");
    let second = Keeper::start(&world, Some(&first), &[], "type: full");
    world.account.plain_user().login(&second.server);
    second.comes_to_keep(&[&world.system, &world.account]);
    Account::new("unknown").plain_user().is_refused(&second.server);
}

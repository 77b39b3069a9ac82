//! JetStream at both ends of a link: each has its own, and is reached by the name of its domain.

use std::future::Future;
use std::process::Command;

use async_nats::jetstream::consumer::{DeliverPolicy, pull, push};
use async_nats::jetstream::stream::{Config, External, Source};
use async_nats::jetstream::{self, AckKind, Context, kv};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, block_on, eventually, python, run};
use crate::jetstream::{Nats, ok};
use crate::kit::{
    Make, Pair, hub, knows, leaf, leaf_port, leafnodes, links, nats_is_at_least, pairs, start,
};

/// A hub and its leaf node with a JetStream each, and where that is stored.
struct Ends {
    hub: Server,
    leaf: Server,
    _stores: TempDir,
}

fn block(stores: &TempDir, name: &str, domain: &str) -> String {
    let folder = stores.path().join(name).display().to_string();
    format!("jetstream {{ store_dir: \"{folder}\", {domain} }}\n")
}

/// The ends of a link, in the domains `hub` and `leaf`.
fn ends(pair: Pair) -> Ends {
    ends_in(pair, ["domain: hub", "domain: leaf"])
}

fn ends_in((hub_make, leaf_make): Pair, domains: [&str; 2]) -> Ends {
    let stores = tempfile::tempdir().unwrap();
    let hub = hub(hub_make, "", &block(&stores, "hub", domains[0]));
    let leaf = leaf(leaf_make, &hub, "", &block(&stores, "leaf", domains[1]));
    links(&hub, 1);
    links(&leaf, 1);
    Ends { hub, leaf, _stores: stores }
}

// === impl Ends ===

impl Ends {
    /// Each end in turn: from which the other's is asked, the other, and that one's domain.
    fn both_ways(&self, test: impl Fn(&Server, &Server, &str)) {
        test(&self.leaf, &self.hub, "hub");
        test(&self.hub, &self.leaf, "leaf");
    }
}

fn client(server: &Server) -> Nats {
    Nats::connect(server.port, "{}")
}

/// What `$JS.<domain>.API.<endpoint>` answers, once somebody does.
#[track_caller]
fn asked(nats: &mut Nats, domain: &str, endpoint: &str, body: Value) -> Value {
    let subject = format!("$JS.{domain}.API.{endpoint}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = eventually("somebody who answers by the domain", || {
        let answer = nats.request(&subject, &[], &body);
        answer.status().is_none().then_some(answer)
    });
    answer.json()
}

/// The context of a client of `server` that names `domain`, once that is reached.
async fn context(server: &Server, domain: &str) -> Context {
    let client = async_nats::connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap();
    let info = format!("$JS.{domain}.API.INFO");
    until(|| async { client.request(info.clone(), "".into()).await.is_ok() }).await;
    jetstream::with_domain(client, domain)
}

async fn stream_at(context: &Context, name: &str, subjects: &[&str]) -> jetstream::stream::Stream {
    let subjects = subjects.iter().map(|subject| (*subject).to_owned()).collect();
    let config = Config { name: name.to_owned(), subjects, ..Config::default() };
    context.create_stream(config).await.unwrap()
}

/// A condition that a client asks for until it holds.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    while !holds().await {
        tokio::task::yield_now().await;
    }
}

// Row 174, and 121 and 122 of JetStream.
#[test]
fn who_names_a_domain_asks_the_jetstream_of_the_other_end_and_who_does_not_its_own() {
    for pair in pairs() {
        let ends = ends(pair);
        ends.both_ways(|from, to, domain| {
            let mut nats = client(from);
            assert_eq!(asked(&mut nats, domain, "INFO", Value::Null)["domain"], domain);
            let own = if domain == "hub" { "leaf" } else { "hub" };
            assert_eq!(asked(&mut nats, own, "INFO", Value::Null)["domain"], own);
            assert_eq!(nats.api("INFO", "")["domain"], own);
            let config = json!({"name": domain, "subjects": [format!("at.{domain}")]});
            ok(asked(&mut nats, domain, &format!("STREAM.CREATE.{domain}"), config));
            knows(from, &format!("at.{domain}"));
            let ack = nats.publish(&format!("at.{domain}"), "x");
            assert_eq!((&ack["domain"], &ack["seq"]), (&domain.into(), &1.into()), "{ack}");
            assert_eq!(client(to).state(domain)["messages"], 1);
            // The own one knows nothing of that.
            assert_eq!(nats.api(&format!("STREAM.INFO.{domain}"), "")["error"]["err_code"], 10059);
        });
    }
}

// Row 174.
#[test]
fn acknowledgements_find_the_consumer_of_the_other_end() {
    for pair in pairs() {
        ends(pair).both_ways(|from, to, domain| {
            let mut nats = client(from);
            let name = format!("S{domain}");
            let config = json!({"name": name, "subjects": [format!("s.{domain}")]});
            ok(asked(&mut nats, domain, &format!("STREAM.CREATE.{name}"), config));
            knows(from, &format!("s.{domain}"));
            for n in 1..=3 {
                nats.stored(&format!("s.{domain}"), n.to_string(), n);
            }
            let config = json!({"stream_name": name,
                "config": {"durable_name": "C", "ack_policy": "explicit", "max_ack_pending": 1}});
            let create = format!("CONSUMER.CREATE.{name}.C");
            ok(asked(&mut nats, domain, &create, config));
            let next = format!("$JS.{domain}.API.CONSUMER.MSG.NEXT.{name}.C");
            for n in 1..=3_u64 {
                let message = nats.request(&next, &[], "");
                assert_eq!((message.text(), message.seq()), (&*n.to_string(), n));
                // Shown as it was stored, though it came by an inbox.
                assert_eq!(message.subject, format!("s.{domain}"));
                let ack = message.reply.clone().unwrap();
                match n {
                    1 => nats.send(&ack, &[], "+ACK"),
                    _ => assert!(nats.request(&ack, &[], "+ACK").status().is_none(), "{pair:?}"),
                }
            }
            let mut there = client(to);
            let info = format!("CONSUMER.INFO.{name}.C");
            eventually("everything acknowledged", || {
                let info = there.api(&info, "");
                (info["ack_floor"]["stream_seq"] == 3 && info["num_ack_pending"] == 0).then_some(())
            });
        });
    }
}

/// Subjects that name domain and account find their way across a link as well.
#[test]
fn acknowledgements_may_name_the_domain() {
    let knows_them = nats_is_at_least(14);
    for pair in pairs().into_iter().filter(|pair| knows_them || pair.0 == Make::Ours) {
        let flags = "feature_flags { js_ack_fc_v2: true }\n";
        let stores = tempfile::tempdir().unwrap();
        let hub = hub(pair.0, "", &format!("{}{flags}", block(&stores, "hub", "domain: hub")));
        let leaf = leaf(pair.1, &hub, "", &block(&stores, "leaf", "domain: leaf"));
        let (mut at_leaf, mut at_hub) = (client(&leaf), client(&hub));
        at_hub.create(json!({"name": "S", "subjects": ["s"]}));
        at_hub.stored("s", "1", 1);
        at_hub.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
        asked(&mut at_leaf, "hub", "INFO", Value::Null);
        let message = at_leaf.request("$JS.hub.API.CONSUMER.MSG.NEXT.S.C", &[], "");
        assert_eq!(message.text(), "1");
        let ack = message.reply.unwrap();
        assert!(ack.starts_with("$JS.ACK.hub."), "{ack}");
        assert!(at_leaf.request(&ack, &[], "+ACK").status().is_none(), "{pair:?}");
        assert_eq!(at_hub.api("CONSUMER.INFO.S.C", "")["ack_floor"]["stream_seq"], 1);
    }
}

/// What is acknowledged reaches the consumer it is for, though this end has one of the same name.
#[test]
fn a_consumer_of_the_same_name_here_does_not_swallow_acknowledgements() {
    for pair in pairs() {
        let ends = ends(pair);
        let (mut at_leaf, mut at_hub) = (client(&ends.leaf), client(&ends.hub));
        let stream = |subject: &str| json!({"name": "S", "subjects": [subject]});
        at_leaf.create(stream("down"));
        ok(asked(&mut at_leaf, "hub", "STREAM.CREATE.S", stream("up")));
        at_hub.stored("up", "1", 1);
        let config = json!({"durable_name": "C", "ack_policy": "explicit"});
        at_leaf.consumer("S", "C", config.clone());
        at_hub.consumer("S", "C", config);
        let message = at_leaf.request("$JS.hub.API.CONSUMER.MSG.NEXT.S.C", &[], "");
        assert_eq!(message.text(), "1");
        at_leaf.send(message.reply.as_deref().unwrap(), &[], "+ACK");
        eventually("an acknowledgement at the hub", || {
            (at_hub.api("CONSUMER.INFO.S.C", "")["ack_floor"]["stream_seq"] == 1).then_some(())
        });
    }
}

// Row 174.
#[test]
fn clients_that_name_a_domain_have_streams_consumers_and_buckets_there() {
    // This client does not read what older servers answer.
    let reads = nats_is_at_least(10);
    for pair in pairs().into_iter().filter(|pair| reads || *pair == (Make::Ours, Make::Ours)) {
        let ends = ends(pair);
        block_on(async {
            for (from, to, domain) in
                [(&ends.leaf, &ends.hub, "hub"), (&ends.hub, &ends.leaf, "leaf")]
            {
                let js = context(from, domain).await;
                let there = context(to, domain).await;
                let subject = format!("jobs.{domain}");
                let stream = stream_at(&js, "JOBS", &[&subject]).await;
                until(|| async {
                    js.publish(subject.clone(), "0".into()).await.unwrap().await.is_ok()
                })
                .await;
                for n in 1..20 {
                    js.publish(subject.clone(), n.to_string().into()).await.unwrap().await.unwrap();
                }
                let config =
                    pull::Config { durable_name: Some("W".to_owned()), ..Default::default() };
                let consumer = stream.create_consumer(config).await.unwrap();
                let mut messages = consumer.messages().await.unwrap();
                for n in 0..20 {
                    let message = messages.next().await.unwrap().unwrap();
                    assert_eq!(message.payload, n.to_string());
                    message.ack_with(AckKind::Ack).await.unwrap();
                }
                let seen = there.get_stream("JOBS").await.unwrap();
                until(|| async {
                    let info = seen.consumer_info("W").await.unwrap();
                    info.num_ack_pending == 0 && info.ack_floor.stream_sequence == 20
                })
                .await;
                // Flow control has to be answered, or it ends after some messages.
                let config = push::OrderedConfig {
                    deliver_subject: format!("all.{domain}"),
                    deliver_policy: DeliverPolicy::All,
                    ..Default::default()
                };
                let ordered = stream.create_consumer(config).await.unwrap();
                let all: Vec<_> = ordered.messages().await.unwrap().take(20).collect().await;
                assert!(all.iter().all(Result::is_ok));

                let config =
                    kv::Config { bucket: "B".to_owned(), history: 5, ..Default::default() };
                let bucket = js.create_key_value(config).await.unwrap();
                let mut watch = bucket.watch_all().await.unwrap();
                bucket.put("k", "1".into()).await.unwrap();
                bucket.update("k", "2".into(), 1).await.unwrap();
                for wanted in ["1", "2"] {
                    assert_eq!(watch.next().await.unwrap().unwrap().value, wanted);
                }
                assert_eq!(bucket.get("k").await.unwrap().unwrap(), "2");
                let same = there.get_key_value("B").await.unwrap();
                assert_eq!(same.get("k").await.unwrap().unwrap(), "2");
                there.delete_key_value("B").await.unwrap();
                there.delete_stream("JOBS").await.unwrap();
            }
        });
    }
}

const PYTHON: &str = r#"
import asyncio, sys, nats
async def main(url, domain):
    nc = await nats.connect(url, allow_reconnect=False)
    js = nc.jetstream(domain=domain)
    await js.add_stream(name="PY", subjects=["py"])
    sub = await js.pull_subscribe("py", "P")
    for n in range(5):
        await nc.publish("py", str(n).encode())
    got = []
    while len(got) < 5:
        for msg in await sub.fetch(5 - len(got), timeout=5):
            got.append(int(msg.data))
            await msg.ack_sync(timeout=5)
    assert got == list(range(5)), got
    info = await js.consumer_info("PY", "P")
    assert (info.ack_floor.stream_seq, info.num_ack_pending) == (5, 0), info
    await js.delete_stream("PY")
    await nc.drain()
asyncio.run(main(*sys.argv[1:]))
"#;

// Row 174.
#[test]
fn the_python_client_reaches_a_domain() {
    let Some(python) = python() else { return };
    for pair in pairs() {
        let ends = ends(pair);
        ends.both_ways(|from, _, domain| {
            asked(&mut client(from), domain, "INFO", Value::Null);
            let url = format!("nats://127.0.0.1:{}", from.port);
            let ran = run(Command::new(&python).args(["-c", PYTHON, &url, domain]));
            assert_eq!(ran.code, Some(0), "{pair:?} {domain}: {}", ran.text());
        });
    }
}

/// A stream that follows one of the other end, whose API it is told of.
fn follower(name: &str, origin: &str, domain: &str) -> Source {
    let deliver_prefix = format!("deliver.{name}");
    let external =
        External { api_prefix: format!("$JS.{domain}.API"), delivery_prefix: Some(deliver_prefix) };
    Source { name: origin.to_owned(), external: Some(external), ..Source::default() }
}

// Row 174, and 46 of JetStream.
#[test]
fn mirrors_and_sources_follow_streams_of_the_other_end() {
    for pair in pairs() {
        let ends = ends(pair);
        ends.both_ways(|from, to, domain| {
            block_on(async {
                let (here, there) = (context_of_own(from).await, context(to, domain).await);
                let (origin, subject) = (format!("O{domain}"), format!("o.{domain}"));
                stream_at(&there, &origin, &[&subject]).await;
                let mirror = Config {
                    name: format!("M{domain}"),
                    mirror: Some(follower("m", &origin, domain)),
                    ..Config::default()
                };
                let source = Config {
                    name: format!("A{domain}"),
                    sources: Some(vec![follower("a", &origin, domain)]),
                    ..Config::default()
                };
                let mut followers = Vec::new();
                for config in [mirror, source] {
                    followers.push(here.create_stream(config).await.unwrap());
                }
                // Enough for flow control to be asked for.
                let payload = "x".repeat(10_000);
                for _ in 0..200 {
                    there.publish(subject.clone(), payload.clone().into()).await.unwrap();
                }
                for follower in &followers {
                    until(|| async { follower.get_info().await.unwrap().state.messages == 200 })
                        .await;
                }
            });
        });
    }
}

/// The context of a client of `server` that names no domain.
async fn context_of_own(server: &Server) -> Context {
    jetstream::new(async_nats::connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap())
}

#[test]
fn what_is_of_an_account_s_own_jetstream_does_not_cross() {
    for pair in pairs() {
        let ends = ends(pair);
        ends.both_ways(|from, to, domain| {
            let mut reader = client(to);
            let sids = ["$KV.>", "$OBJ.>", "$JS.API.>", "end"].map(|one| reader.subscribe(one));
            knows(from, "end");
            let mut writer = client(from);
            for subject in ["$KV.b.k", "$OBJ.b.k", "$JS.API.INFO", "end"] {
                writer.send(subject, &[], "x");
            }
            assert_eq!(reader.next(&sids[3]).subject, "end");
            for sid in &sids[..3] {
                assert_eq!(reader.come(sid).len(), 0, "{pair:?} {domain}");
            }
        });
    }
}

#[test]
fn ends_without_domains_keep_their_jetstream_apart() {
    for pair in pairs() {
        let ends = ends_in(pair, ["", ""]);
        let mut at_hub = client(&ends.hub);
        at_hub.create(json!({"name": "HUB", "subjects": ["a"]}));
        knows(&ends.leaf, "a");
        let mut at_leaf = client(&ends.leaf);
        assert_eq!(at_leaf.api("STREAM.NAMES", "")["total"], 0);
        // But what is published at one end is stored at the other, where that wants it.
        assert_eq!(at_leaf.publish("a", "1")["stream"], "HUB");
    }
}

/// Nothing is lost by it but the way to the other end.
#[test]
fn ends_of_one_domain_are_linked_and_keep_their_jetstream_apart() {
    for pair in pairs() {
        let ends = ends_in(pair, ["domain: same", "domain: same"]);
        let mut reader = client(&ends.hub);
        let sid = reader.subscribe("still");
        knows(&ends.leaf, "still");
        let mut at_leaf = client(&ends.leaf);
        at_leaf.create(json!({"name": "LEAF", "subjects": ["a"]}));
        knows(&ends.hub, "a");
        let names = asked(&mut client(&ends.hub), "same", "STREAM.NAMES", Value::Null);
        assert_eq!(names["total"], 0, "{pair:?}");
        assert_eq!(asked(&mut at_leaf, "same", "STREAM.NAMES", Value::Null)["total"], 1);
        at_leaf.send("still", &[], "there");
        assert_eq!(reader.next(&sid).text(), "there");
        for log in [ends.hub.log.text(), ends.leaf.log.text()] {
            assert!(!log.contains("Violation"), "{pair:?}: {log}");
        }
    }
}

/// Accounts of a leaf node that has no JetStream ask that of the hub, if they are told to.
#[test]
fn an_account_without_jetstream_asks_its_default_domain() {
    for (hub_make, leaf_make) in pairs() {
        let stores = tempfile::tempdir().unwrap();
        let hub = hub(hub_make, "", &block(&stores, "hub", "domain: hub"));
        let url = format!("nats://127.0.0.1:{}", leaf_port(&hub));
        let conf = |default: &str| {
            format!(
                "server_name: leaf\naccounts {{ A {{ users: [{{ user: a, password: p }}] }} }}\n\
                 leafnodes {{ remotes: [{{ url: \"{url}\", account: A }}] }}\n{default}"
            )
        };
        let login = r#"{"user":"a","pass":"p"}"#;
        let plain = start(leaf_make, &conf(""));
        links(&hub, 1);
        let mut nats = Nats::connect(plain.port, login);
        asked(&mut nats, "hub", "INFO", Value::Null);
        assert_eq!(nats.request("$JS.API.INFO", &[], "").status(), Some("503"));
        drop(plain);
        links(&hub, 0);
        let leaf = start(leaf_make, &conf("default_js_domain { A: hub }"));
        links(&hub, 1);
        let mut nats = Nats::connect(leaf.port, login);
        asked(&mut nats, "hub", "INFO", Value::Null);
        assert_eq!(nats.api("INFO", "")["domain"], "hub");
        nats.create(json!({"name": "KV_b", "subjects": ["$KV.b.>"], "max_msgs_per_subject": 1}));
        nats.stored("$KV.b.k", "v", 1);
        assert_eq!(nats.get("KV_b", 1).text(), "v");
        assert_eq!(client(&hub).state("KV_b")["messages"], 1);
    }
}

/// As it was before there were domains: neither end keeps anything back.
#[test]
fn an_empty_default_domain_lets_requests_through() {
    for (hub_make, leaf_make) in pairs() {
        let stores = tempfile::tempdir().unwrap();
        let account = "accounts { A { jetstream: JS, users: [{ user: a, password: p }] } }\n";
        let hub_conf = format!(
            "server_name: hub\n{}{}{}default_js_domain {{ A: \"\" }}\n",
            leafnodes(""),
            account.replace("JS", "enabled"),
            block(&stores, "hub", ""),
        );
        let hub = start(hub_make, &hub_conf);
        let url = format!("nats://a:p@127.0.0.1:{}", leaf_port(&hub));
        let leaf_conf = format!(
            "server_name: leaf\n{}leafnodes {{ remotes: [{{ url: \"{url}\", account: A }}] }}\n\
             default_js_domain {{ A: \"\" }}",
            account.replace("JS", "disabled"),
        );
        let leaf = start(leaf_make, &leaf_conf);
        links(&hub, 1);
        let mut nats = Nats::connect(leaf.port, r#"{"user":"a","pass":"p"}"#);
        let answer = eventually("an answer of the hub", || {
            let answer = nats.request("$JS.API.INFO", &[], "");
            answer.status().is_none().then_some(answer)
        });
        ok(answer.json());
    }
}

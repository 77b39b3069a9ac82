//! Subject mappings of the whole server: rewriting, weights, clusters, functions.

use std::collections::BTreeMap;

use crate::harness::{Client, Server};

/// Publishes `subject` and returns the subject it arrives as.
#[track_caller]
fn mapped(client: &mut Client, subject: &str) -> String {
    client.publish(subject, "");
    client.message().0[0].clone()
}

/// A client that sees every subject.
#[track_caller]
fn watcher(server: &Server) -> Client {
    let mut client = server.client();
    client.subscribe(">", "1");
    client
}

/// How often `count` publishes of `subject` arrive as which subject.
#[track_caller]
fn tally(server: &Server, subject: &str, count: usize) -> BTreeMap<String, usize> {
    let mut client = watcher(server);
    let mut tally = BTreeMap::new();
    for _ in 0..count {
        client.publish(subject, "");
    }
    client.publish("end.of.tally", "");
    loop {
        let subject = client.message().0[0].clone();
        if subject == "end.of.tally" {
            return tally;
        }
        *tally.entry(subject).or_default() += 1;
    }
}

/// Asserts that `got` is `wanted` give or take what chance may do to 1000 draws.
#[track_caller]
fn about(got: Option<&usize>, wanted: usize) {
    let got = got.copied().unwrap_or_default();
    assert!(got.abs_diff(wanted) < 100, "{got} is far from {wanted}");
}

// Row 30.
#[test]
fn a_mapping_rewrites_the_subject() {
    let server = Server::start(r#"mappings { "a.*": "b.$1", exact: other, "x.*.*": "y.$2.$1" }"#);
    let mut client = watcher(&server);
    assert_eq!(mapped(&mut client, "a.x"), "b.x");
    assert_eq!(mapped(&mut client, "exact"), "other");
    assert_eq!(mapped(&mut client, "x.1.2"), "y.2.1");
    assert_eq!(mapped(&mut client, "a.x.y"), "a.x.y");
    assert_eq!(mapped(&mut client, "a"), "a");
}

#[test]
fn both_spellings_of_a_wildcard_and_the_tail() {
    let server = Server::start(r#"maps { "a.*.*": "b.{{wildcard(2)}}.$1", "t.>": "tail.>" }"#);
    let mut client = watcher(&server);
    assert_eq!(mapped(&mut client, "a.1.2"), "b.2.1");
    assert_eq!(mapped(&mut client, "t.x.y"), "tail.x.y");
}

#[test]
fn the_source_subject_gets_nothing_and_the_rest_is_kept() {
    let server = Server::start(r#"mappings = { "a.*": "b.$1" }"#);
    let mut client = server.header_client();
    client.send("SUB a.x 1\r\nSUB b.x 2\r\n");
    client.send("HPUB a.x reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    client.expect("HMSG b.x 2 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    client.ping_pong();
}

#[test]
fn a_mapping_is_applied_once() {
    let server = Server::start(r#"mappings { "a.*": "b.$1", "b.*": "c.$1" }"#);
    let mut client = watcher(&server);
    assert_eq!(mapped(&mut client, "a.x"), "b.x");
    assert_eq!(mapped(&mut client, "b.x"), "c.x");
}

#[test]
fn a_queue_group_on_the_mapped_subject_gets_the_message() {
    let server = Server::start(r#"mappings { a: b }"#);
    let mut client = server.client();
    client.send("SUB b workers 1\r\nPUB a 1\r\nx\r\n");
    client.expect("MSG b 1 1\r\nx\r\n");
}

#[test]
fn the_503_names_the_mapped_subject() {
    let server = Server::start(r#"mappings { "a.*": "b.$1" }"#);
    let mut client = server.header_client();
    client.send("SUB in 1\r\nPUB a.x in 0\r\n\r\n");
    client.expect("HMSG in 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: b.x\r\n\r\n\r\n");
}

// Row 31.
#[test]
fn weights_split_the_messages() {
    let server = Server::start(
        "mappings {\n\
           half: [ {destination: w1, weight: 50%}, {dest: w2, weight: 50} ]\n\
           rest: [ {destination: third, weight: 30%} ]\n\
           loss: [ {destination: loss, weight: 50%} ]\n\
           one: {destination: single, weight: 100%}\n\
         }",
    );
    let half = tally(&server, "half", 1000);
    about(half.get("w1"), 500);
    assert_eq!(half.values().sum::<usize>(), 1000);
    let rest = tally(&server, "rest", 1000);
    about(rest.get("third"), 300);
    about(rest.get("rest"), 700);
    // Where the source itself is listed, what remains is dropped.
    about(tally(&server, "loss", 1000).get("loss"), 500);
    assert_eq!(tally(&server, "one", 100).get("single"), Some(&100));
}

// Row 32.
#[test]
fn a_cluster_picks_its_own_destination() {
    let server = Server::start(
        "cluster { name: here }\n\
         mappings { z: [\n\
           {destination: y, weight: 100, cluster: here}\n\
           {destination: x, weight: 100}\n\
         ]\n\
         q: [ {destination: r, weight: 100, cluster: there} ] }",
    );
    assert_eq!(tally(&server, "z", 50).get("y"), Some(&50));
    assert_eq!(tally(&server, "q", 50).get("q"), Some(&50));
}

#[test]
fn a_destination_for_another_cluster_does_not_count_here() {
    let server = Server::start(
        "mappings { z: [ {destination: y, weight: 100, cluster: c1}\n\
         {destination: x, weight: 100} ] }",
    );
    assert_eq!(tally(&server, "z", 50).get("x"), Some(&50));
}

// Row 33.
#[test]
fn partition_is_the_fnv_hash_of_the_chosen_tokens() {
    let server = Server::start(
        r#"mappings { "p.*.*": "part.{{partition(3,1)}}.{{partition(10,1,2)}}.$1.$2" }"#,
    );
    let mut client = watcher(&server);
    for (one, two) in [("foo", "bar"), ("a", "b"), ("orders", "12345")] {
        let (by_one, by_two) = (fnv1a(one) % 3, fnv1a(&format!("{one}{two}")) % 10);
        let wanted = format!("part.{by_one}.{by_two}.{one}.{two}");
        for _ in 0..3 {
            assert_eq!(mapped(&mut client, &format!("p.{one}.{two}")), wanted);
        }
    }
}

#[test]
fn partition_uses_all_of_its_range() {
    let server = Server::start(r#"mappings { "p.*": "part.{{partition(3,1)}}.$1" }"#);
    let mut client = watcher(&server);
    let mut seen = [0; 3];
    for n in 0..300 {
        let subject = mapped(&mut client, &format!("p.{n}"));
        let part: usize = subject.split('.').nth(1).unwrap().parse().unwrap();
        seen[part] += 1;
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}

fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

// Row 34.
#[test]
fn partition_without_tokens_hashes_the_whole_subject() {
    let server = Server::start(r#"mappings { "whole.*": "w.{{partition(10)}}.$1" }"#);
    let mut client = watcher(&server);
    for token in ["foo", "bar", "x"] {
        let hash = fnv1a(&format!("whole.{token}")) % 10;
        assert_eq!(mapped(&mut client, &format!("whole.{token}")), format!("w.{hash}.{token}"));
    }
}

// Row 34.
#[test]
fn random_draws_from_its_range() {
    let server =
        Server::start(r#"mappings { "rnd.*": "r.{{random(3)}}.$1", lit: "l.{{random(2)}}" }"#);
    let drawn = tally(&server, "rnd.x", 1000);
    for n in 0..3 {
        about(drawn.get(&format!("r.{n}.x")), 333);
    }
    assert_eq!(drawn.len(), 3);
    about(tally(&server, "lit", 1000).get("l.1"), 500);
}

// Row 35.
#[test]
fn split_and_slice() {
    let server = Server::start(
        r#"mappings {
             "sp.*": "s.{{split(1,-)}}"
             "sl.*": "s.{{splitFromLeft(1,2)}}"
             "sr.*": "s.{{SplitFromRight(1,2)}}"
             "cl.*": "s.{{SliceFromLeft(1,3)}}"
             "cr.*": "s.{{sliceFromRight(1,3)}}"
           }"#,
    );
    let mut client = watcher(&server);
    for (from, to) in [
        ("sp.-ab--cd-e", "s.ab.cd.e"),
        ("sp.abc", "s.abc"),
        ("sl.abcd", "s.ab.cd"),
        ("sl.ab", "s.ab"),
        ("sl.a", "s.a"),
        ("sr.abcde", "s.abc.de"),
        ("sr.ab", "s.ab"),
        ("cl.abcdefgh", "s.abc.def.gh"),
        ("cl.abc", "s.abc"),
        ("cl.ab", "s.ab"),
        ("cr.abcdefgh", "s.ab.cde.fgh"),
        ("cr.abcdef", "s.abc.def"),
    ] {
        assert_eq!(mapped(&mut client, from), to, "for {from}");
    }
}

// Rows 30 to 36: nats-server has `left` and `right` for what streams send on, and nowhere else.
#[test]
fn wrong_mappings_are_refused_with_their_reason() {
    for (mapping, reason) in [
        (r#""a.*": "b.$2""#, "wildcard index out of range in $2"),
        (r#""a.*": "b.{{nope(1)}}""#, "unknown function in {{nope(1)}}"),
        (r#""a.*": "b.{{left(1,2)}}""#, "unknown function in {{left(1,2)}}"),
        (r#""a.*": "b.{{Right(1,2)}}""#, "unknown function in {{Right(1,2)}}"),
        (
            r#""a.*": "b.{{split(1)}}""#,
            "not enough arguments passed to the function in {{split(1)}}",
        ),
        (
            "a: [ {destination: b, weight: 60%}, {destination: c, weight: 50%} ]",
            "total weight needs to be <= 100",
        ),
        (
            "a: [ {destination: b, weight: 1}, {destination: b, weight: 2} ]",
            "duplicate entry for \"b\"",
        ),
        ("a: [ {destination: b, weight: 101} ]", "Invalid weight 101 for mapping destination"),
        (r#""a..b": "b""#, "Subject \"a..b\" is not a valid subject"),
    ] {
        Server::run_conf(&format!("mappings {{ {mapping} }}"), &["-t"]).refused_with(reason);
    }
}

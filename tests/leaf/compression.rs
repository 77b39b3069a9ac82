//! Links that are compressed, seen from the two ends and from between them.

use std::io::{Read, Write};
use std::time::Duration;

use crate::harness::{Client, Server};
use crate::kit::{
    Make, Pair, carries, hub, knows, leaf, leaf_port, links, nats_is_at_least, pairs, start,
};
use crate::ways::Tap;

/// Those that know of compression.
fn able() -> Vec<Pair> {
    let all = pairs();
    if all.len() > 1 && !nats_is_at_least(10) {
        eprintln!(
            "skipped with nats-server: the one here is older than 2.10 and does not compress"
        );
    }
    let ours = |pair: &Pair| *pair == (Make::Ours, Make::Ours);
    all.into_iter().filter(|pair| nats_is_at_least(10) || ours(pair)).collect()
}

/// Waits until a server's only link is compressed in this way.
#[track_caller]
fn shows(server: &Server, mode: &str) {
    server.wait_json("/leafz", |page| (page["leafs"][0]["compression"] == mode).then_some(()));
}

/// A leaf node whose link leads through a tap.
fn through(make: Make, tap: &Tap, mode: &str) -> Server {
    let url = format!("nats-leaf://127.0.0.1:{}", tap.port);
    start(
        make,
        &format!(
            "server_name: leaf\nping_interval: \"600ms\"\nping_max: 100\n\
             leafnodes {{ remotes: [ {{ url: \"{url}\", {mode} }} ] }}"
        ),
    )
}

/// What a compressed way says: a line as it is, and then a stream. This reads it whole.
fn opened(said: &[u8]) -> (String, Vec<u8>) {
    let ends = said.windows(2).position(|pair| pair == b"\r\n").expect("a line") + 2;
    let (line, stream) = said.split_at(ends);
    assert!(stream.starts_with(b"\xFF\x06\0\0S2sTwO"), "{stream:?}");
    let mut plain = Vec::new();
    // The last chunk may not be there as a whole.
    let _ = minlz::s2::Reader::new(stream).read_to_end(&mut plain);
    (String::from_utf8_lossy(line).into_owned(), plain)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

// Row 167.
#[test]
fn what_is_between_the_ends_is_an_s2_stream() {
    for mode in ["s2_fast", "s2_better", "s2_best", "s2_uncompressed"] {
        let hub = hub(Make::Ours, "compression: accept", "");
        let tap = Tap::on(leaf_port(&hub));
        let leaf = through(Make::Ours, &tap, &format!("compression: {mode}"));
        shows(&hub, mode);
        shows(&leaf, mode);
        let mut reader = hub.client();
        reader.send("SUB up 1\r\n");
        reader.ping_pong();
        knows(&leaf, "up");
        let mut writer = leaf.client();
        let text = "the same words over and over; ".repeat(2000);
        for _ in 0..20 {
            writer.publish("up", &text);
            assert!(reader.payload() == text);
        }
        let [said, heard] = tap.said();
        let packed = mode != "s2_uncompressed";
        assert_eq!(said.len() < text.len(), packed, "{mode}: {} bytes", said.len());
        let (line, plain) = opened(&said);
        assert!(line.starts_with("INFO ") && line.contains(&format!("\"compression\":\"{mode}\"")));
        assert!(plain.starts_with(b"CONNECT {"), "{mode}");
        assert!(contains(&plain, &format!("\"compress_mode\":\"{mode}\"")));
        assert_eq!(plain.windows(9).filter(|part| part == b"LMSG up 6").count(), 20, "{mode}");
        let (line, plain) = opened(&heard);
        assert!(line.contains("\"compression\":\"accept\""));
        assert!(plain.starts_with(b"INFO {"), "{mode}");
        assert!(contains(&plain, "LS+ up\r\n"));
    }
}

// Row 167.
#[test]
fn links_are_compressed_as_both_ends_agree() {
    for (hub_make, leaf_make) in able() {
        for (at_hub, at_leaf, shown) in [
            ("", "", ["s2_uncompressed"; 2]),
            ("compression: s2_fast", "compression: s2_best", ["s2_fast", "s2_best"]),
            ("compression: s2_better", "compression: accept", ["s2_better"; 2]),
            ("compression: accept", "", ["s2_fast", "s2_uncompressed"]),
            ("compression: accept", "compression: accept", ["off"; 2]),
            ("compression: off", "compression: s2_fast", ["off"; 2]),
            ("compression: s2_fast", "compression: off", ["off"; 2]),
        ] {
            let case = format!("{hub_make:?} {at_hub} {leaf_make:?} {at_leaf}");
            eprintln!("{case}");
            let far = "{ mode: s2_auto, rtt_thresholds: [\"1h\"] }";
            let full = |mode: &str| match mode {
                // The way is short, however busy the machine is.
                "" => format!("compression: {far}"),
                mode => mode.to_owned(),
            };
            let hub = hub(hub_make, &full(at_hub), "");
            let leaf = leaf(leaf_make, &hub, &full(at_leaf), "");
            shows(&hub, shown[0]);
            shows(&leaf, shown[1]);
            carries(&hub, &leaf);
            carries(&leaf, &hub);
        }
    }
}

// Row 167.
#[test]
fn how_much_is_compressed_follows_the_way() {
    let hub = hub(Make::Ours, "", "");
    let tap = Tap::on(leaf_port(&hub));
    let times = "rtt_thresholds: [\"0s\", \"300ms\", \"1h\"]";
    let leaf = through(Make::Ours, &tap, &format!("compression: {{ mode: s2_auto, {times} }}"));
    shows(&leaf, "s2_fast");
    tap.delay(Duration::from_millis(200));
    shows(&leaf, "s2_better");
    tap.delay(Duration::ZERO);
    shows(&leaf, "s2_fast");
    let before = tap.said()[0].len();
    carries(&leaf, &hub);
    let cost = tap.said()[0].len() - before;
    assert!(cost < 60_000, "{cost} bytes for more than 300,000");
    carries(&hub, &leaf);
}

#[test]
fn a_stranger_s_stream_is_read_within_limits() {
    let hub = hub(Make::Ours, "compression: s2_fast", "");
    let name = &b"\xFF\x06\0\0S2sTwO"[..];
    // A block of 100 kB, which nobody needs who is not known yet, as one of 100 bytes.
    let mut bomb = Vec::new();
    let mut writer = minlz::s2::Writer::new(&mut bomb);
    writer.write_all(&[0; 100_000]).and_then(|()| writer.flush()).unwrap();
    drop(writer);
    for stream in [
        &b"not a stream"[..],
        &[name, b"\x02\x01\0\0x"].concat(),
        &[name, b"\0\xFF\xFF\xFF"].concat(),
        &[name, b"\0\x09\0\0\0\0\0\0\xFF\xFF\xFF\xFF\x0F"].concat(),
        &[name, b"\x01\x05\0\0\0\0\0\0x"].concat(),
        &bomb,
    ] {
        let mut link = Client::connect(leaf_port(&hub));
        assert_eq!(link.info["compression"], "s2_fast");
        link.send("INFO {\"compression\":\"s2_fast\"}\r\n");
        link.send(stream);
        // It hears how to go on, and nothing of what was found in the stream.
        let (mut said, stream) = (String::new(), link.read_to_end());
        minlz::s2::Reader::new(&stream[..]).read_to_string(&mut said).unwrap();
        assert!(said.starts_with("INFO {") && said.lines().count() == 1, "{said}");
    }
    links(&hub, 0);
    // Those who are known may send large ones.
    let leaf = leaf(Make::Ours, &hub, "", "");
    links(&hub, 1);
    carries(&leaf, &hub);
}

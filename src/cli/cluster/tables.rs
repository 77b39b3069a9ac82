//! The answer of `/clusterz` for human eyes.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use vagus_telemetry::text::{ByteSize, GoDuration, Uptime};

const SERVERS: [&str; 9] =
    ["SERVER", "CLUSTER", "VERSION", "UPTIME", "CLIENTS", "SUBS", "IN", "OUT", "ANSWER"];
const LINKS: [&str; 10] =
    ["FROM", "TO", "KIND", "ACCOUNTS", "RTT", "QUEUE", "IN", "OUT", "UPTIME", "STATE"];
/// Between two columns.
const GAP: usize = 2;
/// What is not known.
const NOTHING: &str = "-";

/// Servers, links, and whoever is looked for in vain.
pub(super) fn of(told: &Value) -> String {
    let servers = told["servers"].as_array().map_or(&[][..], Vec::as_slice);
    let silent = servers.iter().filter(|server| server["silent"].is_string()).count();
    let mut out = match (servers.len(), silent) {
        (1, 0) => "1 server, linked with no other\n\n".to_owned(),
        (all, 0) => format!("{all} servers, all answer\n\n"),
        (all, silent) => format!("{all} servers, {silent} silent\n\n"),
    };
    let rows = servers.iter().enumerate().map(|(n, one)| server(one, n == 0));
    table(&mut out, SERVERS, rows.collect());
    let told = || servers.iter().map(|server| (server, &server["standing"]));
    let links: Vec<_> = told().flat_map(|(from, how)| list(how, "links", from, link)).collect();
    if !links.is_empty() {
        out.push('\n');
        table(&mut out, LINKS, links);
    }
    let sought: Vec<_> =
        told().flat_map(|(from, how)| list(how, "sought", from, missing)).collect();
    if !sought.is_empty() {
        out.push('\n');
        out.extend(sought);
    }
    out
}

fn list<T>(how: &Value, name: &str, of: &Value, one: impl Fn(&Value, &Value) -> T) -> Vec<T> {
    how[name].as_array().into_iter().flatten().map(|entry| one(of, entry)).collect()
}

fn server(server: &Value, asked: bool) -> [String; 9] {
    let how = &server["standing"];
    if how.is_null() {
        let silent = format!("silent: {}", text(server, "silent"));
        let mut row = [NOTHING; 9].map(str::to_owned);
        row[0] = text(server, "name");
        row[8] = silent;
        return row;
    }
    let mut answer = match asked {
        true => "asked".to_owned(),
        false => GoDuration(Duration::from_micros(number(server, "took_us"))).to_string(),
    };
    if how["leaving"] == true {
        answer.push_str(", leaving");
    }
    [
        text(server, "name"),
        text(how, "cluster"),
        text(how, "version"),
        Uptime(Duration::from_millis(number(how, "uptime_ms"))).to_string(),
        number(how, "clients").to_string(),
        number(how, "subscriptions").to_string(),
        traffic(how, "in"),
        traffic(how, "out"),
        answer,
    ]
}

fn link(from: &Value, link: &Value) -> [String; 10] {
    [
        text(from, "name"),
        text(link, "peer"),
        text(link, "kind"),
        text(link, "accounts"),
        match number(link, "rtt_ns") {
            0 => NOTHING.to_owned(),
            ns => GoDuration(Duration::from_nanos(ns)).to_string(),
        },
        ByteSize(number(link, "queue_bytes")).to_string(),
        traffic(link, "in"),
        traffic(link, "out"),
        Uptime(Duration::from_millis(number(link, "uptime_ms"))).to_string(),
        text(link, "state"),
    ]
}

fn missing(from: &Value, sought: &Value) -> String {
    format!(
        "{} looks for {}, {} times in vain: {}\n",
        text(from, "name"),
        text(sought, "address"),
        number(sought, "attempts"),
        text(sought, "problem")
    )
}

/// Messages and bytes.
fn traffic(of: &Value, way: &str) -> String {
    let count = |what: &str| number(of, &format!("{way}_{what}"));
    format!("{} / {}", count("msgs"), ByteSize(count("bytes")))
}

/// Other servers choose their names: nothing in them may move the cursor.
fn text(of: &Value, name: &str) -> String {
    let text = of[name].as_str().unwrap_or(NOTHING);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or(0)
}

/// Columns as wide as their widest cell, but for the last.
fn table<const N: usize>(out: &mut String, head: [&str; N], rows: Vec<[String; N]>) {
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |n: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0) + GAP;
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_and_links_are_shown_and_who_is_missing() {
        let told = json!({"servers": [
            {"id": "A", "name": "a", "took_us": 0, "standing": {
                "cluster": "c", "version": "0.1.0", "uptime_ms": 61_000, "clients": 2,
                "subscriptions": 7, "in_msgs": 5, "in_bytes": 2048, "out_msgs": 0, "out_bytes": 0,
                "links": [{"kind": "route", "accounts": "pool 0", "peer": "b\u{1b}[2J",
                    "rtt_ns": 250_000, "queue_bytes": 10, "in_msgs": 1, "in_bytes": 3,
                    "out_msgs": 0, "out_bytes": 0,
                    "uptime_ms": 1000, "state": "in order"}],
                "sought": [{"address": "h:1", "attempts": 3, "problem": "refused"}]}},
            {"id": "B", "name": "b", "took_us": 1_000_000, "silent": "no answer within 1s"},
        ]});
        let lines = of(&told);
        let lines: Vec<&str> = lines.lines().collect();
        let expected = [
            "2 servers, 1 silent",
            "",
            "SERVER  CLUSTER  VERSION  UPTIME  CLIENTS  SUBS  IN           OUT      ANSWER",
            "a       c        0.1.0    1m1s    2        7     5 / 2.00 KB  0 / 0 B  asked",
            "b       -        -        -       -        -     -            -        silent: no \
             answer within 1s",
            "",
            "FROM  TO     KIND   ACCOUNTS  RTT    QUEUE  IN       OUT      UPTIME  STATE",
            "a     b?[2J  route  pool 0    250µs  10 B   1 / 3 B  0 / 0 B  1s      in order",
            "",
            "a looks for h:1, 3 times in vain: refused",
        ];
        assert_eq!(lines, expected);
    }
}

//! Random permissions and imports, compared with what a few plain lines say about them.

use crate::harness::{Client, Server, is_reference};
use crate::kit::user;

/// Whether a pattern matches a subject, one token after the other.
fn matches(pattern: &str, subject: &str) -> bool {
    let (mut wanted, mut tokens) = (pattern.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), tokens.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

fn any(patterns: &[String], subject: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, subject))
}

/// A subject of one to three tokens out of few letters.
fn subject(rng: &mut fastrand::Rng) -> String {
    let tokens = rng.usize(1..=3);
    let tokens: Vec<&str> = (0..tokens).map(|_| *rng.choice(&["a", "b", "c"]).unwrap()).collect();
    tokens.join(".")
}

fn pattern(rng: &mut fastrand::Rng) -> String {
    let mut tokens: Vec<&str> = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        tokens.push(rng.choice(&["a", "b", "c", "*"]).unwrap());
    }
    if rng.u8(..4) == 0 {
        *tokens.last_mut().unwrap() = ">";
    }
    tokens.join(".")
}

fn patterns(rng: &mut fastrand::Rng, most: usize) -> Vec<String> {
    (0..rng.usize(0..=most)).map(|_| pattern(rng)).collect()
}

/// All frames until the `PONG`.
#[track_caller]
fn frames(client: &mut Client) -> Vec<String> {
    client.send("PING\r\n");
    let mut all = Vec::new();
    loop {
        let frame = client.frame();
        if frame == "PONG\r\n" {
            return all;
        }
        all.push(frame);
    }
}

/// Nobody publishes or hears what the rules do not let them, whatever the rules.
#[test]
fn permissions_are_what_they_say() {
    if is_reference() {
        return;
    }
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let list = |patterns: &[String]| {
        format!("[{}]", patterns.iter().map(|p| format!("\"{p}\"")).collect::<Vec<_>>().join(", "))
    };
    let rules: Vec<[Vec<String>; 4]> =
        (0..12).map(|_| std::array::from_fn(|_| patterns(&mut rng, 3))).collect();
    let users: Vec<String> = rules
        .iter()
        .enumerate()
        .map(|(n, [pub_allow, pub_deny, sub_allow, sub_deny])| {
            format!(
                "{{ user: u{n}, password: x, permissions {{
                    publish: {{allow: {}, deny: {}}}, subscribe: {{allow: {}, deny: {}}} }} }}",
                list(pub_allow),
                list(pub_deny),
                list(sub_allow),
                list(sub_deny)
            )
        })
        .collect();
    let server = Server::start(&format!(
        "authorization {{ users: [{}, {{user: admin, password: x}}] }}",
        users.join("\n")
    ));
    let mut admin = user(&server, "admin");
    admin.subscribe(">", "1");
    for (n, [pub_allow, pub_deny, sub_allow, sub_deny]) in rules.iter().enumerate() {
        let mut client = user(&server, &format!("u{n}"));
        for _ in 0..40 {
            let to = subject(&mut rng);
            client.publish(&to, "x");
            let refused = !frames(&mut client).is_empty();
            let allowed = any(pub_allow, &to) && !any(pub_deny, &to);
            assert_eq!(refused, !allowed, "u{n} to {to}: {pub_allow:?} but {pub_deny:?}");
            assert_eq!(frames(&mut admin).is_empty(), refused, "u{n} to {to}");
        }
        let mut granted = Vec::new();
        for sid in 0..20 {
            let wanted = if rng.bool() { pattern(&mut rng) } else { subject(&mut rng) };
            client.send(format!("SUB {wanted} {sid}\r\n"));
            let refused = !frames(&mut client).is_empty();
            if !wanted.contains(['*', '>']) {
                let allowed = any(sub_allow, &wanted) && !any(sub_deny, &wanted);
                assert_eq!(refused, !allowed, "u{n} hears {wanted}");
            } else if sub_allow.contains(&wanted) && sub_deny.is_empty() {
                assert!(!refused, "u{n} hears {wanted}");
            }
            if !refused {
                granted.push((sid, wanted));
            }
        }
        for _ in 0..40 {
            let to = subject(&mut rng);
            admin.publish(&to, "x");
            frames(&mut admin);
            let mut got = frames(&mut client);
            let may_hear = any(sub_allow, &to) && !any(sub_deny, &to);
            let heard = granted.iter().filter(|(_, wanted)| may_hear && matches(wanted, &to));
            let mut expected: Vec<String> =
                heard.map(|(sid, _)| format!("MSG {to} {sid} 1\r\nx\r\n")).collect();
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "u{n} hears {to}: {sub_allow:?} but {sub_deny:?}");
        }
    }
}

/// One import: what the exporter calls it, and how it is named here.
struct Import {
    subject: String,
    to: Naming,
}

enum Naming {
    Same,
    Prefix(&'static str),
    /// The wildcards, last one first, behind a token of its own.
    Turned(usize),
}

impl Import {
    fn random(rng: &mut fastrand::Rng, number: usize) -> Self {
        let subject = pattern(rng);
        let to = match rng.u8(..3) {
            0 => Naming::Same,
            1 => Naming::Prefix("p"),
            _ if subject.contains('>') || !subject.contains('*') => Naming::Prefix("q"),
            _ => Naming::Turned(number),
        };
        Self { subject, to }
    }

    fn stated(&self) -> String {
        let stream = format!("stream: {{account: E, subject: \"{}\"}}", self.subject);
        match &self.to {
            Naming::Same => format!("{{{stream}}}"),
            Naming::Prefix(prefix) => format!("{{{stream}, prefix: {prefix}}}"),
            Naming::Turned(number) => {
                let count = self.subject.matches('*').count();
                let turned: Vec<_> = (1..=count).rev().map(|n| format!("${n}")).collect();
                format!("{{{stream}, to: \"t{number}.{}\"}}", turned.join("."))
            }
        }
    }

    fn local(&self, subject: &str) -> Option<String> {
        if !matches(&self.subject, subject) {
            return None;
        }
        Some(match &self.to {
            Naming::Same => subject.to_owned(),
            Naming::Prefix(prefix) => format!("{prefix}.{subject}"),
            Naming::Turned(number) => {
                let pairs = self.subject.split('.').zip(subject.split('.'));
                let mut turned: Vec<_> =
                    pairs.filter(|(wanted, _)| *wanted == "*").map(|(_, token)| token).collect();
                turned.push("");
                turned.reverse();
                format!("t{number}{}", turned.join("."))
            }
        })
    }
}

#[test]
fn imports_are_what_they_say() {
    if is_reference() {
        return;
    }
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..6 {
        let mut imports: Vec<Import> = Vec::new();
        for number in 0..rng.usize(1..6) {
            let import = Import::random(&mut rng, number);
            if imports.iter().all(|known| known.subject != import.subject) {
                imports.push(import);
            }
        }
        let stated: Vec<String> = imports.iter().map(Import::stated).collect();
        let server = Server::start(&format!(
            "accounts {{
                E {{ users: [{{user: e, password: x}}], exports: [{{stream: \">\"}}] }}
                I {{ users: [{{user: i, password: x}}], imports: [{}] }}
            }}",
            stated.join("\n")
        ));
        let (mut e, mut i) = (user(&server, "e"), user(&server, "i"));
        let mut subs: Vec<(usize, String)> = Vec::new();
        for sid in 0..12 {
            let wanted = match rng.u8(..4) {
                0 => format!("p.{}", pattern(&mut rng)),
                1 => format!("*.{}", pattern(&mut rng)),
                2 => format!("t{}.{}", rng.u8(..4), pattern(&mut rng)),
                _ => pattern(&mut rng),
            };
            i.send(format!("SUB {wanted} {sid}\r\n"));
            subs.push((sid, wanted));
        }
        for round in 0..150 {
            if round % 10 == 9 {
                // Some come and go between the messages.
                let (sid, wanted) = subs.remove(0);
                i.send(format!("UNSUB {sid}\r\nSUB {wanted} {}\r\n", sid + 100));
                subs.push((sid + 100, wanted));
            }
            i.ping_pong();
            let to = subject(&mut rng);
            e.publish(&to, "x");
            e.ping_pong();
            let mut got = frames(&mut i);
            let mut expected = Vec::new();
            for name in imports.iter().filter_map(|import| import.local(&to)) {
                let heard = subs.iter().filter(|(_, wanted)| matches(wanted, &name));
                expected.extend(heard.map(|(sid, _)| format!("MSG {name} {sid} 1\r\nx\r\n")));
            }
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "{to} with {stated:?} and {subs:?}");
        }
    }
}

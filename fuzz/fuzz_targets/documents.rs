//! What clients put into messages and `CONNECT`: header blocks and JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use vagus_wire::{Connect, headers};

fuzz_target!(|data: &[u8]| {
    read_block(data);
    write_and_read_block(data);
    connect(data);
});

/// Against the rules said in the plainest way.
fn read_block(block: &[u8]) {
    let found: Vec<_> = headers::iter(block).collect();
    let expected = match block.windows(2).position(|pair| pair == b"\r\n") {
        None => Vec::new(),
        Some(end) => pairs(&block[end + 2..]),
    };
    assert_eq!(found, expected);
    for (name, _) in &found {
        let first = found.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        assert_eq!(headers::get(block, name), first);
        assert!(headers::mentions(block, name));
    }
}

fn pairs(mut rest: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = match &rest[..end] {
            [line @ .., b'\r'] => line,
            line => line,
        };
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            found.push((&line[..colon], line[colon + 1..].trim_ascii()));
        }
        if end == rest.len() {
            return found;
        }
        rest = &rest[end + 1..];
    }
}

/// What a client wrote comes out again: the lines of the input become headers.
fn write_and_read_block(data: &[u8]) {
    let clean = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().copied().filter(|byte| !b":\r\n".contains(byte)).collect()
    };
    let mut block = [headers::VERSION_LINE, b"\r\n"].concat();
    let mut written = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let (name, value) = line.split_at(line.len() / 2);
        let (name, value) = (clean(name), clean(value));
        block.extend_from_slice(&[&name[..], b": ", &value, b"\r\n"].concat());
        written.push((name, value.trim_ascii().to_vec()));
    }
    block.extend_from_slice(b"\r\n");
    let read: Vec<_> =
        headers::iter(&block).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(read, written);
}

fn connect(data: &[u8]) {
    let mut once = Connect::default();
    if once.update(data).is_err() {
        return;
    }
    let mut twice = once.clone();
    assert!(twice.update(data).is_ok() && twice == once, "saying it twice changes something");
    let mut again = Connect::default();
    let spelled = spell(&once).to_string();
    assert!(again.update(spelled.as_bytes()).is_ok(), "{spelled}");
    assert_eq!(spell(&again), spell(&once));
    assert!(again == once);

    let mut secret = once;
    assert!(secret.update(br#"{"pass":"s3cr3t!","auth_token":"s3cr3t!"}"#).is_ok());
    let public = [&secret.name, &secret.lang, &secret.version];
    if !public.into_iter().any(|text| text.contains("s3cr3t!")) {
        assert!(!format!("{secret:?}").contains("s3cr3t!"), "a secret was printed");
    }
}

fn spell(connect: &Connect) -> Value {
    let mut fields = json!({
        "verbose": connect.verbose,
        "pedantic": connect.pedantic,
        "echo": connect.echo,
        "tls_required": connect.tls_required,
        "name": connect.name,
        "lang": connect.lang,
        "version": connect.version,
        "protocol": connect.protocol,
        "headers": connect.headers,
        "no_responders": connect.no_responders,
    });
    if let Some(shown) = &connect.shown {
        fields["user"] = json!(shown.user);
        fields["pass"] = json!(shown.pass);
        fields["auth_token"] = json!(shown.auth_token);
        fields["nkey"] = json!(shown.nkey);
        fields["jwt"] = json!(shown.jwt);
        fields["sig"] = json!(shown.sig);
        fields["account"] = json!(shown.account);
    }
    fields
}

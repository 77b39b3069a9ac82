//! Corners of the language that a sample file shows badly, and properties that hold for all texts.

use std::fmt::Write;

use proptest::prelude::*;
use vagus_config::{Map, NESTING_MAX, Node, Position, Value, digest, fuzz_one, parse_text, schema};

fn no_env(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Map, String> {
    parse_with(text.as_bytes(), &no_env)
}

fn parse_with(text: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Map, String> {
    parse_text(text, "a.conf", env).map(|doc| doc.root).map_err(|error| error.to_string())
}

#[track_caller]
fn value(text: &str) -> Value {
    let root = parse(&format!("key: {text}")).unwrap_or_else(|error| panic!("{error}"));
    root.get("key").map(|node| node.value.clone()).unwrap_or_else(|| panic!("no key in {text}"))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn numbers_and_what_only_looks_like_one() {
    let cases = [
        ("12", Value::Int(12)),
        ("-12", Value::Int(-12)),
        ("1k", Value::Int(1000)),
        ("1KB", Value::Int(1024)),
        ("2mib", Value::Int(2 << 20)),
        ("1.50", Value::Float(1.5)),
        ("10s", text("10s")),
        ("2m", Value::Int(2_000_000)),
        ("1_000", text("1_000")),
        ("12abc", text("12abc")),
        ("1.2.3", text("1.2.3")),
        ("127.0.0.1:4222", text("127.0.0.1:4222")),
        ("2016-05-04T18:53:41Z", Value::Time("2016-05-04T18:53:41Z".into())),
    ];
    for (written, expected) in cases {
        assert_eq!(value(written), expected, "{written}");
    }
    let error = parse("key: 8eb").expect_err("too large");
    assert_eq!(error, "a.conf:1:6: integer '8eb' is out of range");
    // A list may end right behind a number. nats-server refuses the first and reads a text in
    // the second.
    let list = |numbers: &[i64]| {
        let at = Position { file: "".into(), line: 0, column: 0 };
        let node = |n: &i64| Node { value: Value::Int(*n), at: at.clone(), used: false };
        Value::List(numbers.iter().map(node).collect())
    };
    assert_eq!(value("[1]"), list(&[1]));
    assert_eq!(value("[1k, 2k]"), list(&[1000, 2000]));
}

#[test]
fn strings() {
    assert_eq!(value(r#""a\tb\x41\"\\""#), text("a\tbA\"\\"));
    assert_eq!(value(r"'a\tb'"), text(r"a\tb"));
    assert_eq!(value(r"a\tb"), text("a\tb"));
    assert_eq!(value("a#b//c"), text("a#b//c"));
    assert_eq!(value("true'"), text("true"));
    assert_eq!(value("\"true\""), text("true"));
    assert_eq!(value("TRUE"), Value::Bool(true));
    assert_eq!(value("(\nline ) \n)\n"), text("\nline ) \n"));
    assert_eq!(value("(\r\nline\r\n)\r\n"), text("\r\nline\r\n"));
    assert_eq!(value("\"two\nlines\""), text("two\nlines"));
    assert_eq!(value(r#""\xe2\x82\xac""#), text("€"));
    let broken = parse(r#"key: "\xff""#).expect_err("not UTF-8");
    assert_eq!(broken, "a.conf:1:6: text is not valid UTF-8");
}

#[test]
fn bytes_that_are_not_utf8_do_no_harm_in_comments() {
    let root = parse_with(b"\xEF\xBB\xBF# caf\xe9\nport: 1 # \xff\n", &no_env).expect("valid");
    assert_eq!(root.get("port").map(|node| &node.value), Some(&Value::Int(1)));
    let error = parse_with(b"port: caf\xe9", &no_env).expect_err("not UTF-8");
    assert_eq!(error, "a.conf:1:7: text is not valid UTF-8");
}

#[test]
fn positions_are_those_of_keys_and_of_items() {
    let root = parse("a: 1\n  b {\n\tc: [ x,\n  {d: 1} ]\n}").expect("valid");
    let place = |node: &Node| (node.at.line, node.at.column);
    assert_eq!(root.get("a").map(place), Some((1, 1)));
    let b = root.get("b").expect("b");
    assert_eq!(place(b), (2, 3));
    let Value::Map(b) = &b.value else { panic!("{b:?}") };
    assert_eq!(b.get("c").map(place), Some((3, 2)));
    let Some(Value::List(items)) = b.get("c").map(|node| &node.value) else { panic!("{b:?}") };
    assert_eq!(items.iter().map(place).collect::<Vec<_>>(), [(3, 7), (4, 3)]);
}

#[test]
fn keys_keep_their_order_and_the_last_value_wins() {
    let root = parse("z: 1\na: 2\nz: 3").expect("valid");
    let keys: Vec<_> = root.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["z", "a"]);
    assert_eq!(root.get("z").map(|node| &node.value), Some(&Value::Int(3)));
}

#[test]
fn variables_look_outwards() {
    let root = parse("a: 1\nm { a: 2, n { b: $a }, c: $a }\nd: $a\ne: $m").expect("valid");
    let Some(Value::Map(m)) = root.get("m").map(|node| &node.value) else { panic!() };
    let Some(Value::Map(n)) = m.get("n").map(|node| &node.value) else { panic!() };
    assert_eq!(n.get("b").map(|node| &node.value), Some(&Value::Int(2)));
    assert_eq!(m.get("c").map(|node| &node.value), Some(&Value::Int(2)));
    assert_eq!(root.get("d").map(|node| &node.value), Some(&Value::Int(1)));
    assert_eq!(root.get("e").map(|node| &node.value), root.get("m").map(|node| &node.value));
    assert!(root.get("m").is_some_and(|node| node.used));
    assert!(!root.get("d").is_some_and(|node| node.used));
}

#[test]
fn the_environment_comes_last_and_is_parsed() {
    let env = |name: &str| match name {
        "LIST" => Some("[ 1, $ONE ]".to_owned()),
        "ONE" => Some("1kb".to_owned()),
        "EMPTY" => Some(String::new()),
        "LOOP" => Some("$POOL".to_owned()),
        "POOL" => Some("$LOOP".to_owned()),
        "BAD" => Some("[".to_owned()),
        _ => None,
    };
    let root = parse_with(b"a: $LIST\nb: $EMPTY\nONE: 2\nc: $ONE", &env).expect("valid");
    let same = parse("a: [1, 1024]\nb: \"\"\nONE: 2\nc: 2").expect("valid");
    assert_eq!(root, same);
    assert_eq!(
        parse_with(b"a: $LOOP", &env).expect_err("a cycle"),
        "a.conf:1:4: variable reference for 'LOOP' on line 1 could not be parsed: \
         variable reference for 'POOL' on line 1 could not be parsed: \
         variable reference cycle for 'LOOP'"
    );
    assert_eq!(
        parse_with(b"a: $BAD", &env).expect_err("not closed"),
        "a.conf:1:4: variable reference for 'BAD' on line 1 could not be parsed: \
         list is not closed"
    );
}

#[test]
fn text_cannot_include() {
    let error = parse("include other.conf").expect_err("refused");
    assert_eq!(error, "a.conf:1:1: include is not possible here");
    assert!(parse("include: other.conf").is_ok(), "only the bare word includes");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(NESTING_MAX)).is_ok());
    let error = parse(&nested(NESTING_MAX + 1)).expect_err("too deep");
    assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
    assert!(parse(&"a {".repeat(1_000_000)).is_err());
    assert!(parse(&"{".repeat(1_000_000)).is_ok());
    assert!(parse(&"}".repeat(1_000_000)).is_ok());
    let chain = |name: &str| {
        let next: usize = name.parse().ok()?;
        Some(format!("${}", next + 1))
    };
    let error = parse_with(b"a: $1", &chain).expect_err("an endless chain");
    assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
}

#[test]
fn variables_cannot_fill_the_memory() {
    let mut text = "v0: [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
    for n in 1..20 {
        let _ = write!(text, "v{n}: [");
        for _ in 0..10 {
            let _ = write!(text, "$v{},", n - 1);
        }
        text.push_str("]\n");
    }
    let error = parse(&text).expect_err("too many values");
    assert!(error.ends_with("more than 1000000 values"), "{error}");
}

#[test]
fn includes_are_bounded_too() {
    let dir = tempfile::tempdir().expect("a directory");
    for n in 0..200 {
        let text = format!("include {}.conf", n + 1);
        std::fs::write(
            dir.path().join(format!("f{n}.conf")),
            text.replace("include ", "include f"),
        )
        .expect("written");
    }
    let error = vagus_config::parse_file(&dir.path().join("f0.conf"), &no_env).expect_err("deep");
    assert!(error.to_string().ends_with("nested deeper than 100 levels"), "{error}");
}

#[test]
fn an_include_stays_below_its_directory_unless_it_climbs() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("written");
    };
    std::fs::create_dir(dir.path().join("sub")).expect("created");
    write("main.conf", "include /sub/one.conf");
    write("sub/one.conf", "include '../two.conf'");
    write("two.conf", "foo: 1");
    let found = vagus_config::Config::load(dir.path().join("main.conf"), &no_env).expect_err("foo");
    let place = dir.path().join("two.conf").display().to_string();
    assert_eq!(found[0].to_string(), format!("{place}:1:1: unknown field \"foo\""));
}

/// Writes a tree in the language.
fn print(value: &Value, out: &mut String) {
    match value {
        Value::Map(map) => {
            out.push_str("{\n");
            print_entries(map, out);
            out.push('}');
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                print(&item.value, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Text(text) => print_text(text, out),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => {
            let _ = write!(out, "{number:?}");
        }
        Value::Time(time) => out.push_str(time),
    }
}

fn print_text(text: &str, out: &mut String) {
    out.push('"');
    for byte in text.bytes() {
        let _ = write!(out, "\\x{byte:02x}");
    }
    out.push('"');
}

fn print_entries(map: &Map, out: &mut String) {
    for (key, node) in map.iter() {
        let _ = write!(out, "'{key}': ");
        print(&node.value, out);
        out.push('\n');
    }
}

fn node(value: Value) -> Node {
    Node { value, at: Position { file: "".into(), line: 1, column: 1 }, used: false }
}

fn map_of(entries: Vec<(String, Value)>) -> Map {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert(key, node(value));
    }
    map
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1e15..1e15f64)
            .prop_filter("digits alone", |f| !format!("{f:?}").contains('e'))
            .prop_map(Value::Float),
        (0u32..9999, 1u32..13, 1u32..29, 0u32..24, 0u32..60).prop_map(|(y, mo, d, h, mi)| {
            Value::Time(format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:07Z"))
        }),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| Value::List(items.into_iter().map(node).collect())),
            prop::collection::vec(("[^']*", inner), 0..6).prop_map(|e| Value::Map(map_of(e))),
        ]
    })
}

/// Bytes that mean something to the language, strung together.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"{",
        b"}",
        b"[",
        b"]",
        b"(",
        b"\n)\n",
        b"=",
        b":",
        b",",
        b";",
        b"\n",
        b" ",
        b"#",
        b"//",
        b"\"",
        b"'",
        b"\\",
        b"\\x4",
        b"$",
        b"$FUZZ",
        b"$a",
        b"a",
        b"include ",
        b"1",
        b"-",
        b".",
        b"k",
        b"mb",
        b"2016-01-01T00:00:00Z",
        b"true",
        b"tls",
        b"users",
        b"authorization",
        b"mappings",
        b"port",
        b"\xff",
        b"\xc2\xa0",
        b"\0",
        b"\r",
        b"cluster",
        b"weight",
        b"%",
    ];
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

/// A key of the schema with a value that may fit.
fn entries() -> impl Strategy<Value = (String, Value)> {
    fn names(block: &schema::Block, depth: usize, out: &mut Vec<String>) {
        for key in block.keys {
            out.push(key.name.to_owned());
            if depth > 0 {
                key.shape.blocks().iter().for_each(|inner| names(inner, depth - 1, out));
            }
        }
    }
    let mut keys = Vec::new();
    names(&schema::TOP, 1, &mut keys);
    let words = ["2s", "-1s", "a.*", "b.$1", "h:1", ":-1", "[::1]:2", "50%", "UA", "text", ""];
    let leaf = prop_oneof![
        prop::sample::select(words.map(text).to_vec()),
        prop::sample::select(vec![i64::MIN, -1, 0, 1, 30, 70_000, i64::MAX]).prop_map(Value::Int),
        prop::sample::select(vec![-1.5, 0.0, 25e9]).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
    ];
    let name = prop::sample::select(keys);
    let value = leaf.prop_recursive(3, 20, 4, {
        let name = name.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| Value::List(items.into_iter().map(node).collect())),
                prop::collection::vec((name.clone(), inner), 0..4)
                    .prop_map(|entries| Value::Map(map_of(entries))),
            ]
        }
    });
    (name, value)
}

#[test]
fn a_number_beyond_all_ports_is_survived() {
    for text in ["listen: 1e19", "listen: 10000000000000000000.0", "port: -1e19"] {
        fuzz_one(text.as_bytes());
    }
}

proptest! {
    #[test]
    fn any_key_with_any_value_is_survived(entries in prop::collection::vec(entries(), 0..8)) {
        let mut text = String::new();
        print_entries(&map_of(entries), &mut text);
        prop_assert!(parse(&text).is_ok());
        fuzz_one(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_one(&bytes);
    }

    #[test]
    fn any_words_are_survived(bytes in texts()) {
        fuzz_one(&bytes);
    }

    #[test]
    fn what_is_printed_reads_back(entries in prop::collection::vec(("[^']*", values()), 0..6)) {
        let map = map_of(entries);
        let mut text = String::new();
        print_entries(&map, &mut text);
        let read = parse(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(digest(&read), digest(&map));
        prop_assert_eq!(read, map);
    }
}

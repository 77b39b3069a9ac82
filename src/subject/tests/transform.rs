//! Transforms from the outside: what they write, what they refuse and with which words.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests are tests too")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vagus_subject::transform::{Kind, Transform, TransformError, numbered};

fn transform(source: &str, destination: &str, kind: Kind) -> Result<Transform, TransformError> {
    Transform::new(source.as_bytes(), destination.as_bytes(), kind)
}

fn apply(source: &str, destination: &str, kind: Kind, subject: &str) -> Option<String> {
    let transform = transform(source, destination, kind)
        .unwrap_or_else(|error| panic!("{source} -> {destination}: {error}"));
    let to = transform.apply(subject.as_bytes(), &mut fastrand::Rng::with_seed(7));
    to.map(|to| String::from_utf8(to).unwrap())
}

#[track_caller]
fn check(kind: Kind, table: &[(&str, &str, &str, &str)]) {
    for (source, destination, subject, expected) in table {
        let to = apply(source, destination, kind, subject);
        assert_eq!(to.as_deref(), Some(*expected), "{source} -> {destination}: {subject}");
    }
}

#[test]
fn wildcards_and_literals() {
    check(
        Kind::Mapping,
        &[
            ("foo", "bar", "foo", "bar"),
            ("foo.*.bar.*.baz", "req.$2.$1", "foo.A.bar.B.baz", "req.B.A"),
            ("foo.*.*", "{{wildcard(2)}}.{{ Wildcard ( 1 ) }}", "foo.A.B", "B.A"),
            ("foo.*.*", "bar.$2", "foo.A.B", "bar.B"),
            ("foo.*", "$1.$1", "foo.A", "A.A"),
            ("*", "foo.bar.$1", "foo", "foo.bar.foo"),
            ("baz.>", "my.pre.>", "baz.1.2.3", "my.pre.1.2.3"),
            ("a.*.>", "b.$1.x.>", "a.1.2.3", "b.1.x.2.3"),
            ("a.>", ">", "a.b.c", "b.c"),
            ("", "prefix.>", "foo.bar", "prefix.foo.bar"),
            ("foo.*", "$SYS.$x.$1", "foo.A", "$SYS.$x.A"),
            // The quirk that a number below 1 means the first token.
            ("foo.*", "bar.$0", "foo.A", "bar.foo"),
            ("foo.*", "bar.{{wildcard(-1)}}", "foo.A", "bar.foo"),
        ],
    );
}

#[test]
fn cutting_tokens() {
    check(
        Kind::Stream,
        &[
            ("*", "{{splitfromleft(1,3)}}", "12345", "123.45"),
            ("*", "{{splitFromLeft(1,5)}}", "12345", "12345"),
            ("*", "{{splitFromLeft(1,0)}}", "12345", "12345"),
            ("*", "{{splitFromLeft(1,-1)}}", "12345", "12345"),
            ("*", "{{SplitFromRight(1,3)}}", "12345", "12.345"),
            ("*", "{{SliceFromLeft(1,3)}}", "1234567890", "123.456.789.0"),
            ("*", "{{sliceFromLeft(1,3)}}", "123456", "123.456"),
            ("*", "{{SliceFromRight(1,3)}}", "1234567890", "1.234.567.890"),
            ("*", "{{sliceFromRight(1,3)}}", "123456", "123.456"),
            ("*", "{{sliceFromRight(1,30)}}", "123456", "123456"),
            ("*", "{{split(1,-)}}", "-abc-def--ghi-", "abc.def.ghi"),
            ("*", "{{split(1,-)}}", "--abc", "abc"),
            ("*", "x.{{split(1, ab)}}.y", "1ab2abab3", "x.1.2.3.y"),
            ("*", "{{split(1,)}}", "añb", "a.ñ.b"),
            ("*.*", "{{split(2,-)}}.{{splitfromleft(1,2)}}", "foo.-ab-cd--e-", "ab.cd.e.fo.o"),
        ],
    );
    check(
        Kind::Republish,
        &[
            ("*", "{{right(1,1)}}", "1234", "4"),
            ("*", "{{Right(1,3)}}", "1234", "234"),
            ("*", "{{right(1,6)}}", "1234", "1234"),
            ("*", "{{left(1,1)}}", "1234", "1"),
            ("*", "{{Left( 1 , 3 )}}", "1234", "123"),
            ("*", "{{left(1,0)}}", "1234", "1234"),
        ],
    );
}

#[test]
fn partitions_are_those_of_nats_server() {
    check(
        Kind::Mapping,
        &[
            ("*", "bar.{{partition(0)}}", "baz", "bar.0"),
            ("*", "bar.{{partition(10, 0)}}", "foo", "bar.3"),
            ("*.*", "bar.{{partition(10)}}", "foo.bar", "bar.6"),
            ("*", "bar.{{partition(10)}}", "foo", "bar.3"),
            ("*", "bar.{{partition(10,1)}}", "foo", "bar.3"),
            ("*", "bar.{{partition(10)}}", "baz", "bar.0"),
            ("*", "bar.{{partition(10)}}", "qux", "bar.9"),
            ("foo.bar", "baz.{{partition(10)}}", "foo.bar", "baz.6"),
            ("foo.baz", "qux.{{partition(10)}}", "foo.baz", "qux.4"),
            ("test.subject", "result.{{partition(5)}}", "test.subject", "result.0"),
            // FNV-1a of "foobar", without the separator, is 0xBF9CF968 = 3214735720.
            ("*.*", "{{partition(2147483647,1,2)}}", "foo.bar", "1067252073"),
            ("*.*", "{{Partition(2147483647, 2, 1)}}", "bar.foo", "1067252073"),
        ],
    );
}

#[test]
fn random_numbers_cover_their_range() {
    let transform = transform("*", "r.{{random(6)}}", Kind::Mapping).unwrap();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut seen = [0; 6];
    for _ in 0..600 {
        let to = String::from_utf8(transform.apply(b"x", &mut rng).unwrap()).unwrap();
        seen[to.strip_prefix("r.").unwrap().parse::<usize>().unwrap()] += 1;
    }
    assert!(seen.iter().all(|&n| n > 50), "{seen:?}");
    check(Kind::Mapping, &[("a", "b.{{random(0)}}", "a", "b.0")]);
    check(Kind::Mapping, &[("a", "b.{{random(1)}}", "a", "b.0")]);
}

#[test]
fn no_destination_is_a_default() {
    check(Kind::Stream, &[("foo.*.>", "", "foo.A.b.c", "foo.A.b.c"), ("", "", "x.y", "x.y")]);
    check(Kind::Republish, &[("foo.>", "", "foo.a.b", "a.b")]);
    for kind in [Kind::Mapping, Kind::Import] {
        assert_eq!(transform("foo", "", kind).unwrap_err(), TransformError::BadSubject);
    }
}

#[test]
fn only_subjects_of_the_source_are_covered() {
    for (source, destination, subject) in
        [("foo", "bar", "foo.x"), ("foo.*", "bar", "foo"), ("foo.>", "bar.>", "foo")]
    {
        assert_eq!(apply(source, destination, Kind::Mapping, subject), None, "{source} {subject}");
    }
    // A mapping knows no more than a pattern does, a stream insists on proper subjects.
    check(Kind::Mapping, &[("foo.*", "bar.$1", "foo.*", "bar.*")]);
    assert_eq!(apply("foo.*", "bar.$1", Kind::Stream, "foo.*"), None);
    assert_eq!(apply("foo.>", "bar.>", Kind::Stream, "foo..x"), None);
}

#[track_caller]
fn refuses(kind: Kind, table: &[(&str, &str, &str)]) {
    for (source, destination, expected) in table {
        let error = transform(source, destination, kind).expect_err(destination).to_string();
        assert_eq!(error, *expected, "{source} -> {destination}");
    }
}

#[test]
fn errors_of_every_kind() {
    for kind in [Kind::Mapping, Kind::Stream, Kind::Republish] {
        refuses(kind, ERRORS);
    }
}

const ERRORS: &[(&str, &str, &str)] = &[
    ("foo..", "bar", "invalid subject"),
    ("foo.*", "bar.*", "invalid subject"),
    ("foo.*", "bar.$1.>", "invalid subject"),
    ("foo.>", "bar.baz", "invalid subject"),
    ("foo", "$1", "invalid mapping destination: wildcard index out of range in $1"),
    ("foo.*", "bar.$2", "invalid mapping destination: wildcard index out of range in $2: [2]"),
    (
        "foo.>",
        "bar.{{wildcard(1)}}.>",
        "invalid mapping destination: wildcard index out of range in {{wildcard(1)}}: [1]",
    ),
    (
        "foo",
        "bar.{{wildcard(1)}}",
        "invalid mapping destination: wildcard index out of range in {{wildcard(1)}}",
    ),
    (
        "foo.*",
        "{{unimplemented(1)}}",
        "invalid mapping destination: unknown function in {{unimplemented(1)}}",
    ),
    (
        "foo.*",
        "{{WILDCARD(1)}}",
        "invalid mapping destination: unknown function in {{WILDCARD(1)}}",
    ),
    (
        "foo.*",
        "foo.{{ wildcard5) }}",
        "invalid mapping destination: unknown function in {{ wildcard5) }}",
    ),
    (
        "foo.*",
        "{{wildcard()}}",
        "invalid mapping destination: not enough arguments passed to the function in \
         {{wildcard()}}",
    ),
    (
        "foo.*",
        "{{wildcard(1,2)}}",
        "invalid mapping destination: too many arguments passed to the function in \
         {{wildcard(1,2)}}",
    ),
    (
        "foo.*",
        "{{wildcard(foo)}}",
        "invalid mapping destination: function argument is invalid or in the wrong format in \
         {{wildcard(foo)}}",
    ),
    (
        "foo.*",
        "{{partition()}}",
        "invalid mapping destination: function argument is invalid or in the wrong format in \
         {{partition()}}",
    ),
    (
        "foo.*",
        "{{partition(2147483648)}}",
        "invalid mapping destination: function argument is invalid or in the wrong format in \
         {{partition(2147483648)}}",
    ),
    (
        "foo.*",
        "{{random(1,2)}}",
        "invalid mapping destination: not enough arguments passed to the function in \
         {{random(1,2)}}",
    ),
    (
        "foo.*",
        "{{split(1)}}",
        "invalid mapping destination: not enough arguments passed to the function in {{split(1)}}",
    ),
    (
        "foo.*",
        "{{split(1,a b)}}",
        "invalid mapping destination: function argument is invalid or in the wrong format in \
         {{split(1,a b)}}",
    ),
    (
        "foo.*",
        "{{sliceFromLeft(1,2,3)}}",
        "invalid mapping destination: too many arguments passed to the function in \
         {{sliceFromLeft(1,2,3)}}",
    ),
];

#[test]
fn destinations_of_mappings_are_checked_first() {
    for kind in [Kind::Mapping, Kind::Stream] {
        refuses(
            kind,
            &[
                ("foo.*", "bar.", "invalid mapping destination: invalid transform"),
                ("foo.*", "b ar", "invalid mapping destination: invalid transform"),
                ("foo.>", "bar.>.baz", "invalid mapping destination: invalid transform in baz"),
                (
                    "*",
                    "{{left(1,2)}}",
                    "invalid mapping destination: unknown function in {{left(1,2)}}",
                ),
                (
                    "*",
                    "{{Right(1,2)}}",
                    "invalid mapping destination: unknown function in {{Right(1,2)}}",
                ),
            ],
        );
    }
}

#[test]
fn imports_are_reversible() {
    refuses(
        Kind::Import,
        &[
            (
                "foo.*.*",
                "bar.$2",
                "invalid mapping destination: not using all of the token wildcard(s) in bar.$2",
            ),
            (
                "foo.*",
                "bar.{{Partition(2,1)}}",
                "invalid mapping destination: the only mapping function allowed for import \
                 transforms is {{Wildcard()}} in {{Partition(2,1)}}",
            ),
        ],
    );
    let there = transform("a.*.*.*.>", "b.$2.{{wildcard(3)}}.x.$1.>", Kind::Import).unwrap();
    let back = there.reversed().unwrap();
    assert_eq!(back.source(), b"b.*.*.x.*.>");
    assert_eq!(back.destination(), b"a.$3.$1.$2.>");
    assert!(transform("foo", "bar", Kind::Mapping).unwrap().reversed().is_none());
}

fn source() -> impl Strategy<Value = String> {
    (vec(select(vec!["a", "bc", "*"]), 1..6), any::<bool>()).prop_map(|(mut pieces, tail)| {
        if tail {
            pieces.push(">");
        }
        pieces.join(".")
    })
}

/// A source, and a subject that it covers.
fn covered() -> impl Strategy<Value = (String, String)> {
    (source(), vec("[a-z0-9*]{1,9}", 6), vec("[a-z]{1,3}", 1..4)).prop_map(
        |(source, fill, tail)| {
            let piece = |(token, fill): (&str, &String)| match token {
                "*" => fill.clone(),
                ">" => tail.join("."),
                _ => token.to_owned(),
            };
            let subject: Vec<_> = source.split('.').zip(&fill).map(piece).collect();
            let subject = subject.join(".");
            (source, subject)
        },
    )
}

proptest! {
    #[test]
    fn numbered_wildcards_change_nothing((source, subject) in covered()) {
        let destination = String::from_utf8(numbered(source.as_bytes())).unwrap();
        let to = apply(&source, &destination, Kind::Mapping, &subject);
        prop_assert_eq!(to, Some(subject));
    }

    #[test]
    fn there_and_back_again((source, subject) in covered(), seed in any::<u64>()) {
        // The wildcards in any order.
        let count = source.split('.').filter(|&token| token == "*").count();
        let mut order: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
        let mut rng = fastrand::Rng::with_seed(seed);
        rng.shuffle(&mut order);
        let mut destination = format!("to.{}", order.join("."));
        if source.ends_with('>') {
            destination = format!("{}.>", destination.trim_end_matches('.'));
        }
        let destination = destination.trim_end_matches('.').to_owned();
        let there = transform(&source, &destination, Kind::Import).unwrap();
        let to = there.apply(subject.as_bytes(), &mut rng).unwrap();
        let back = there.reversed().unwrap();
        prop_assert_eq!(back.apply(&to, &mut rng), Some(subject.into_bytes()));
    }

    #[test]
    fn cuts_lose_no_byte(token in "[a-z]{1,12}", size in 0..15) {
        for name in ["splitFromLeft", "splitFromRight", "sliceFromLeft", "sliceFromRight"] {
            let to = apply("*", &format!("{{{{{name}(1,{size})}}}}"), Kind::Mapping, &token);
            prop_assert_eq!(to.unwrap().replace('.', ""), token.clone());
        }
    }

    #[test]
    fn compiling_anything_never_panics(
        source in "[a*>.]{0,8}",
        destination in "[a.${}()1,*> ]{0,16}",
    ) {
        for kind in [Kind::Mapping, Kind::Stream, Kind::Republish, Kind::Import] {
            if let Ok(transform) = transform(&source, &destination, kind) {
                transform.apply(source.as_bytes(), &mut fastrand::Rng::with_seed(1));
                transform.reversed();
            }
        }
    }

    #[test]
    fn calling_anything_never_panics(
        name in select(vec!["wildcard", "partition", "split", "sliceFromLeft", "left", "random"]),
        arguments in "[-0-9, a]{0,6}",
        subject in "[a-c.*>]{1,8}",
    ) {
        let destination = format!("{{{{{name}({arguments})}}}}");
        if let Ok(transform) = transform("*.*", &destination, Kind::Republish) {
            transform.apply(subject.as_bytes(), &mut fastrand::Rng::with_seed(1));
        }
    }
}

//! Mappings from the outside: which one applies, and how often which destination is drawn.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use vagus_subject::transform::{Destination, Mappings, Resolved};

const DRAWS: usize = 20_000;

fn destination(subject: &str, weight: u8, cluster: Option<&str>) -> Destination {
    Destination { subject: subject.into(), weight, cluster: cluster.map(str::to_owned) }
}

fn to(subject: &str) -> Resolved {
    Resolved::To(subject.into())
}

fn mappings(list: &[(&str, &[Destination])]) -> Mappings {
    let mut mappings = Mappings::new();
    for (source, to) in list {
        mappings.add(source.as_bytes(), to).unwrap();
    }
    mappings
}

fn resolve(mappings: &Mappings, subject: &str) -> Resolved {
    mappings.resolve(subject.as_bytes(), None, &mut fastrand::Rng::with_seed(1))
}

/// Percent of the draws for `subject` in `cluster` that end at `at`.
fn percent(mappings: &Mappings, subject: &str, cluster: Option<&str>, at: &Resolved) -> f64 {
    let mut rng = fastrand::Rng::with_seed(42);
    let hits =
        (0..DRAWS).filter(|_| mappings.resolve(subject.as_bytes(), cluster, &mut rng) == *at);
    hits.count() as f64 * 100.0 / DRAWS as f64
}

#[track_caller]
fn about(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 2.0, "{actual} is not about {expected}");
}

#[test]
fn exact_first_then_wildcards_in_order() {
    let mappings = mappings(&[
        ("foo.*", &[Destination::new("star.$1")]),
        ("foo.>", &[Destination::new("tail.>")]),
        ("foo.bar", &[Destination::new("exact")]),
    ]);
    assert_eq!((mappings.len(), mappings.is_empty()), (3, false));
    assert_eq!(resolve(&mappings, "foo.bar"), to("exact"));
    assert_eq!(resolve(&mappings, "foo.baz"), to("star.baz"));
    assert_eq!(resolve(&mappings, "foo.baz.qux"), to("tail.baz.qux"));
    assert_eq!(resolve(&mappings, "foo"), Resolved::Same);
    assert!(mappings.touches(b"foo.x.y") && !mappings.touches(b"foo") && !mappings.touches(b"x"));
}

#[test]
fn a_mapping_is_applied_once() {
    let mappings = mappings(&[("a", &[Destination::new("b")]), ("b", &[Destination::new("c")])]);
    assert_eq!(resolve(&mappings, "a"), to("b"));
}

#[test]
fn a_source_has_one_mapping_the_latest() {
    let mut mappings = mappings(&[
        ("foo.*", &[Destination::new("one.$1")]),
        ("*.bar", &[Destination::new("other.$1")]),
        ("lit", &[Destination::new("one")]),
    ]);
    mappings.add(b"foo.*", &[Destination::new("two.$1")]).unwrap();
    mappings.add(b"lit", &[Destination::new("two")]).unwrap();
    assert_eq!(mappings.len(), 3);
    assert_eq!(resolve(&mappings, "foo.bar"), to("two.bar"), "it keeps its place too");
    assert_eq!(resolve(&mappings, "lit"), to("two"));
}

#[test]
fn what_the_weights_leave_stays_at_the_source() {
    let mappings = mappings(&[
        ("foo", &[destination("a", 20, None), destination("b", 50, None)]),
        ("bar.*", &[destination("x.$1", 25, None)]),
        ("none", &[]),
        ("zero", &[destination("never", 0, None)]),
    ]);
    about(percent(&mappings, "foo", None, &to("a")), 20.0);
    about(percent(&mappings, "foo", None, &to("b")), 50.0);
    about(percent(&mappings, "foo", None, &Resolved::Same), 30.0);
    about(percent(&mappings, "bar.1", None, &to("x.1")), 25.0);
    about(percent(&mappings, "bar.1", None, &Resolved::Same), 75.0);
    about(percent(&mappings, "none", None, &Resolved::Same), 100.0);
    about(percent(&mappings, "zero", None, &Resolved::Same), 100.0);
}

#[test]
fn a_listed_source_means_loss() {
    let mappings =
        mappings(&[("foo", &[destination("foo", 50, None), destination("bar", 30, None)])]);
    about(percent(&mappings, "foo", None, &Resolved::Same), 50.0);
    about(percent(&mappings, "foo", None, &to("bar")), 30.0);
    about(percent(&mappings, "foo", None, &Resolved::Drop), 20.0);
}

#[test]
fn a_cluster_has_its_own_destinations() {
    let mappings = mappings(&[
        (
            "foo",
            &[
                destination("everywhere", 100, None),
                destination("east", 100, Some("EAST")),
                destination("west", 60, Some("WEST")),
                destination("west2", 10, Some("WEST")),
            ],
        ),
        ("only", &[destination("east", 100, Some("EAST"))]),
    ]);
    about(percent(&mappings, "foo", None, &to("everywhere")), 100.0);
    about(percent(&mappings, "foo", Some("NORTH"), &to("everywhere")), 100.0);
    about(percent(&mappings, "foo", Some("EAST"), &to("east")), 100.0);
    about(percent(&mappings, "foo", Some("WEST"), &to("west")), 60.0);
    about(percent(&mappings, "foo", Some("WEST"), &to("west2")), 10.0);
    about(percent(&mappings, "foo", Some("WEST"), &Resolved::Same), 30.0);
    about(percent(&mappings, "only", Some("WEST"), &Resolved::Same), 100.0);
}

#[test]
fn errors_say_what_nats_server_says() {
    let cases: &[(&str, &[Destination], &str)] = &[
        ("foo..bar", &[Destination::new("x")], "invalid subject"),
        ("foo bar", &[Destination::new("x")], "invalid subject"),
        ("foo", &[Destination::new("")], "invalid subject"),
        ("foo", &[destination("x", 101, None)], "individual weights need to be <= 100"),
        (
            "foo",
            &[destination("x", 60, None), destination("y", 41, None)],
            "total weight needs to be <= 100",
        ),
        (
            "foo",
            &[destination("x", 60, Some("A")), destination("y", 41, Some("A"))],
            "total weight needs to be <= 100",
        ),
        (
            "foo",
            &[destination("x", 10, None), destination("x", 10, Some("A"))],
            "duplicate entry for \"x\"",
        ),
        (
            "foo.*",
            &[Destination::new("{{left(1,2)}}")],
            "invalid mapping destination: unknown function in {{left(1,2)}}",
        ),
    ];
    for (source, to, expected) in cases {
        let mut mappings = mappings(&[("foo", &[Destination::new("before")])]);
        let error = mappings.add(source.as_bytes(), to).unwrap_err();
        assert_eq!(error.to_string(), *expected);
        assert_eq!(
            resolve(&mappings, "foo"),
            self::to("before"),
            "a failed change changes nothing"
        );
    }
    let mut mappings = Mappings::new();
    let apart = [destination("x", 60, None), destination("y", 60, Some("A"))];
    assert!(mappings.add(b"foo", &apart).is_ok(), "each cluster has its own hundred");
}

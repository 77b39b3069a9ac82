//! Examples, and a comparison with a plain model: what a subscription may get, subject by subject.

use proptest::prelude::*;
use vagus_subject::has_wildcards;

use super::*;

fn rules(allow: Option<&[&str]>, deny: &[&str]) -> SubjectRules {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    SubjectRules { allow: allow.map(owned), deny: owned(deny) }
}

fn of_publisher(publish: &SubjectRules) -> Permissions {
    Permissions::new(PermissionRules { publish: publish.clone(), ..Default::default() })
}

fn of_subscriber(subscribe: &SubjectRules) -> Permissions {
    Permissions::new(PermissionRules { subscribe: subscribe.clone(), ..Default::default() })
}

fn publisher(allow: Option<&[&str]>, deny: &[&str]) -> Permissions {
    of_publisher(&rules(allow, deny))
}

fn subscriber(allow: Option<&[&str]>, deny: &[&str]) -> Permissions {
    of_subscriber(&rules(allow, deny))
}

fn grant(p: &Permissions, subject: &str, queue: Option<&str>) -> Grant {
    p.may_subscribe(subject.as_bytes(), queue.map(str::as_bytes))
}

fn granted(p: &Permissions, subject: &str, queue: Option<&str>) -> bool {
    !matches!(grant(p, subject, queue), Grant::Refused)
}

#[test]
fn publishing_is_allowed_then_denied() {
    let p = publisher(Some(&["a.*", "b"]), &["a.x"]);
    for (subject, may) in
        [("a.b", true), ("b", true), ("a.x", false), ("a", false), ("a.b.c", false)]
    {
        assert_eq!(p.may_publish(subject.as_bytes()), may, "{subject}");
    }
    assert!(!publisher(Some(&[]), &[]).may_publish(b"a"));
    assert!(publisher(None, &["x"]).may_publish(b"a"));
}

#[test]
fn who_may_answer_may_not_publish_else() {
    let rules = PermissionRules { responses: Some(Responses::default()), ..Default::default() };
    let p = Permissions::new(rules.clone());
    assert!(!p.may_publish(b"a") && p.responses() == Some(Responses::new(0, 0)));
    let p =
        Permissions::new(PermissionRules { publish: super::SubjectRules::only(["a"]), ..rules });
    assert!(p.may_publish(b"a"));
}

#[test]
fn a_wide_subscription_needs_a_wide_allowance() {
    let p = subscriber(Some(&["a.*"]), &[]);
    for (subject, may) in
        [("a.b", true), ("a.*", true), ("a.>", false), ("*", false), (">", false), ("a.*.c", false)]
    {
        assert_eq!(granted(&p, subject, None), may, "{subject}");
    }
}

#[test]
fn denials_refuse_or_filter() {
    let p = subscriber(None, &["z.*"]);
    for subject in ["z.*", "z.>", "z.a"] {
        assert!(!granted(&p, subject, None), "{subject}");
    }
    assert!(matches!(grant(&p, "z.a.b", None), Grant::Granted));
    assert!(matches!(grant(&p, "y.>", None), Grant::Granted));
    for subject in [">", "*.q"] {
        let Grant::Filtered(filter) = grant(&p, subject, None) else { panic!("{subject}") };
        assert!(filter.denies(b"z.q") && !filter.denies(b"z.q.r"));
    }
}

#[test]
fn queue_entries_decide_about_groups() {
    let p = subscriber(Some(&["foo", "foo v1", "foo v1.>", "foo *.dev"]), &["> *.prod"]);
    for (queue, may) in [
        (None, true),
        (Some("v1"), true),
        (Some("v1.x.y"), true),
        (Some("a.dev"), true),
        (Some("v2"), false),
        (Some("v1.prod"), false),
    ] {
        assert_eq!(granted(&p, "foo", queue), may, "{queue:?}");
    }
    assert!(!granted(&subscriber(Some(&["foo q"]), &[]), "foo", None));
    let p = subscriber(None, &["a.b q"]);
    assert!(matches!(grant(&p, "a.*", None), Grant::Granted));
    assert!(matches!(grant(&p, "a.*", Some("q")), Grant::Filtered(_)));
    assert!(!granted(&p, "a.b", Some("q")));
}

#[test]
fn equal_rules_are_equal_whatever_their_number() {
    let (a, b) = (publisher(None, &["x"]), publisher(None, &["x"]));
    assert!(a == b && a.id() != b.id());
}

/// Of one subject that a message may have: may a subscription get it?
fn model_allows(rules: &SubjectRules, subject: &str, queue: Option<&str>) -> bool {
    let list = |entries: &[String], denied: bool| {
        let fits =
            |e: &&String| matches(e.split(' ').next().unwrap().as_bytes(), subject.as_bytes());
        let about: Vec<&String> = entries.iter().filter(fits).collect();
        let plain = about.iter().any(|e| !e.contains(' '));
        let Some(queue) = queue else { return plain };
        let groups: Vec<&str> =
            about.iter().filter_map(|e| e.split_once(' ')).map(|e| e.1).collect();
        let named = groups.iter().any(|g| {
            *g == queue || (has_wildcards(g.as_bytes()) && matches(g.as_bytes(), queue.as_bytes()))
        });
        if denied { plain || named } else { named || (groups.is_empty() && plain) }
    };
    rules.allow.as_ref().is_none_or(|allow| list(allow, false)) && !list(&rules.deny, true)
}

/// All subjects of up to three tokens out of three.
fn subjects() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for a in ["a", "b", "c"] {
        all.push(a.to_owned());
        for b in ["a", "b", "c"] {
            all.push(format!("{a}.{b}"));
            all.extend(["a", "b", "c"].map(|c| format!("{a}.{b}.{c}")));
        }
    }
    all
}

fn patterns() -> impl Strategy<Value = String> {
    "([ab*]|[ab*]\\.[ab*]|[ab*]\\.[ab*]\\.[ab*]|>|[ab*]\\.>|[ab*]\\.[ab*]\\.>)"
}

fn entries() -> impl Strategy<Value = String> {
    let queues = prop::option::weighted(0.4, "([qr*]|>|q\\.[qr*]|q\\.>)");
    (patterns(), queues).prop_map(|(subject, queue)| match queue {
        Some(queue) => format!("{subject} {queue}"),
        None => subject,
    })
}

fn subject_rules() -> impl Strategy<Value = SubjectRules> {
    let list = || prop::collection::vec(entries(), 0..4);
    (prop::option::weighted(0.7, list()), list())
        .prop_map(|(allow, deny)| SubjectRules { allow, deny })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Nobody gets what the model does not allow, and a literal subscription that it allows is
    /// granted.
    #[test]
    fn nothing_is_delivered_that_is_not_allowed(
        subscribe in subject_rules(),
        asked in patterns(),
        queue in prop::option::of("(q|r|q\\.q|q\\.r\\.q)"),
    ) {
        let p = of_subscriber(&subscribe);
        let queue = queue.as_deref();
        let answer = grant(&p, &asked, queue);
        for subject in subjects() {
            let gets = matches(asked.as_bytes(), subject.as_bytes()) && match &answer {
                Grant::Refused => false,
                Grant::Granted => true,
                Grant::Filtered(filter) => !filter.denies(subject.as_bytes()),
            };
            let may = model_allows(&subscribe, &subject, queue);
            prop_assert!(!gets || may, "{subject} through {asked}: {answer:?}");
            if asked == subject {
                prop_assert_eq!(gets, may, "{}", subject);
            }
        }
    }

    /// A wildcard subscription that one entry covers, and none denies, is granted and complete.
    #[test]
    fn what_is_allowed_is_delivered(subscribe in subject_rules(), asked in patterns()) {
        let p = of_subscriber(&subscribe);
        let covers = |e: &String| !e.contains(' ') && is_subset(asked.as_bytes(), e.as_bytes());
        let about = |e: &String| !e.contains(' ') && matches(e.as_bytes(), asked.as_bytes());
        let allowed = subscribe.allow.as_ref().is_none_or(|allow| allow.iter().any(covers));
        let answer = grant(&p, &asked, None);
        prop_assert_eq!(
            !matches!(answer, Grant::Refused),
            allowed && !subscribe.deny.iter().any(about)
        );
        if let Grant::Filtered(filter) = answer {
            for subject in subjects().iter().filter(|s| matches(asked.as_bytes(), s.as_bytes())) {
                let may = model_allows(&subscribe, subject, None);
                prop_assert_eq!(!filter.denies(subject.as_bytes()), may, "{}", subject);
            }
        }
    }

    #[test]
    fn publishing_agrees_with_the_model(publish in subject_rules()) {
        let p = of_publisher(&publish);
        for subject in subjects() {
            prop_assert_eq!(
                p.may_publish(subject.as_bytes()),
                model_allows(&publish, &subject, None),
                "{}", subject
            );
        }
    }
}

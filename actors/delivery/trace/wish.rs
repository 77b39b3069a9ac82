//! What the headers of a message say of tracing. Pure: bytes in, a decision out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use vagus_auth::account::TraceDestination;
use vagus_subject::is_valid_literal;
use vagus_wire::headers;

use crate::delivery::encoding::Encoding;

/// Where the events of a message go; each server that it passes publishes one there.
pub const DESTINATION: &[u8] = b"Nats-Trace-Dest";
/// A destination that no subject can be: the message is traced no further.
pub const NOT_TRACED: &[u8] = b"trace disabled";
/// Which way a message came from server to server: `1`, `1.2`.
pub(super) const HOP: &[u8] = b"Nats-Trace-Hop";
const ONLY: &[u8] = b"Nats-Trace-Only";
/// Of servers before 2.11 final; a message with it is not traced.
const ORIGIN_ACCOUNT: &[u8] = b"Nats-Trace-Origin-Account";
/// W3C trace context.
const PARENT: &[u8] = b"traceparent";

/// What a message asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing; it is a message as any other.
    Nothing,
    /// Nothing, and other servers must not find otherwise: it goes on with [`DESTINATION`] set to
    /// [`NOT_TRACED`].
    Silence,
    /// To be traced alone, which can't be done: it goes nowhere.
    Futile,
    Trace(Plan),
}

/// How a message is traced.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub destination: Vec<u8>,
    /// It is delivered to nobody.
    pub only: bool,
    pub(super) encoding: Encoding,
    /// Empty on the first server.
    pub(super) hop: String,
    pub(super) headers: BTreeMap<String, Vec<String>>,
}

/// Whether a header block may ask for a trace: most don't, so this has to be cheap.
#[inline]
#[must_use]
pub fn may_ask(block: &[u8], account: Option<&TraceDestination>) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(DESTINATION));
    FINDER.find(block).is_some() || (account.is_some() && has_parent(block))
}

#[cold]
fn has_parent(block: &[u8]) -> bool {
    headers::iter(block).any(|(name, _)| name.eq_ignore_ascii_case(PARENT))
}

impl Wish {
    /// `account` is where the account has messages of others' traces reported; `is_first` where
    /// the message came from a client.
    #[must_use]
    pub fn of(
        block: &[u8],
        account: Option<&TraceDestination>,
        is_first: bool,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        let (mut destination, mut parent) = (None, false);
        for (name, value) in headers::iter(block).filter(|(n, v)| !n.is_empty() && !v.is_empty()) {
            if name == DESTINATION && destination.is_none() {
                if value == NOT_TRACED {
                    return Self::Nothing;
                }
                destination = Some(value.to_vec());
            }
            parent |= name.eq_ignore_ascii_case(PARENT) && is_sampled(value);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            all.entry(text(name)).or_default().push(text(value));
        }
        let external = destination.is_none();
        if external && !parent {
            return Self::Nothing;
        }
        let first = |name| headers::get(block, name).filter(|value| !value.is_empty());
        let only = !external && first(ONLY).is_some_and(is_yes);
        let not_traced = || if only { Self::Futile } else { Self::Silence };
        if first(ORIGIN_ACCOUNT).is_some() {
            return not_traced();
        }
        let destination = match (destination, account) {
            (Some(destination), _) => destination,
            (None, None) => return Self::Nothing,
            (None, Some(account)) if is_first && rng.u8(..100) >= account.sampling => {
                return Self::Silence;
            }
            (None, Some(account)) => account.subject.clone().into_bytes(),
        };
        if !is_valid_literal(&destination) {
            return if only { Self::Futile } else { Self::Nothing };
        }
        let hop = if is_first { None } else { first(HOP) };
        Self::Trace(Plan {
            destination,
            only,
            encoding: Encoding::wanted(block),
            hop: String::from_utf8_lossy(hop.unwrap_or_default()).into_owned(),
            headers: all,
        })
    }
}

/// Whether a `traceparent` has the flag set that asks for its request to be recorded.
fn is_sampled(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'-');
    let flags = parts.nth(3).filter(|flags| flags.len() == 2 && parts.next().is_none());
    let flags = flags.and_then(|flags| std::str::from_utf8(flags).ok());
    flags.and_then(|flags| u8::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & 1 == 1)
}

fn is_yes(value: &[u8]) -> bool {
    [&b"1"[..], b"true", b"on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT_LINE: &str =
        "TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn wish(lines: &[&str], sampling: Option<u8>, is_first: bool) -> Wish {
        let block = format!("NATS/1.0\r\n{}\r\n\r\n", lines.join("\r\n"));
        let account = sampling.map(|n| TraceDestination { subject: "ext".into(), sampling: n });
        let mut rng = fastrand::Rng::with_seed(1);
        Wish::of(block.as_bytes(), account.as_ref(), is_first, &mut rng)
    }

    fn plan(lines: &[&str], sampling: Option<u8>, is_first: bool) -> Plan {
        match wish(lines, sampling, is_first) {
            Wish::Trace(plan) => plan,
            other => panic!("{lines:?}: {other:?}"),
        }
    }

    #[test]
    fn a_destination_asks_for_a_trace() {
        let lines =
            ["Nats-Trace-Dest: a.b", "Nats-Trace-Only: ON", "X: 1", "X: 2", "Nats-Trace-Hop: 1"];
        let plan = plan(&lines, None, true);
        assert_eq!((&plan.destination[..], plan.only, &*plan.hop), (&b"a.b"[..], true, ""));
        assert_eq!(plan.headers["X"], ["1", "2"]);
        assert_eq!(super::tests::plan(&lines, None, false).hop, "1");
    }

    #[test]
    fn what_can_not_be_traced_is_delivered_unless_it_is_only_to_be_traced() {
        let only = "Nats-Trace-Only: true";
        let origin = "Nats-Trace-Origin-Account: A";
        assert_eq!(wish(&["Nats-Trace-Dest: a.*"], None, true), Wish::Nothing);
        assert_eq!(wish(&["Nats-Trace-Dest: a.*", only], None, true), Wish::Futile);
        assert_eq!(wish(&["Nats-Trace-Dest: "], None, true), Wish::Nothing);
        assert_eq!(wish(&["Nats-Trace-Dest: trace disabled", only], None, true), Wish::Nothing);
        assert_eq!(wish(&["Nats-Trace-Dest: a", origin], None, true), Wish::Silence);
        assert_eq!(wish(&["Nats-Trace-Dest: a", origin, only], None, true), Wish::Futile);
    }

    #[test]
    fn a_sampled_traceparent_is_traced_where_the_account_says() {
        assert_eq!(wish(&[PARENT_LINE], None, true), Wish::Nothing);
        let external = plan(&[PARENT_LINE, "Nats-Trace-Only: true"], Some(100), true);
        assert_eq!((&external.destination[..], external.only), (&b"ext"[..], false));
        assert_eq!(plan(&[PARENT_LINE, "Nats-Trace-Dest: a"], Some(100), true).destination, b"a");
        assert_eq!(wish(&[PARENT_LINE], Some(0), true), Wish::Silence);
        assert_eq!(plan(&[PARENT_LINE], Some(0), false).destination, b"ext");
        for flags in ["00", "1", "011", "x1", "01-01"] {
            let line = PARENT_LINE.replace("-01", &format!("-{flags}"));
            assert_eq!(wish(&[&line], Some(100), true), Wish::Nothing, "{line}");
        }
    }

    #[test]
    fn most_blocks_are_not_looked_at() {
        let account = TraceDestination { subject: "ext".into(), sampling: 100 };
        let parent = format!("NATS/1.0\r\n{PARENT_LINE}\r\n\r\n");
        assert!(!may_ask(parent.as_bytes(), None) && may_ask(parent.as_bytes(), Some(&account)));
        assert!(may_ask(b"NATS/1.0\r\nNats-Trace-Dest: a\r\n\r\n", None));
        assert!(!may_ask(b"NATS/1.0\r\nA: a\r\n\r\n", Some(&account)));
    }
}

//! Acknowledgements: the reply subject a delivery carries, and what a client sends to it.

use vagus_wire::duration;

use crate::headers::{number, read_number};

/// Begins all of these subjects.
pub const PREFIX: &[u8] = b"$JS.ACK.";
/// Begins the subjects that answer flow control.
pub const FLOW_PREFIX: &[u8] = b"$JS.FC.";
/// Stands for the domain where there is none.
const NO_DOMAIN: &str = "_";

/// What a delivery says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// How often the message was delivered, with this time.
    pub count: u64,
    pub stream_seq: u64,
    pub consumer_seq: u64,
    /// When the message was stored, in nanoseconds since 1970.
    pub time: i64,
    /// Messages to come after this one.
    pub pending: u64,
}

/// The part of the subjects of one consumer that stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckSubjects {
    prefix: Box<[u8]>,
}

/// An acknowledgement's subject, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckSubject<'a> {
    /// Only in the longer form, and there `_` if there is none.
    pub domain: Option<&'a [u8]>,
    /// Of the account; only in the longer form.
    pub account_hash: Option<&'a [u8]>,
    pub stream: &'a [u8],
    pub consumer: &'a [u8],
    pub delivery: Delivery,
}

/// What a client says about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack<'a> {
    /// It is done.
    Ack,
    /// It shall come again, after a while (in nanoseconds) if that is said.
    Nak(Option<i64>),
    /// It is in work.
    Progress,
    /// It shall never come again, because of this.
    Term(&'a [u8]),
    /// It is done; and a pull request, such as the body of `MSG.NEXT`.
    Next(&'a [u8]),
    /// Nothing that is known. It is answered, and changes nothing.
    Unknown,
}

// === impl AckSubjects ===

impl AckSubjects {
    /// `$JS.ACK.<stream>.<consumer>.`
    #[must_use]
    pub fn new(stream: &str, consumer: &str) -> Self {
        AckSubjects { prefix: format!("$JS.ACK.{stream}.{consumer}.").into_bytes().into() }
    }

    /// The longer form, `$JS.ACK.<domain>.<account hash>.<stream>.<consumer>.`; `_` stands for no
    /// domain.
    #[must_use]
    pub fn with_domain(domain: &str, account_hash: &str, stream: &str, consumer: &str) -> Self {
        let domain = if domain.is_empty() { NO_DOMAIN } else { domain };
        let prefix = format!("$JS.ACK.{domain}.{account_hash}.{stream}.{consumer}.");
        AckSubjects { prefix: prefix.into_bytes().into() }
    }

    /// Appends the subject of one delivery.
    pub fn write(&self, out: &mut Vec<u8>, delivery: &Delivery) {
        out.extend_from_slice(&self.prefix);
        number(out, delivery.count);
        for value in [delivery.stream_seq, delivery.consumer_seq, delivery.time.unsigned_abs()] {
            out.push(b'.');
            number(out, value);
        }
        out.push(b'.');
        number(out, delivery.pending);
    }
}

// === patterns ===

/// What clients answer to consumers of a stream, on a server with this domain: acknowledgements,
/// and flow control. In the short form, that is.
#[must_use]
pub fn answers_to(stream: &str, domain: Option<&str>) -> [String; 2] {
    // Where a stream has the name of the domain, the number of tokens tells the two forms apart.
    let ambiguous = stream == domain.unwrap_or(NO_DOMAIN);
    let behind = if ambiguous { "*.*.*.*.*.*" } else { ">" };
    [format!("$JS.ACK.{stream}.{behind}"), format!("$JS.FC.{stream}.*.*")]
}

/// The same in the longer form, which names domain and account instead.
#[must_use]
pub fn answers_in(domain: Option<&str>, account_hash: &str) -> [String; 2] {
    let domain = domain.unwrap_or(NO_DOMAIN);
    ["ACK", "FC"].map(|kind| format!("$JS.{kind}.{domain}.{account_hash}.>"))
}

// === impl AckSubject ===

impl<'a> AckSubject<'a> {
    /// Reads both forms: the short one of nine tokens, and the longer one of eleven or more.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Self> {
        let mut tokens = [&b""[..]; 9];
        let mut count = 0;
        // Tokens behind those of the longer form say nothing.
        for token in subject.strip_prefix(PREFIX)?.split(|&byte| byte == b'.') {
            if let Some(place) = tokens.get_mut(count) {
                *place = token;
            }
            count += 1;
        }
        let (domain, account_hash, names) = match count {
            7 => (None, None, &tokens[..7]),
            9.. => (Some(tokens[0]), Some(tokens[1]), &tokens[2..]),
            _ => return None,
        };
        let &[stream, consumer, count, stream_seq, consumer_seq, time, pending] = names else {
            return None;
        };
        let delivery = Delivery {
            count: read_number(count)?,
            stream_seq: read_number(stream_seq)?,
            consumer_seq: read_number(consumer_seq)?,
            time: i64::try_from(read_number(time)?).ok()?,
            pending: read_number(pending)?,
        };
        let named = !stream.is_empty() && !consumer.is_empty();
        named.then_some(AckSubject { domain, account_hash, stream, consumer, delivery })
    }
}

// === impl Ack ===

impl<'a> Ack<'a> {
    /// Reads the payload of an acknowledgement.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Ack<'a> {
        match payload {
            b"" | b"+ACK" | b"+OK" => Ack::Ack,
            b"+WPI" => Ack::Progress,
            [b'-', b'N', b'A', b'K', rest @ ..] => Ack::Nak(nak_delay(rest)),
            [b'+', b'T', b'E', b'R', b'M', rest @ ..] => Ack::Term(rest.trim_ascii()),
            [b'+', b'N', b'X', b'T', rest @ ..] => Ack::Next(rest.trim_ascii()),
            _ => Ack::Unknown,
        }
    }
}

/// `{"delay": nanoseconds}` or a duration; what can't be read is no delay.
fn nak_delay(text: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Options {
        #[serde(default)]
        delay: i64,
    }
    let text = text.trim_ascii();
    let delay = match text.first()? {
        b'{' => serde_json::from_slice::<Options>(text).ok()?.delay,
        _ => duration::parse(std::str::from_utf8(text).ok()?).ok()?,
    };
    (delay > 0).then_some(delay)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELIVERY: Delivery =
        Delivery { count: 1, stream_seq: 2, consumer_seq: 3, time: 4, pending: 5 };

    #[test]
    fn one_pattern_takes_an_answer() {
        use vagus_subject::matches;
        for (stream, domain) in [("S", None), ("S", Some("hub")), ("hub", Some("hub")), ("_", None)]
        {
            let short = AckSubjects::new(stream, "C");
            let long =
                AckSubjects::with_domain(domain.unwrap_or_default(), "12345678", stream, "C");
            let all = [answers_to(stream, domain), answers_in(domain, "12345678")].concat();
            for subjects in [short, long] {
                let mut subject = Vec::new();
                subjects.write(&mut subject, &DELIVERY);
                let taken = all.iter().filter(|one| matches(one.as_bytes(), &subject)).count();
                assert_eq!(taken, 1, "{stream} {domain:?} {subjects:?}");
            }
        }
    }

    #[test]
    fn subjects_have_two_forms() {
        let mut out = Vec::new();
        AckSubjects::new("S", "C").write(&mut out, &DELIVERY);
        assert_eq!(out, b"$JS.ACK.S.C.1.2.3.4.5");
        out.clear();
        AckSubjects::with_domain("", "szMpdrwD", "S", "C").write(&mut out, &DELIVERY);
        assert_eq!(out, b"$JS.ACK._.szMpdrwD.S.C.1.2.3.4.5");
        let longer = [&out[..], b".x.y"].concat();
        let read = AckSubject::parse(&longer).unwrap();
        assert_eq!(read.delivery, DELIVERY);
        assert_eq!((read.domain, read.account_hash), (Some(&b"_"[..]), Some(&b"szMpdrwD"[..])));
    }

    #[test]
    fn other_subjects_are_refused() {
        for subject in [
            "",
            "$JS.ACK.",
            "$JS.ACK.S.C.1.2.3.4",
            "$JS.ACK.S.C.1.2.3.4.5.6",
            "$JS.ACK.S.C.1.2.3.4.x",
            "$JS.ACK.S..1.2.3.4.5",
            "$JS.ACK.S.C.1.2.3.18446744073709551615.5",
            "$JS.FC.S.C.1.2.3.4.5",
        ] {
            assert_eq!(AckSubject::parse(subject.as_bytes()), None, "{subject}");
        }
    }

    #[test]
    fn payloads_are_told_apart() {
        let cases: &[(&str, Ack<'_>)] = &[
            ("", Ack::Ack),
            ("+ACK", Ack::Ack),
            ("+OK", Ack::Ack),
            ("+ACKx", Ack::Unknown),
            ("ack", Ack::Unknown),
            ("+WPI", Ack::Progress),
            ("+WPIx", Ack::Unknown),
            ("-NAK", Ack::Nak(None)),
            ("-NAKx", Ack::Nak(None)),
            ("-NAK x", Ack::Nak(None)),
            ("-NAK 10ms", Ack::Nak(Some(10_000_000))),
            ("-NAK -10ms", Ack::Nak(None)),
            ("-NAK {\"delay\":7}", Ack::Nak(Some(7))),
            ("-NAK {\"delay\":7", Ack::Nak(None)),
            ("+TERM", Ack::Term(b"")),
            ("+TERM why not", Ack::Term(b"why not")),
            ("+NXT", Ack::Next(b"")),
            ("+NXT 2", Ack::Next(b"2")),
            ("+NXT {\"batch\":1}", Ack::Next(b"{\"batch\":1}")),
        ];
        for (payload, ack) in cases {
            assert_eq!(Ack::parse(payload.as_bytes()), *ack, "{payload}");
        }
    }

    proptest! {
        #[test]
        fn written_subjects_are_read_back(
            names in ("[A-Za-z0-9_-]{1,9}", "[A-Za-z0-9_-]{1,9}"),
            numbers: (u64, u64, u64, u64),
            time in 0i64..,
            domain in proptest::option::of("[a-z]{0,5}"),
        ) {
            let (count, stream_seq, consumer_seq, pending) = numbers;
            let delivery = Delivery { count, stream_seq, consumer_seq, time, pending };
            let subjects = match &domain {
                Some(domain) => AckSubjects::with_domain(domain, "12345678", &names.0, &names.1),
                None => AckSubjects::new(&names.0, &names.1),
            };
            let mut out = Vec::new();
            subjects.write(&mut out, &delivery);
            let read = AckSubject::parse(&out).unwrap();
            prop_assert_eq!(read.delivery, delivery);
            prop_assert_eq!(read.stream, names.0.as_bytes());
            prop_assert_eq!(read.consumer, names.1.as_bytes());
            prop_assert_eq!(read.domain.is_some(), domain.is_some());
        }

        #[test]
        fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = AckSubject::parse(&bytes);
            let _ = AckSubject::parse(&[PREFIX, &bytes].concat());
            let _ = Ack::parse(&bytes);
            let _ = Ack::parse(&[b"-NAK ", &bytes[..]].concat());
        }
    }
}

//! The reply subjects of deliveries: `$JS.ACK.<stream>.<consumer>.<count>.<stream sequence>.
//! <consumer sequence>.<time>.<pending>`, or with domain and account in front of the stream.

use crate::error::BenchError;

/// What the reply subject of a delivery tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivery {
    /// How often the message was delivered, this time included.
    pub(super) count: u64,
    pub(super) stream_seq: u64,
    pub(super) consumer_seq: u64,
}

/// Reads them; knows what all those of a consumer begin with once it has seen one.
#[derive(Debug, Default)]
pub(super) struct AckSubjects {
    prefix: Vec<u8>,
}

impl AckSubjects {
    pub(super) fn read(&mut self, subject: Option<&[u8]>) -> Result<Delivery, BenchError> {
        let subject = subject.unwrap_or_default();
        if !self.prefix.is_empty()
            && let Some(rest) = subject.strip_prefix(self.prefix.as_slice())
            && let Some(delivery) = read_numbers(rest)
        {
            return Ok(delivery);
        }
        let bad = || {
            let text = String::from_utf8_lossy(subject).into_owned();
            BenchError::Protocol(format!("a delivery with the reply subject {text:?}"))
        };
        let before = prefix_len(subject).ok_or_else(bad)?;
        let delivery = read_numbers(&subject[before..]).ok_or_else(bad)?;
        self.prefix = subject[..before].to_vec();
        Ok(delivery)
    }
}

/// Where the counts begin.
fn prefix_len(subject: &[u8]) -> Option<usize> {
    let tokens = subject.strip_prefix(b"$JS.ACK.")?.split(|byte| *byte == b'.').count();
    // Stream and consumer, and in the longer form domain and account before them.
    let names = match tokens {
        7 => 2,
        9.. => 4,
        _ => return None,
    };
    let mut dots = memchr::memchr_iter(b'.', subject);
    dots.nth(1 + names).map(|at| at + 1)
}

fn read_numbers(text: &[u8]) -> Option<Delivery> {
    let mut at = 0;
    let mut number = || {
        let mut value = 0u64;
        let from = at;
        while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0'))
            && digit < 10
        {
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
            at += 1;
        }
        let whole = at > from && text.get(at) == Some(&b'.');
        at += 1;
        whole.then_some(value)
    };
    Some(Delivery { count: number()?, stream_seq: number()?, consumer_seq: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let mut subjects = AckSubjects::default();
        let mut read = |text: &str| subjects.read(Some(text.as_bytes())).ok();
        let expected = Some(Delivery { count: 2, stream_seq: 345, consumer_seq: 67 });
        assert_eq!(read("$JS.ACK.S.C.2.345.67.1700000000000000000.8"), expected);
        assert_eq!(read("$JS.ACK.S.C.2.345.67.1.0"), expected, "with the prefix known");
        assert_eq!(read("$JS.ACK._.AbCdEfGh.S.C.2.345.67.1.0"), expected);
        assert_eq!(read("$JS.ACK._.AbCdEfGh.S.C.2.345.67.1.0.extra"), expected);
        assert_eq!(read("$JS.ACK.1.2.2.345.67.1.0"), expected, "names may be numbers");
        for bad in [
            "$JS.ACK.S.C.2.345.67.1",
            "$JS.ACK.S.C.2..67.1.0",
            "$JS.ACK.S.C.x.1.1.1.0",
            "$JS.ACK.S.C.99999999999999999999999.1.1.1.0",
            "$JS.FC.S.C.1.1.1.1.0",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(AckSubjects::default().read(None).is_err());
    }
}

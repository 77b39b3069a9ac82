//! Tests of records: what goes in comes out, and nothing else does.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn sample<'a>(headers: &'a [u8], payload: &'a [u8], expires_ns: i64) -> Message<'a> {
    let (subject, has_id) = (b"orders.eu.42", true);
    Message { seq: 7, time_ns: 1_700_000_000, expires_ns, has_id, subject, headers, payload }
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        subject in vec(any::<u8>(), 1..40),
        headers in vec(any::<u8>(), 0..40),
        payload in vec(any::<u8>(), 0..200),
        seq in 1u64.., time_ns: i64, expires_ns: i64, has_id: bool,
    ) {
        let (subject, headers, payload) = (&*subject, &*headers, &*payload);
        let message = Message { seq, time_ns, expires_ns, has_id, subject, headers, payload };
        let salt = Salt::new(3);
        let mut out = b"before".to_vec();
        message.encode(&mut out, Some(salt));
        prop_assert_eq!(out.len(), 6 + message.record_len());
        out.extend_from_slice(b"after");
        let head = check(&out[6..], salt).unwrap();
        prop_assert_eq!((head.seq, head.kind, head.len as usize),
            (seq, Kind::Message, message.record_len()));
        prop_assert_eq!(Message::parse(&out[6..]), Some(message));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let salt = Salt::new(1);
    for message in [sample(b"", b"", 0), sample(b"NATS/1.0\r\n\r\n", b"payload", 99)] {
        let mut record = Vec::new();
        message.encode(&mut record, Some(salt));
        assert!(check(&record, salt).is_ok());
        assert_eq!(check(&record, Salt::new(2)), Err(Bad::Head), "of another group");
        for at in 0..record.len() {
            assert!(check(&record[..at], salt).is_err(), "cut at {at}");
            for bit in 0..8 {
                record[at] ^= 1 << bit;
                assert!(check(&record, salt).is_err(), "byte {at} bit {bit}");
                record[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_damaged_body_tells_where_the_next_record_is() {
    let salt = Salt::new(1);
    let mut record = Vec::new();
    sample(b"", b"payload", 0).encode(&mut record, Some(salt));
    *record.last_mut().unwrap() ^= 1;
    let Err(Bad::Body(head)) = check(&record, salt) else { panic!("not noticed") };
    assert_eq!((head.seq, head.len as usize), (7, record.len()));
}

#[test]
fn removals_are_ranges() {
    let salt = Salt::new(1);
    let mut record = Vec::new();
    let ranges = [(9, u64::MAX), (1, 4), (6, 6), (7, 7), (3, 3)];
    encode_remove(&mut record, &ranges, salt);
    assert_eq!(check(&record, salt).unwrap().kind, Kind::Remove);
    assert_eq!(removed(&record).collect::<Vec<_>>(), ranges);
    let mut record = Vec::new();
    encode_skip(&mut record, 12, salt);
    assert_eq!(check(&record, salt).unwrap().seq, 12);
}

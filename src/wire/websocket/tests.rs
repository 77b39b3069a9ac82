//! What is written is read, and rules that are broken are found.

use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn terms(masks: bool, deflate: bool) -> (Terms, Terms) {
    (Terms { masks, masked: false, deflate }, Terms { masks: false, masked: masks, deflate })
}

/// What a reader on these terms finds in bytes that come in pieces of `cut`.
fn read(terms: Terms, bytes: &[u8], cut: usize, room: usize) -> Result<(Vec<u8>, Reader), Broken> {
    let (mut reader, mut room) = (Reader::new(terms), vec![0; room]);
    let (mut heard, mut got) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(cut) {
        heard.extend_from_slice(piece);
        loop {
            let (used, filled) = reader.read(&heard, &mut room)?;
            heard.drain(..used);
            got.extend_from_slice(&room[..filled]);
            if filled == 0 {
                break;
            }
        }
    }
    Ok((got, reader))
}

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match body.len() {
        0..126 => out.push(body.len() as u8),
        126..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(body.len() as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
    out
}

/// As it has to be without anything agreed on.
fn bare(bytes: &[u8]) -> Result<Vec<u8>, Broken> {
    read(terms(false, false).0, bytes, 3, 100).map(|(got, _)| got)
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    Writer::new(terms(false, true).0).deflated(plain).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        pieces in prop::collection::vec((0usize..100_000, 0u8..3), 1..6),
        masks in any::<bool>(),
        deflate in any::<bool>(),
        cut in prop::sample::select(vec![1usize, 3, 700, 65_536, 1 << 20]),
        room in prop::sample::select(vec![1usize, 100, 65_535, 1 << 17]),
    ) {
        let (near, far) = terms(masks, deflate);
        let (mut writer, mut out, mut all) = (Writer::new(near), Vec::new(), Vec::new());
        let size = if cut == 1 || room == 1 { 3000 } else { 100_000 };
        for (len, kind) in pieces {
            let plain: Vec<u8> = match kind {
                0 => b"LMSG a.b 5\r\nhello\r\n".iter().copied().cycle().take(len % size).collect(),
                1 => (0..len % size).map(|_| fastrand::u8(..)).collect(),
                _ => (0..len % size).map(|n| (n / 7 % 13) as u8).collect(),
            };
            writer.write(&plain, || MASK, &mut out);
            all.extend_from_slice(&plain);
        }
        let (got, _) = read(far, &out, cut, room).unwrap();
        prop_assert!(got == all);
    }

    #[test]
    fn garbage_is_read_or_refused(
        first in any::<u8>(),
        rest in prop::collection::vec(any::<u8>(), 0..300),
        masks in any::<bool>(),
    ) {
        let (near, far) = terms(masks, true);
        let _ = read(far, &rest, 7, 100);
        let _ = read(near, &[frame(first, &rest), rest].concat(), 50, 100);
    }
}

#[test]
fn a_large_message_of_many_equal_bytes_is_packed_and_comes_out_in_small_pieces() {
    let plain = vec![0; 20 << 20];
    let body = deflated(&plain);
    assert!(body.len() < 100_000);
    let (mut reader, mut room) = (Reader::new(terms(false, true).0), [1; 1000]);
    let bytes = frame(0xC2, &body);
    let (mut at, mut count) = (0, 0);
    while let (used, filled @ 1..) = reader.read(&bytes[at..], &mut room).unwrap() {
        assert!(room[..filled].iter().all(|byte| *byte == 0));
        (at, count) = (at + used, count + filled);
    }
    assert_eq!(count, plain.len());
}

#[test]
fn a_message_goes_on_behind_a_last_block_wherever_room_ends() {
    // Some packers end each message so.
    let last = |plain: &[u8]| {
        let mut packed = Vec::with_capacity(100);
        let mut deflate = Compress::new(Compression::fast(), false);
        deflate.compress_vec(plain, &mut packed, FlushCompress::Finish).unwrap();
        packed
    };
    let body = [last(b"one and two, and one and two"), last(b"three"), last(b"four")].concat();
    let bytes = [frame(0xC2, &body), frame(0x82, b", plain")].concat();
    for room in 1..60 {
        for cut in [1, 2, 5, bytes.len()] {
            let (got, _) = read(terms(false, true).0, &bytes, cut, room).unwrap();
            assert_eq!(got, b"one and two, and one and twothreefour, plain", "{cut} {room}");
        }
    }
    // A last block of seven bytes: two are put back for it, and two are left, which are none.
    let short = frame(0xC2, b"\x01\x07\0\xF8\xFFabcde");
    for room in 1..20 {
        let found = read(terms(false, true).0, &short, 99, room).err();
        assert_eq!(found, Some(Broken("compressed message is broken")), "{room}");
    }
}

#[test]
fn small_and_dense_messages_are_not_packed() {
    let noise: Vec<u8> = (0..5000).map(|_| fastrand::u8(..)).collect();
    let mut writer = Writer::new(terms(false, true).0);
    for plain in [&b"PING\r\n"[..], &noise] {
        let mut out = Vec::new();
        writer.write(plain, || MASK, &mut out);
        assert_eq!((out[0], out.len() > plain.len()), (0x82, true));
    }
}

#[test]
fn messages_come_in_fragments_with_other_frames_between() {
    let packed = deflated(&[b'x'; 500]);
    let (one, two) = packed.split_at(packed.len() / 2);
    let all = [
        frame(0x02, b"a"),
        frame(0x89, b"are you there?"),
        frame(0x00, b""),
        frame(0x80, b"b"),
        frame(0x42, one),
        frame(0x8A, b"unasked for"),
        frame(0x80, two),
        frame(0x81, b"text"),
    ];
    let (got, mut reader) = read(terms(false, true).0, &all.concat(), 1, 1000).unwrap();
    assert_eq!(got, [&b"ab"[..], &[b'x'; 500], b"text"].concat());
    let (client, server) = terms(true, true);
    let mut out = Vec::new();
    Writer::new(client).answer(&mut reader, || MASK, &mut out);
    assert_eq!(&out[..6], &[&[0x8A, 0x80 | 14][..], &MASK].concat());
    let len = out.len();
    Writer::new(client).answer(&mut reader, || MASK, &mut out);
    assert_eq!(out.len(), len);
    // What was in the question is in the answer; here it is one that nobody has asked for.
    assert_eq!(read(server, &out, 1, 100).unwrap().0, b"");
}

#[test]
fn a_goodbye_is_the_last_thing_that_is_read() {
    let bytes = [frame(0x82, b"x"), frame(0x88, b"\x03\xE9bye"), frame(0x82, b"y")].concat();
    let (got, mut reader) = read(terms(false, false).0, &bytes, 99, 100).unwrap();
    assert_eq!((got, reader.is_closed()), (b"x".to_vec(), true));
    let writer = Writer::new(terms(false, false).0);
    let mut out = Vec::new();
    writer.close(&mut reader, || MASK, &mut out);
    assert_eq!(out, frame(0x88, b"\x03\xE9bye"));
    let mut other = Reader::new(terms(false, false).0);
    out.clear();
    writer.close(&mut other, || MASK, &mut out);
    assert_eq!(out, frame(0x88, &[3, 0xE8]));
}

#[test]
fn rules_are_kept() {
    for (bytes, why) in [
        (frame(0xA2, b""), "RSV2 and RSV3 must be clear"),
        (frame(0xC2, b""), "compressed frame received without negotiated permessage-deflate"),
        (frame(0x83, b""), "unknown opcode"),
        (frame(0x80, b""), "invalid continuation frame"),
        (frame(0x09, b""), "control frame does not have final bit set"),
        (frame(0xC9, b""), "control frame must not be compressed"),
        (frame(0x89, &[0; 126]), "control frame length bigger than maximum allowed of 125 bytes"),
        (
            [frame(0x02, b""), frame(0x82, b"")].concat(),
            "new message started before final frame for previous message was received",
        ),
        ([&[0x82, 127][..], &[0xFF; 8]].concat(), "invalid 64-bit payload length"),
        ([&[0x82, 0x81][..], &MASK, b"x"].concat(), "masked frame"),
    ] {
        assert_eq!(bare(&bytes), Err(Broken(why)), "{bytes:?}");
    }
    let (client, server) = terms(true, true);
    assert_eq!(read(server, &frame(0x82, b"x"), 9, 9).err(), Some(Broken("mask bit missing")));
    let broken = frame(0xC2, &[0xFF; 20]);
    let found = read(client, &broken, 9, 9).err();
    assert_eq!(found, Some(Broken("compressed message is broken")));
}

//! What one end packs is what the other unpacks, with one codec or two.

use vagus_wire::websocket::Terms;

use super::*;

fn packing(mode: Compression) -> Packing {
    Packing::s2(mode).unwrap()
}

/// The frames of the one who has connected or of the other, and an S2 stream around them.
fn stacked(masks: bool, mode: Compression) -> Packing {
    let terms = Terms { masks, masked: !masks, deflate: false };
    Packing::of(WebSocket::new(terms)).over(S2::new(mode))
}

/// Packs and unpacks, with what is sent cut into pieces; the answer is how many bytes are sent.
fn pass(near: &mut Packing, far: &mut Packing, cut: usize) -> usize {
    let text = b"PUB orders.new 5\r\nhello\r\n".repeat(2500);
    let noise: Vec<u8> = (0..5000).map(|_| fastrand::u8(..)).collect();
    let mut out = Vec::new();
    let pieces = [&text[..], b"x", &noise, &text[..100]];
    for plain in pieces {
        near.pack(plain, Duration::ZERO, &mut out);
    }
    let (mut room, mut got) = (vec![0; BLOCK], Vec::new());
    for part in out.chunks(cut) {
        far.heard().extend_from_slice(part);
        loop {
            let count = far.unpack(&mut room).unwrap();
            got.extend_from_slice(&room[..count]);
            if count == 0 {
                break;
            }
        }
    }
    assert!(got == pieces.concat(), "cut in pieces of {cut}");
    assert!(far.has_heard_all());
    out.len()
}

#[test]
fn what_is_packed_comes_out_as_it_went_in_however_it_is_cut() {
    for (mode, smaller) in [(Compression::Fast, true), (Compression::Uncompressed, false)] {
        for cut in [31, 700, 1 << 20] {
            let (mut near, mut far) = (packing(mode.clone()), packing(mode.clone()));
            assert_eq!(pass(&mut near, &mut far, cut) < 25_000, smaller);
            let (mut near, mut far) = (stacked(true, mode.clone()), stacked(false, mode.clone()));
            pass(&mut near, &mut far, cut);
            assert_eq!(pass(&mut far, &mut near, cut) < 25_000, smaller);
        }
    }
}

#[test]
fn a_codec_upon_another_says_what_it_has_to_say_through_that() {
    let (mut near, mut far) = (stacked(true, Compression::Fast), stacked(false, Compression::Fast));
    let mut out = Vec::new();
    near.codec().goodbye(&mut out);
    assert!(out.starts_with(b"\xFF\x06\0\0S2sTwO"));
    far.heard().extend_from_slice(&out);
    assert_eq!(far.unpack(&mut [0; BLOCK]).unwrap(), 0);
    assert!(far.codec().is_over() && !near.codec().is_over());
}

#[test]
fn a_long_way_is_worth_the_work() {
    let mut near = packing(Compression::auto());
    let mut size = |millis| {
        let mut out = Vec::new();
        near.pack(&[b'x'; 4096], Duration::from_millis(millis), &mut out);
        out.len()
    };
    assert!(size(0) > 4096 && size(10) > 4096);
    assert!([11, 51, 101].map(size).iter().all(|size| *size < 400));
    assert!(Packing::s2(Compression::Off).is_none());
}

#[test]
fn garbage_is_not_unpacked() {
    for bad in [&b"INFO {}\r\n"[..], b"\xFF\x06\0\0S2sTwO\0\xFF\xFF\xFF"] {
        for mut far in [packing(Compression::Fast), stacked(true, Compression::Fast)] {
            far.heard().extend_from_slice(bad);
            assert!(far.unpack(&mut [0; BLOCK]).is_err(), "{bad:?}");
        }
    }
}

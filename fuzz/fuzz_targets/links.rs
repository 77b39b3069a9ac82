//! What is between a link and its socket, compressed streams and WebSocket frames: whatever the
//! bytes, it must not matter how the network cut them into reads, nor how much room there is for
//! what is in them; and what is written is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vagus_wire::websocket::{self, Terms};
use vagus_wire::s2::{self, Level};

/// Plain bytes of a block, small enough for an input to be too large.
const BLOCK_MAX: usize = 1 << 10;
/// Bytes that a few of input may become, at most.
const PLAIN_MAX: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    streams(data, usize::from(*choice));
    for terms in [false, true].map(|deflate| (choice & 1 > 0, deflate)) {
        frames(data, usize::from(choice >> 1), terms);
    }
});

/// What was read until the end, and whether that was a fault.
type End = (Vec<u8>, bool);

fn compare(whole: End, cut: End) {
    // What is before a fault is handed over as far as there was room for it.
    if whole.1 || cut.1 {
        assert_eq!(whole.1, cut.1, "a fault depends on the cut");
        assert!(whole.0.starts_with(&cut.0) || cut.0.starts_with(&whole.0));
    } else {
        assert!(whole.0 == cut.0, "what is read depends on the cut");
    }
}

/// Reads with `read` until it says no more.
fn read_all<E>(
    data: &[u8],
    cut: usize,
    room: usize,
    mut read: impl FnMut(&[u8], &mut [u8]) -> Result<(usize, usize), E>,
) -> End {
    let (mut heard, mut room, mut got) = (Vec::new(), vec![0; room], Vec::new());
    for piece in data.chunks(cut) {
        heard.extend_from_slice(piece);
        loop {
            let Ok((used, filled)) = read(&heard, &mut room) else { return (got, true) };
            heard.drain(..used);
            got.extend_from_slice(&room[..filled]);
            if got.len() >= PLAIN_MAX {
                return (got, false);
            }
            if filled == 0 {
                break;
            }
        }
    }
    (got, false)
}

fn read_stream(data: &[u8], cut: usize, room: usize) -> End {
    let mut reader = s2::Reader::new(BLOCK_MAX);
    read_all(data, cut, room, |heard, room| reader.read(heard, room))
}

fn streams(data: &[u8], choice: usize) {
    // The stream has named itself, so that an input needs not.
    let named = [&b"\xFF\x06\0\0S2sTwO"[..], data].concat();
    for data in [data, &named] {
        let whole = read_stream(data, usize::MAX, 1 << 16);
        let cut = read_stream(data, choice % 7 + 1, choice + 1);
        if whole.0.len() < PLAIN_MAX && cut.0.len() < PLAIN_MAX {
            compare(whole, cut);
        }
    }
    let levels = [Level::Plain, Level::Fast, Level::Better, Level::Best];
    let (mut writer, mut out) = (s2::Writer::default(), Vec::new());
    // Long enough for every way to pack.
    let long = data.repeat(choice + 1);
    for piece in [data, &long] {
        writer.write(piece, levels[choice % 4], &mut out);
    }
    let mut reader = s2::Reader::new(s2::BLOCK_MAX);
    let mut room = vec![0; data.len() + long.len() + 1];
    assert_eq!(reader.read(&out, &mut room), Ok((out.len(), room.len() - 1)));
    room.pop();
    assert!(room == [data, &long].concat(), "what is written is not read");
}

fn read_frames(data: &[u8], terms: Terms, cut: usize, room: usize) -> End {
    let mut reader = websocket::Reader::new(terms);
    read_all(data, cut, room, |heard, room| reader.read(heard, room))
}

fn frames(data: &[u8], choice: usize, (masks, deflate): (bool, bool)) {
    let near = Terms { masks, masked: false, deflate };
    let far = Terms { masks: false, masked: masks, deflate };
    for terms in [near, far] {
        let whole = read_frames(data, terms, usize::MAX, 1 << 16);
        let cut = read_frames(data, terms, choice % 7 + 1, choice + 1);
        if whole.0.len() < PLAIN_MAX && cut.0.len() < PLAIN_MAX {
            compare(whole, cut);
        }
    }
    let (mut writer, mut out) = (websocket::Writer::new(near), Vec::new());
    let long = data.repeat(choice + 1);
    for piece in [data, &long] {
        writer.write(piece, || [choice as u8, 7, 9, 200], &mut out);
    }
    let got = read_frames(&out, far, usize::MAX, 1000);
    assert!(got == ([data, &long].concat(), false), "what is written is not read");
}

//! What is written is read, what Go writes too, and nothing else is.

use proptest::prelude::*;

use super::*;

const LEVELS: [Level; 4] = [Level::Plain, Level::Fast, Level::Better, Level::Best];

/// A dozen messages, as the S2 writer of Go packs them.
const OF_GO: [&str; 2] = [
    "ff06000053327354774f006500000fa40ed9b0038c4c4d5347206f72646572732e6e65772e302031320d0a48656c6c\
     6f2c20776f726c640d0a3e2400003115001b003215001b003315001b003015001b003115001b003215001b00331500\
     1b003015001b003115001b003215001b003315000b",
    "ff06000053327354774f004300000fa40ed9b0038c4c4d5347206f72646572732e6e65772e302031320d0a48656c6c\
     6f2c20776f726c640d0a3e2400003115001b003215001b003315001b119019000400",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|c| (c as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What a stream that comes in pieces of `cut` bytes says to a reader with this much room.
fn read(stream: &[u8], cut: usize, room: usize) -> Result<Vec<u8>, Broken> {
    let (mut reader, mut room) = (Reader::new(BLOCK_MAX), vec![0; room]);
    let (mut heard, mut got) = (Vec::new(), Vec::new());
    for piece in stream.chunks(cut) {
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
    Ok(got)
}

fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    head(kind, body.len(), &mut out);
    out.extend_from_slice(body);
    out
}

fn named() -> Vec<u8> {
    chunk(NAME, NAMES[0])
}

/// A block that says to have so many plain bytes.
fn claiming(size: usize) -> Vec<u8> {
    let (mut body, mut rest) = (vec![0; SUM], size);
    while rest >= 0x80 {
        body.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    body.push(rest as u8);
    chunk(PACKED, &body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        pieces in prop::collection::vec((0usize..4, 0usize..100_000, 0u8..3), 1..6),
        cut in prop::sample::select(vec![1usize, 3, 700, 65_536, 1 << 20]),
        room in prop::sample::select(vec![1usize, 100, 65_535, 1 << 17]),
    ) {
        let (mut writer, mut stream, mut all) = (Writer::default(), Vec::new(), Vec::new());
        let size = if cut == 1 || room == 1 { 3000 } else { 100_000 };
        for (level, len, kind) in pieces {
            let plain: Vec<u8> = match kind {
                0 => b"LMSG a.b 5\r\nhello\r\n".iter().copied().cycle().take(len % size).collect(),
                1 => (0..len % size).map(|_| fastrand::u8(..)).collect(),
                _ => (0..len % size).map(|n| (n / 7 % 13) as u8).collect(),
            };
            writer.write(&plain, LEVELS[level], &mut stream);
            all.extend_from_slice(&plain);
        }
        prop_assert!(read(&stream, cut, room).unwrap() == all);
    }

    #[test]
    fn garbage_is_read_or_refused(rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&rest, 7, 100);
        let _ = read(&[named(), rest.clone()].concat(), 50, 100);
        let _ = read(&[named(), chunk(PACKED, &rest)].concat(), 50, 100);
    }
}

#[test]
fn what_the_writer_of_go_has_packed_is_read() {
    let message = |n: usize| format!("LMSG orders.new.{} 12\r\nHello, world\r\n", n % 4);
    let plain: String = (0..12).map(message).collect();
    for stream in OF_GO.map(bytes) {
        assert_eq!(read(&stream, stream.len(), 1000).unwrap(), plain.as_bytes());
        // It names the stream once more with everything that it sends.
        let twice = [&stream[..], &stream].concat();
        assert_eq!(read(&twice, 1, 10).unwrap().len(), 2 * plain.len());
        let snappy = [&chunk(NAME, NAMES[1])[..], &stream[10..]].concat();
        assert_eq!(read(&snappy, 5, 1000).unwrap(), plain.as_bytes());
    }
}

#[test]
fn levels_cost_what_they_say() {
    let text: String =
        (0..3000).map(|n| format!("LMSG a.{} 5\r\n{:05}\r\n", n % 50, n * 7919 % 99991)).collect();
    let sizes = LEVELS.map(|level| {
        let mut out = Vec::new();
        Writer::default().write(text.as_bytes(), level, &mut out);
        out.len()
    });
    assert!(sizes[0] > text.len());
    assert!(sizes[1] < text.len() / 2, "{sizes:?}");
    assert!(sizes[2] < sizes[1] && sizes[3] < sizes[2], "{sizes:?}");
}

#[test]
fn a_stream_says_what_it_is_and_holds_to_it() {
    let mut good = Vec::new();
    Writer::default().write(&[b'x'; 1000], Level::Fast, &mut good);
    assert_eq!(read(&good[10..], 9, 100), Err(Broken::Unnamed));
    assert_eq!(read(&chunk(NAME, b"S2sTwo"), 9, 100), Err(Broken::Unnamed));
    assert_eq!(read(&chunk(NAME, b"S2"), 9, 100), Err(Broken::Unnamed));
    assert_eq!(read(&[named(), chunk(2, b"x")].concat(), 9, 100), Err(Broken::Unknown));
    let mut torn = good.clone();
    torn[14] ^= 1;
    assert_eq!(read(&torn, 9, 100), Err(Broken::Checksum));
    assert_eq!(read(&[named(), chunk(PACKED, b"x")].concat(), 9, 100), Err(Broken::Torn));
    // What may be passed over is, in whatever pieces it comes.
    let padded = [named(), chunk(0xFE, &[0; 70_000]), good[10..].to_vec(), chunk(0x99, b"?")];
    assert_eq!(read(&padded.concat(), 999, 100).unwrap(), [b'x'; 1000]);
}

#[test]
fn no_more_is_unpacked_than_was_said_to_be_too_much() {
    let largest = vec![0; BLOCK_MAX];
    let mut out = named();
    let packed = minlz::s2::encode(&largest);
    assert!(packed.len() < 1000);
    out.extend(chunk(PACKED, &[&checksum(&largest).to_le_bytes()[..], &packed].concat()));
    assert!(read(&out, 100, 1000).unwrap() == largest);
    // Refused at once by a reader that takes less, whatever is in it.
    let mut reader = Reader::new(BLOCK_MAX - 1);
    assert_eq!(reader.read(&out, &mut [0; 100]), Err(Broken::TooLarge));
    for size in [BLOCK_MAX + 1, 1 << 30, u32::MAX as usize] {
        let bomb = [named(), claiming(size)].concat();
        assert_eq!(read(&bomb, 100, 100), Err(Broken::TooLarge));
    }
    // And the length of a chunk is refused before its bytes are waited for.
    let mut long = named();
    head(AS_IS, (1 << 24) - 1, &mut long);
    assert_eq!(read(&long, 100, 100), Err(Broken::TooLarge));
}

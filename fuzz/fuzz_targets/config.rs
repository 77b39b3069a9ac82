//! The configuration language: any file is either read or refused with a diagnostic, and what was
//! read can be checked, converted, compared and printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vagus_config::{Position, digest, fuzz_one, parse_text};

fuzz_target!(|data: &[u8]| {
    fuzz_one(data);
    // A blank line at the start of a file says nothing, and moves what is said of the rest.
    let read = |text: &[u8]| parse_text(text, "fuzz", &|_| None).map(|read| digest(&read.root));
    let moved = [b"\n", data].concat();
    match (read(data), read(&moved)) {
        (Ok(plain), Ok(moved)) => assert_eq!(plain, moved),
        (Err(plain), Err(moved)) => {
            let place = |at: Position, down| (at.line + down, at.column);
            let plain = plain.at.map(|at| place(at, 1));
            assert_eq!(plain, moved.at.map(|at| place(at, 0)));
        }
        (plain, moved) => panic!("{plain:?}, but with a blank line before it {moved:?}"),
    }
});

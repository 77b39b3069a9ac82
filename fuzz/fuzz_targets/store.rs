//! What is found on a disk: whatever it is, it can be read, and nothing counts that was not
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vagus_store::{fuzz_files, fuzz_wal};

fuzz_target!(|data: &[u8]| {
    fuzz_files(data);
    fuzz_wal(data);
});

//! The hash of a subject: made once where a subject enters, then passed along.
//!
//! One number serves the choice of a shard, the tables of the index and the caches in front of it.
//! They must not all look at the same bits: a table of one shard whose entries share the bits that
//! the table indexes by would be one long collision. `hashbrown` takes the lowest bits for the
//! bucket and the highest 7 for the tag, so shards are taken from the middle ([`shard_of`]).

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::quality::SeedableRandomState;

/// Drawn once a process, so that nobody outside can choose subjects that collide.
static SEED: LazyLock<SeedableRandomState> = LazyLock::new(SeedableRandomState::random);

/// The hash of a subject, stable for the life of this process only: never to be stored or sent.
#[inline]
pub fn hash(subject: &[u8]) -> u64 {
    let mut hasher = SEED.build_hasher();
    hasher.write(subject);
    hasher.finish()
}

/// Which of `shards` a subject with this hash belongs to, from bits no hash table looks at.
///
/// `shards` is at least 1 and at most 65,536.
#[inline]
pub fn shard_of(hash: u64, shards: usize) -> usize {
    debug_assert!((1..=1 << 16).contains(&shards), "{shards} shards");
    // Multiply and shift instead of a remainder: as even, and no division.
    let middle = (hash >> 32) & 0xFF_FFFF;
    ((middle * shards as u64) >> 24) as usize
}

/// The hash of the edge that leads from node `parent` by a token whose [`hash`] is `token`.
#[inline]
pub(crate) fn edge(parent: u32, token: u64) -> u64 {
    // Odd constants without structure. The token's hash is random already; the first product
    // spreads the parent over it, the second one and the fold mix both into every bit.
    let mixed = token ^ u64::from(parent).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let wide = u128::from(mixed) * 0xD6E8_FEB8_6659_FD93;
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_the_bytes() {
        assert_eq!(hash(b"foo.bar"), hash(format!("foo.{}", "bar").as_bytes()));
        assert_ne!(hash(b"foo.bar"), hash(b"foo.baz"));
        assert_ne!(hash(b""), hash(b"\0"));
    }

    #[test]
    fn shards_are_even_and_leave_the_bits_of_tables_alone() {
        const SHARDS: usize = 64;
        let mut load = [0u32; SHARDS];
        let mut low_bits = [0u32; 64];
        for i in 0..64_000 {
            let hash = hash(format!("device.{i}.state").as_bytes());
            let shard = shard_of(hash, SHARDS);
            load[shard] += 1;
            if shard == 7 {
                low_bits[(hash & 63) as usize] += 1;
            }
        }
        assert!(load.iter().all(|&n| (800..1200).contains(&n)), "{load:?}");
        assert!(low_bits.iter().all(|&n| n > 0), "one shard fills few buckets: {low_bits:?}");
        assert_eq!(shard_of(u64::MAX, 1), 0);
        assert_eq!(shard_of(u64::MAX, 3), 2);
    }

    #[test]
    fn edges_differ_by_parent_and_by_token() {
        let token = hash(b"a");
        let mut seen = std::collections::HashSet::new();
        for parent in 0..10_000 {
            assert!(seen.insert(edge(parent, token)));
            assert!(seen.insert(edge(parent, hash(b"b"))));
        }
    }
}

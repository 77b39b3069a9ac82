//! Encryption at rest: what is written is sealed with keys that only the configured key opens.
//!
//! Every run of the server draws a key of its own, so that no two runs, nor two copies of one
//! store, ever use a nonce twice: `nonce = run (4 bytes) | counter (8 bytes)`. The keys of all runs
//! lie in the key file, wrapped by a key that is derived from the configured one.
//!
//! A sealed text is the cipher text, the nonce (12 bytes) and the tag (16 bytes).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use hashbrown::HashMap;
use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::options::CipherKind;

pub(crate) mod keys;

pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
/// By how much a text grows when it is sealed.
pub(crate) const OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;
pub(crate) const KEY_BYTES: usize = 32;

/// Why the keys of a store are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the store is encrypted, and neither the configured key nor the one before opens it")]
    Wrong,
    #[error("the store is encrypted, and no key is configured")]
    Missing,
    #[error("the key file of the store is damaged")]
    Damaged,
    #[error("the store is encrypted, and its key file is gone")]
    Gone,
    #[error("no randomness to be had from the system")]
    Random,
}

/// A text that can't be opened: it was changed, or its key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another key, or damaged")]
pub(crate) struct Unsealed;

/// Seals with the key of this run, opens with those of all runs. Clones share them.
#[derive(Clone)]
pub(crate) struct Cipher(Arc<Inner>);

struct Inner {
    keys: HashMap<u32, LessSafeKey>,
    run: u32,
    sealed: AtomicU64,
}

// === impl Cipher ===

impl Cipher {
    /// `keys` holds one for `run`, which was never used before.
    fn new(keys: HashMap<u32, LessSafeKey>, run: u32) -> Cipher {
        Cipher(Arc::new(Inner { keys, run, sealed: AtomicU64::new(0) }))
    }

    /// Seals `buffer[from..]` in place; it grows by [`OVERHEAD`]. `aad` is what it belongs to.
    pub(crate) fn seal<B>(&self, aad: &[u8], buffer: &mut B, from: usize)
    where
        B: AsMut<[u8]> + for<'a> Extend<&'a u8>,
    {
        let inner = &*self.0;
        let mut nonce = [0; NONCE_BYTES];
        nonce[..4].copy_from_slice(&inner.run.to_le_bytes());
        let count = inner.sealed.fetch_add(1, Ordering::Relaxed);
        nonce[4..].copy_from_slice(&count.to_le_bytes());
        let key = &inner.keys[&inner.run];
        let text = &mut buffer.as_mut()[from..];
        let sealing = Nonce::assume_unique_for_key(nonce);
        match key.seal_in_place_separate_tag(sealing, Aad::from(aad), text) {
            Ok(tag) => {
                buffer.extend(&nonce);
                buffer.extend(tag.as_ref());
            }
            // Only a text of more than 64 GiB can't be sealed.
            Err(_) => unreachable!("a text is smaller than the limit of the cipher"),
        }
    }

    /// Opens in place what [`Cipher::seal`] made; returns the text.
    pub(crate) fn open<'a>(
        &self,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Unsealed> {
        let len = sealed.len().checked_sub(OVERHEAD).ok_or(Unsealed)?;
        let (text, rest) = sealed.split_at_mut(len);
        let (nonce, tag) = rest.split_at(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| Unsealed)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| Unsealed)?;
        let run = u32::from_le_bytes([nonce[0], nonce[1], nonce[2], nonce[3]]);
        let key = self.0.keys.get(&run).ok_or(Unsealed)?;
        let opening = Nonce::assume_unique_for_key(nonce);
        key.open_in_place_separate_tag(opening, Aad::from(aad), tag.into(), text, 0..)
            .map_err(|_| Unsealed)
    }

    /// As `seal`, for a text that is not written into place.
    pub(crate) fn sealed(&self, aad: &[u8], text: &[u8]) -> BytesMut {
        let mut buffer = BytesMut::with_capacity(text.len() + OVERHEAD);
        buffer.extend_from_slice(text);
        self.seal(aad, &mut buffer, 0);
        buffer
    }
}

fn algorithm(kind: CipherKind) -> &'static Algorithm {
    match kind {
        CipherKind::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        CipherKind::Aes256Gcm => &AES_256_GCM,
    }
}

fn key(kind: CipherKind, bytes: &[u8]) -> Result<LessSafeKey, KeyError> {
    UnboundKey::new(algorithm(kind), bytes).map(LessSafeKey::new).map_err(|_| KeyError::Damaged)
}

fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

/// A cipher that nothing else can open, for tests of what is sealed.
#[cfg(test)]
pub(crate) fn cipher_for_tests(kind: CipherKind) -> Cipher {
    let mut keys = HashMap::new();
    keys.insert(1, key(kind, &random::<KEY_BYTES>().unwrap()).unwrap());
    Cipher::new(keys, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_and_nothing_else() {
        for kind in [CipherKind::ChaCha20Poly1305, CipherKind::Aes256Gcm] {
            let cipher = cipher_for_tests(kind);
            let mut buffer = BytesMut::from(&b"head|text"[..]);
            cipher.seal(b"7", &mut buffer, 5);
            assert_eq!(&buffer[..5], b"head|");
            assert_eq!(buffer.len(), 9 + OVERHEAD);
            assert_ne!(&buffer[5..9], b"text");

            let open = |aad: &[u8], sealed: &[u8]| {
                cipher.open(aad, &mut sealed.to_vec()).map(|text| text.to_vec())
            };
            assert_eq!(open(b"7", &buffer[5..]).unwrap(), b"text");
            assert_eq!(open(b"8", &buffer[5..]), Err(Unsealed));
            for n in 0..buffer.len() - 5 {
                let mut changed = buffer[5..].to_vec();
                changed[n] ^= 1;
                assert_eq!(open(b"7", &changed), Err(Unsealed), "byte {n}");
                assert_eq!(open(b"7", &buffer[5..5 + n]), Err(Unsealed), "length {n}");
            }
        }
    }

    #[test]
    fn one_text_is_sealed_in_another_way_each_time() {
        let cipher = cipher_for_tests(CipherKind::default());
        assert_ne!(cipher.sealed(b"", b"text"), cipher.sealed(b"", b"text"));
    }
}

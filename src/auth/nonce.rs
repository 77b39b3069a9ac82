//! What a server gives a client to sign, and the check of the signature.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use nkeys::KeyPair;

/// Random bytes in a nonce.
pub const NONCE_BYTES: usize = 11;

/// The text that goes into `INFO`: 15 characters.
pub fn nonce(random: [u8; NONCE_BYTES]) -> String {
    BASE64URL_NOPAD.encode(&random)
}

/// Whether `signature` (base64, of the URL alphabet without padding or of the standard one) is that
/// of `nonce` by the owner of the public key.
pub(crate) fn is_signed(nonce: &str, signature: &str, public_key: &str) -> bool {
    let bytes = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .or_else(|_| BASE64.decode(signature.as_bytes()));
    let (Ok(bytes), Ok(key)) = (bytes, KeyPair::from_public_key(public_key)) else { return false };
    !nonce.is_empty() && key.verify(nonce.as_bytes(), &bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_key_signs() {
        let (joe, ann) = (KeyPair::new_user(), KeyPair::new_user());
        let given = nonce([7; NONCE_BYTES]);
        assert_eq!(given.len(), 15);
        let signature = joe.sign(given.as_bytes()).unwrap();
        for text in [BASE64URL_NOPAD.encode(&signature), BASE64.encode(&signature)] {
            assert!(is_signed(&given, &text, &joe.public_key()));
            assert!(!is_signed(&given, &text, &ann.public_key()));
            assert!(!is_signed(&nonce([8; NONCE_BYTES]), &text, &joe.public_key()));
            assert!(!is_signed(&given, &text[1..], &joe.public_key()));
        }
        assert!(!is_signed(&given, "", &joe.public_key()));
        assert!(!is_signed("", &BASE64.encode(&joe.sign(b"").unwrap()), &joe.public_key()));
    }
}

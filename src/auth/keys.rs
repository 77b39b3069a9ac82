//! Public keys: what they are the keys of.

use nkeys::KeyPair;

/// Characters of an encoded public key.
const KEY_LEN: usize = 56;

/// Whether `text` is a public key whose first letter, which says what it is the key of, is
/// `letter`: `N` for a server, `O` an operator, `A` an account, `U` a user, `X` a curve key.
fn is_public(text: &str, letter: u8) -> bool {
    text.len() == KEY_LEN
        && text.as_bytes()[0] == letter
        && match letter {
            b'X' => nkeys::XKey::from_public_key(text).is_ok(),
            _ => KeyPair::from_public_key(text).is_ok(),
        }
}

/// A public key that signs, of whatever kind.
pub fn is_public_key(text: &str) -> bool {
    text.len() == KEY_LEN
        && matches!(text.as_bytes()[0], b'N' | b'C' | b'O' | b'A' | b'U')
        && KeyPair::from_public_key(text).is_ok()
}

/// A public user key (`U...`).
pub fn is_user_key(text: &str) -> bool {
    is_public(text, b'U')
}

/// A public account key (`A...`).
pub fn is_account_key(text: &str) -> bool {
    is_public(text, b'A')
}

/// A public operator key (`O...`).
pub fn is_operator_key(text: &str) -> bool {
    is_public(text, b'O')
}

/// A public server key (`N...`).
pub fn is_server_key(text: &str) -> bool {
    is_public(text, b'N')
}

/// A public curve key (`X...`).
pub fn is_curve_key(text: &str) -> bool {
    is_public(text, b'X')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let user = KeyPair::new_user().public_key();
        assert!(is_user_key(&user) && !is_account_key(&user) && !is_curve_key(&user));
        assert!(is_account_key(&KeyPair::new_account().public_key()));
        assert!(is_operator_key(&KeyPair::new_operator().public_key()));
        assert!(is_server_key(&KeyPair::new_server().public_key()));
        assert!(is_curve_key(&nkeys::XKey::new().public_key()));
        let forged = user.replacen('U', "A", 1);
        for text in ["", "U", "UA", &user[..55], &user.to_lowercase(), &forged] {
            assert!(!is_user_key(text) && !is_account_key(text), "{text}");
        }
    }
}

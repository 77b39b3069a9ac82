//! Making tokens: the server's own, and those of tests.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde::Serialize;
use sha2::{Digest, Sha512_256};

use super::claims::Claims;
use super::token::JwtError;

/// The token of these claims, signed by `key`, which becomes their issuer. `now` is Unix seconds.
pub fn mint<T: Serialize + Clone>(
    claims: &Claims<T>,
    key: &KeyPair,
    now: i64,
) -> Result<String, JwtError> {
    let mut claims = claims.clone();
    claims.iss = key.public_key();
    claims.iat = if claims.iat == 0 { now } else { claims.iat };
    claims.jti = String::new();
    let unnamed = serde_json::to_vec(&claims).map_err(|why| JwtError::Json(why.to_string()))?;
    claims.jti = BASE32_NOPAD.encode(&Sha512_256::digest(&unnamed));
    let payload = serde_json::to_vec(&claims).map_err(|why| JwtError::Json(why.to_string()))?;
    let header = br#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(&payload));
    let signature = key.sign(signed.as_bytes()).map_err(|_| JwtError::Signature(2))?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

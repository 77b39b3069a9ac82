//! Who a client is: the simple ways to prove it (a token, a user and password, a list of users).
//!
//! ```text
//! Rules --(once, at start and reload)--> Authenticator
//! Authenticator.begin(Credentials) -> Granted(Identity) | Denied | Slow(HashCheck)
//! HashCheck.run()                  -> Option<Identity>          on a thread that may block
//! ```
//!
//! Pure: no I/O, no clock. What an identity may do (accounts, permissions) and the other proofs
//! (nkeys, JWTs, certificates) will stand beside these modules and end in an [`Identity`] as well.

mod authenticator;
mod credentials;
mod identity;
mod rules;
mod secret;

pub use authenticator::{Authenticator, HashCheck, Outcome};
pub use credentials::Credentials;
pub use identity::Identity;
pub use rules::{Rules, RulesError, UserRule};
pub use secret::Secret;

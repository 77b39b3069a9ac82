//! Who a client is, how it proves it, and what it may do.
//!
//! ```text
//! Rules --(once, at start and reload)--> Authenticator
//! Authenticator.begin(Credentials) -> Granted(Identity) | Denied | Slow(HashCheck) | Fetch
//! HashCheck.run()                  -> Option<Identity>          on a thread that may block
//! Identity.permissions             -> may_publish, may_subscribe
//! ```
//!
//! Pure: no I/O, no clock, no randomness. However a client proves who it is (a token, a password, a
//! key, a certificate), it ends in an [`Identity`].

pub mod account;
mod authenticator;
mod callout;
mod connection_type;
mod credentials;
mod credentials_file;
pub mod distinguished;
mod identity;
pub mod jwt;
pub mod keys;
mod nonce;
pub mod operators;
mod permissions;
mod rules;
mod secret;

pub use account::AccountRules;
pub use authenticator::{Authenticator, Denial, HashCheck, Outcome, Removal};
pub use callout::{CALLOUT_SUBJECT, Callout, Question};
pub use connection_type::{ConnectionType, ConnectionTypes};
pub use credentials::{CertificateNames, Credentials};
pub use credentials_file::read_credentials;
pub use identity::{Identity, UserLimits};
pub use nonce::{NONCE_BYTES, nonce};
pub use operators::{AccountBook, KnownAccount, Operators};
pub use permissions::{Filter, Grant, PermissionRules, Permissions, Responses, SubjectRules};
pub use rules::{GLOBAL_ACCOUNT, Rules, RulesError, UserRule};
pub use secret::Secret;

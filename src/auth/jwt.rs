//! JSON web tokens as NATS has them: signed by an nkey, with what operators, accounts and users
//! state under `nats`.
//!
//! [`decode`] takes a token apart and verifies who signed it. What the claims say is judged by
//! `validate` of each kind; whether the signer is to be trusted is judged by [`crate::operators`].
//!
//! The cost of a hostile token is bounded: it may have 1 MiB, JSON in it may be 128 levels deep,
//! and one signature is verified at most.

mod account;
mod activation;
mod authorization;
mod claims;
mod expand;
mod limits;
mod mint;
mod operator;
mod token;
mod user;
mod validate;
mod version;

pub use account::{
    AccountClaims, ClaimedExport, ClaimedImport, ClaimedMapping, ExternalAuthorization, Kind,
    SigningKey, UserScope,
};
pub use activation::{Activation, Holds, is_activated};
pub use authorization::{
    AuthorizationRequest, AuthorizationResponse, ClientInfo, ClientTls, ConnectOptions, ServerId,
};
pub use claims::{Claims, Content, Generic};
pub use expand::expand;
pub use limits::{JetStreamClaims, OperatorLimits};
pub use mint::mint;
pub use operator::OperatorClaims;
pub use token::{JwtError, TOKEN_BYTES_MAX, decode, decode_any};
pub use user::{
    ClaimedPermissions, ClaimedResponses, ClaimedSubjects, TimeRange, UserClaims, UserTerms,
};

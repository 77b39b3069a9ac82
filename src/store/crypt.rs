//! Encryption at rest.

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the store is encrypted and the configured key does not open it")]
    Wrong,
    #[error("the store is encrypted and no key is configured")]
    Missing,
    #[error("the key file can't be read: {0}")]
    Damaged(&'static str),
}

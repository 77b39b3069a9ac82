//! A log against a list of messages.

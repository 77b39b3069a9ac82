//! `DIRECT.GET`: messages from whoever has them, without JSON around them.

use super::MsgGet;

/// Body of `DIRECT.GET.<stream>`: the fields of a [`MsgGet`], with other rules.
pub type DirectGet = MsgGet;

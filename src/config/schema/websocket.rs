//! The listener for WebSocket clients.

use super::Shape::*;
use super::{Block, Key, key, tls};

pub(super) static WEBSOCKET: Block = Block::new("websocket", WEBSOCKET_KEYS);

#[rustfmt::skip]
static WEBSOCKET_KEYS: &[Key] = &[
    key("listen", Listen, "", "Host and port for WebSocket clients."),
    key("host", Text, "0.0.0.0", "Address for WebSocket clients.").or(&["net"]),
    key("port", Int, "", "Port for WebSocket clients; -1 for a random one."),
    key("advertise", Text, "", "Host, or host:port, told to clients."),
    key("no_tls", Bool, "false", "Accept clients without TLS."),
    key("tls", Block(&tls::TLS), "", "TLS of the listener.").reloads(),
    key("same_origin", Bool, "false", "Accept pages of the listener's own host alone."),
    key("allowed_origins", Texts, "", "Accept pages of these origins alone.").or(&[
        "allowed_origin",
        "allow_origins",
        "allow_origin",
        "origins",
        "origin",
    ]),
    key("handshake_timeout", Seconds, "2s", "Time the upgrade may take."),
    key("compression", Bool, "false", "Offer compression to clients.").or(&["compress"]),
    key("authorization", Block(&SIMPLE_AUTH), "",
        "What clients of this listener must send.").or(&["authentication"]),
    key("no_auth_user", Text, "", "User that clients without credentials are taken for."),
    key("jwt_cookie", Text, "", "Cookie that holds the user JWT."),
    key("user_cookie", Text, "", "Cookie that holds the user name."),
    key("pass_cookie", Text, "", "Cookie that holds the password."),
    key("token_cookie", Text, "", "Cookie that holds the token."),
    key("headers", Each(&Text), "", "Headers added to the answer to the upgrade."),
    key("ping_interval", Duration, "2m", "Time after which a silent client is pinged."),
];

/// One user or token for a listener.
pub(super) static SIMPLE_AUTH: Block = Block::new("websocket.authorization", SIMPLE_AUTH_KEYS);

#[rustfmt::skip]
static SIMPLE_AUTH_KEYS: &[Key] = &[
    key("user", Text, "", "Name of the single user.").or(&["username"]),
    key("password", Secret, "", "Password of the single user.").or(&["pass"]),
    key("token", Secret, "", "Token that clients must send."),
    key("timeout", Seconds, "2", "Time to authenticate."),
];

//! Users, their permissions, and subject mappings.

use super::Shape::*;
use super::{Block, Key, Shape, key};

pub(crate) static AUTHORIZATION: Block = Block::new("authorization", AUTHORIZATION_KEYS);

#[rustfmt::skip]
static AUTHORIZATION_KEYS: &[Key] = &[
    key("user", Text, "", "Name of the single user.").or(&["username"]).reloads(),
    key("password", Secret, "",
        "Password of the single user, plain or bcrypt.").or(&["pass"]).reloads(),
    key("token", Secret, "", "Token that clients must send, plain or bcrypt.").reloads(),
    key("timeout", Seconds, "2", "Time from connecting to a CONNECT that passes.").reloads(),
    key("users", Blocks(&USER), "",
        "Users, each with a name and a password or with a key.").reloads(),
    key("default_permissions", Block(&PERMISSIONS), "",
        "Permissions of users who have none of their own.")
            .or(&["default_permission", "permissions"]).reloads(),
    key("auth_callout", Block(&CALLOUT), "",
        "Authentication by a service behind a subject.").or(&["auth_hook"]).reloads(),
    key("proxy_required", Bool, "false", "Accept clients only through a trusted proxy.").reloads(),
];

/// A user of the top level or of an account.
pub(crate) static USER: Block = Block::new("users", USER_KEYS);

#[rustfmt::skip]
static USER_KEYS: &[Key] = &[
    key("user", Text, "", "Name of the user.").or(&["username"]).reloads(),
    key("password", Secret, "", "Password, plain or bcrypt.").or(&["pass"]).reloads(),
    key("nkey", Text, "",
        "Public key of the user, instead of name and password.").reloads(),
    key("permissions", Block(&PERMISSIONS), "",
        "Subjects the user may publish and subscribe to.")
            .or(&["permission", "authorization"]).reloads(),
    key("allowed_connection_types", Texts, "",
        "Kinds of connection the user may use.")
            .or(&["connection_types", "clients"]).reloads(),
    key("proxy_required", Bool, "false",
        "Accept the user only through a trusted proxy.").reloads(),
];

pub(crate) static PERMISSIONS: Block =
    Block::new("permissions", PERMISSIONS_KEYS).unknown("Unknown field {} parsing permissions");

#[rustfmt::skip]
static PERMISSIONS_KEYS: &[Key] = &[
    key("publish", SUBJECTS, "",
        "Subjects that may be published to.").or(&["pub", "import"]).reloads(),
    key("subscribe", SUBJECTS, "",
        "Subjects that may be subscribed to.").or(&["sub", "export"]).reloads(),
    key("allow_responses", OneOf(&[Bool, Block(&RESPONSES)]), "false",
        "Publishing to reply subjects of received messages.")
            .or(&["publish_allow_responses"]).reloads(),
];

const SUBJECTS: Shape = OneOf(&[Texts, Block(&ALLOW_DENY)]);

static ALLOW_DENY: Block = Block::new("publish, subscribe", ALLOW_DENY_KEYS).unknown(
    "Unknown field name {} parsing subject permissions, only 'allow' or 'deny' are permitted",
);

#[rustfmt::skip]
static ALLOW_DENY_KEYS: &[Key] = &[
    key("allow", Texts, "", "Subjects that are allowed; all others are not.").reloads(),
    key("deny", Texts, "", "Subjects that are not allowed.").reloads(),
];

static RESPONSES: Block =
    Block::new("allow_responses", RESPONSES_KEYS).unknown("Unknown field {} parsing permissions");

#[rustfmt::skip]
static RESPONSES_KEYS: &[Key] = &[
    key("max", Int, "1",
        "Responses to one message; negative for no limit.")
            .or(&["max_msgs", "max_messages", "max_responses"]).reloads(),
    key("expires", DurationText, "2m",
        "Time in which to respond; negative for no limit.").or(&["expiration", "ttl"]).reloads(),
];

static CALLOUT: Block = Block::new("auth_callout", CALLOUT_KEYS)
    .unknown("Unknown field {} parsing authorization callout");

#[rustfmt::skip]
static CALLOUT_KEYS: &[Key] = &[
    key("issuer", Text, "", "Public key that signs the answers."),
    key("account", Text, "$G", "Account of the service.").or(&["acc"]),
    key("auth_users", Texts, "", "Users that are not asked about.").or(&["users"]),
    key("xkey", Text, "", "Public curve key that requests are sealed for.").or(&["key"]),
    key("allowed_accounts", Texts, "", "Accounts the service may place users in."),
];

/// A map from source subject to destination, one or several.
pub(super) const MAPPINGS: Shape = Each(&OneOf(&[Text, Block(&DESTINATION), Blocks(&DESTINATION)]));

static DESTINATION: Block =
    Block::new("mappings", DESTINATION_KEYS).unknown("Unknown field {} for mapping destination");

#[rustfmt::skip]
static DESTINATION_KEYS: &[Key] = &[
    key("destination", Text, "", "Subject to which messages go instead.").or(&["dest"]).reloads(),
    key("weight", OneOf(&[Int, Text]), "", "Share of the messages in per cent.").reloads(),
    key("cluster", Text, "", "Apply only in the cluster of this name.").reloads(),
];

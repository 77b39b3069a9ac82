//! Who a client is and what it may do, as the client itself is told.

use std::time::SystemTime;

use serde::Serialize;
use vagus_auth::{Identity, PermissionRules, Responses, SubjectRules};

/// In the order of nats-server.
#[derive(Debug, Serialize)]
pub(super) struct UserInfo {
    user: String,
    account: String,
    account_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    /// Nanoseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Permissions {
    publish: Side,
    subscribe: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<Answers>,
}

#[derive(Debug, Serialize)]
struct Side {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

/// -1: no limit.
#[derive(Debug, Serialize)]
struct Answers {
    max: i64,
    /// Nanoseconds.
    ttl: i64,
}

// === impl UserInfo ===

impl UserInfo {
    /// Of a client that was granted `identity`, at `now`; of one that had to prove nothing without.
    /// `label` is what the account is called.
    pub(super) fn of(
        identity: Option<&Identity>,
        account: &str,
        label: Option<&str>,
        now: SystemTime,
    ) -> Self {
        let rules = identity.and_then(|who| who.permissions.as_ref());
        let expires = identity.and_then(|who| who.expires?.duration_since(now).ok());
        Self {
            user: identity.and_then(|who| who.name.as_deref()).unwrap_or_default().to_owned(),
            account: account.to_owned(),
            account_name: label.unwrap_or(account).to_owned(),
            user_name: identity.and_then(|who| who.label.as_deref()).map(str::to_owned),
            permissions: rules.map(|rules| Permissions::of(rules.rules())),
            expires: expires.map(|rest| u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

impl Permissions {
    fn of(rules: &PermissionRules) -> Self {
        Self {
            publish: Side::of(&rules.publish),
            subscribe: Side::of(&rules.subscribe),
            responses: rules.responses.map(Answers::of),
        }
    }
}

impl Side {
    fn of(rules: &SubjectRules) -> Self {
        Self { allow: rules.allow.clone().unwrap_or_default(), deny: rules.deny.clone() }
    }
}

impl Answers {
    fn of(responses: Responses) -> Self {
        let signed = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            max: responses.max.map_or(-1, |max| signed(u128::from(max))),
            ttl: responses.ttl.map_or(-1, |ttl| signed(ttl.as_nanos())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn permissions_and_the_rest_of_the_time_are_shown() {
        let rules = PermissionRules {
            publish: SubjectRules { allow: Some(vec!["a.>".to_owned()]), deny: Vec::new() },
            responses: Some(Responses { max: Some(1), ttl: None }),
            ..PermissionRules::default()
        };
        let now = SystemTime::UNIX_EPOCH;
        let mut identity = Identity::anonymous();
        identity.name = Some("joe".into());
        identity.permissions = Some(Arc::new(vagus_auth::Permissions::new(rules)));
        identity.expires = Some(now + Duration::from_nanos(5));
        let shown = serde_json::to_string(&UserInfo::of(Some(&identity), "A", None, now)).unwrap();
        assert_eq!(
            shown,
            concat!(
                r#"{"user":"joe","account":"A","account_name":"A","#,
                r#""permissions":{"publish":{"allow":["a.>"]},"subscribe":{},"#,
                r#""responses":{"max":1,"ttl":-1}},"expires":5}"#
            )
        );
        let shown = serde_json::to_string(&UserInfo::of(None, "$G", None, now)).unwrap();
        assert_eq!(shown, r#"{"user":"","account":"$G","account_name":"$G"}"#);
    }
}

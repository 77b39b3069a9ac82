//! What is stated of a user: permissions, limits, from where and when it may connect.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};

use super::claims::{Claims, Content, nullable};
use super::validate::Findings;
use crate::connection_type::ConnectionTypes;
use crate::identity::UserLimits;
use crate::jwt::limits::limit;
use crate::keys::{is_account_key, is_user_key};
use crate::permissions::{PermissionRules, Responses, SubjectRules};

/// `nats` of a user's claims.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserClaims {
    #[serde(flatten)]
    pub terms: UserTerms,
    /// The account, where one of its signing keys issued the claims.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: i64,
}

/// What a user is granted, by its own claims or by a scoped signing key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserTerms {
    #[serde(flatten)]
    pub permissions: ClaimedPermissions,
    /// Networks (CIDR) it may connect from; anywhere if empty.
    #[serde(deserialize_with = "networks", skip_serializing_if = "Vec::is_empty")]
    pub src: Vec<String>,
    /// Times of the day at which it may be connected; always if empty.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimeRange>,
    /// Time zone of `times`, as IANA names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub times_location: String,
    pub subs: i64,
    /// Bytes; not enforced, as in nats-server.
    pub data: i64,
    /// Bytes of a message.
    pub payload: i64,
    /// The claims are proof enough: no signature of the nonce.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bearer_token: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proxy_required: bool,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<String>,
}

/// Permissions as JWTs state them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedPermissions {
    #[serde(rename = "pub")]
    pub publish: ClaimedSubjects,
    #[serde(rename = "sub")]
    pub subscribe: ClaimedSubjects,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resp: Option<ClaimedResponses>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedSubjects {
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedResponses {
    pub max: i64,
    /// Nanoseconds.
    pub ttl: i64,
}

/// `HH:MM:SS` to `HH:MM:SS`; over midnight if the end is before the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeRange {
    pub start: String,
    pub end: String,
}

impl Content for UserClaims {
    const KIND: &'static str = "user";

    fn may_be_issued_by(letter: u8) -> bool {
        letter == b'A'
    }
}

// === impl Claims<UserClaims> ===

impl Claims<UserClaims> {
    pub fn validate(&self) -> Vec<String> {
        let mut found = Findings::default();
        found
            .error_if(!is_user_key(&self.sub), || format!("{} is not a user public key", self.sub));
        let account = &self.nats.issuer_account;
        found.error_if(!account.is_empty() && !is_account_key(account), || {
            format!("{account} is not an account public key")
        });
        self.nats.terms.validate(&mut found);
        found.done()
    }

    /// The account that the user is of.
    pub fn account(&self) -> &str {
        match self.nats.issuer_account.as_str() {
            "" => &self.iss,
            account => account,
        }
    }
}

// === impl UserTerms ===

impl UserTerms {
    pub(super) fn validate(&self, found: &mut Findings) {
        self.permissions.validate(found);
        for network in &self.src {
            found.error_if(network.parse::<IpNet>().is_err(), || {
                format!("invalid cidr {network:?} in user src limits")
            });
        }
        for range in &self.times {
            found.error_if(range.span().is_none(), || {
                format!("{:?} to {:?} is not a time range", range.start, range.end)
            });
        }
        found.error_if(self.zone().is_none(), || {
            format!("could not parse iana time zone {:?}", self.times_location)
        });
    }

    pub fn limits(&self) -> UserLimits {
        UserLimits { subscriptions: limit(self.subs), payload: limit(self.payload) }
    }

    /// The kinds of connection that are allowed; none of which this server knows is a mistake.
    pub fn connection_types(&self) -> Option<ConnectionTypes> {
        let names = self.allowed_connection_types.iter().map(String::as_str);
        let (types, unknown) = ConnectionTypes::parse(names);
        (unknown.is_empty() || !types.is_empty()).then_some(types)
    }

    /// Whether a client with this address may connect. One whose address is unknown may not, where
    /// that matters.
    pub fn admits(&self, ip: Option<IpAddr>) -> bool {
        let fits = |network: &String| {
            let network = network.parse::<IpNet>();
            ip.is_some_and(|ip| network.is_ok_and(|network| network.contains(&ip)))
        };
        self.src.is_empty() || self.src.iter().any(fits)
    }

    /// Seconds for which a user may stay that connects at `now` (Unix seconds): `None` if it may
    /// not connect, `Some(None)` if there is no end.
    pub fn time_left(&self, now: i64) -> Option<Option<i64>> {
        if self.times.is_empty() {
            return Some(None);
        }
        let zone = self.zone()?;
        let now = jiff::Timestamp::from_second(now).ok()?.to_zoned(zone);
        let second = i64::from(seconds_of(now.time()));
        let left = self.times.iter().filter_map(|range| range.left(second)).max()?;
        Some(Some(left))
    }

    /// `None` where there is no such zone.
    fn zone(&self) -> Option<TimeZone> {
        match self.times_location.as_str() {
            "" | "Local" => Some(TimeZone::system()),
            name => TimeZone::get(name).ok(),
        }
    }
}

// === impl TimeRange ===

const DAY_SECONDS: i64 = 24 * 60 * 60;

impl TimeRange {
    /// Start and end in seconds of the day.
    fn span(&self) -> Option<(i64, i64)> {
        let second = |text: &str| {
            let is_whole = text.len() == "00:00:00".len();
            is_whole.then(|| Time::strptime("%H:%M:%S", text).ok()).flatten().map(seconds_of)
        };
        Some((second(&self.start)?.into(), second(&self.end)?.into()))
    }

    /// Seconds left of the range at this second of the day; `None` outside of it.
    fn left(&self, now: i64) -> Option<i64> {
        let (start, end) = self.span()?;
        match start <= end {
            true => (start <= now && now < end).then_some(end - now),
            false if now >= start => Some(DAY_SECONDS - now + end),
            false => (now < end).then_some(end - now),
        }
    }
}

fn seconds_of(time: Time) -> i32 {
    i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second())
}

// === impl ClaimedPermissions ===

impl ClaimedPermissions {
    pub(super) fn validate(&self, found: &mut Findings) {
        let sides = [&self.publish, &self.subscribe];
        for (side, queues) in sides.into_iter().zip([false, true]) {
            for entry in side.allow.iter().chain(&side.deny) {
                let mut words = entry.split(' ');
                found.subject(words.next().unwrap_or_default());
                let (queue, more) = (words.next(), words.next());
                found.error_if(more.is_some() || (queue.is_some() && !queues), || {
                    format!("permission {entry:?} contains spaces")
                });
            }
        }
    }

    /// `None`: nothing is restricted.
    pub fn rules(&self) -> Option<PermissionRules> {
        let rules = PermissionRules {
            publish: self.publish.rules(),
            subscribe: self.subscribe.rules(),
            responses: self.resp.map(|resp| Responses::new(resp.max, resp.ttl)),
        };
        (!rules.is_empty()).then_some(rules)
    }
}

impl ClaimedSubjects {
    fn rules(&self) -> SubjectRules {
        let allow = (!self.allow.is_empty()).then(|| self.allow.clone());
        SubjectRules { allow, deny: self.deny.clone() }
    }
}

/// A list, or one text with commas.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Form::List(list)) => list,
        Some(Form::Text(text)) => {
            text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
        }
    })
}

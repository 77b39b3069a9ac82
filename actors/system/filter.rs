//! [`Filter`]: which servers are to answer a request that all of them get.

use super::options::Fields;
use super::server_info::Profile;

/// See the module's text. Nothing said: every server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    server_name: String,
    cluster: String,
    host: String,
    /// Names have to be equal, instead of being a part.
    exact: bool,
    tags: Vec<String>,
    domain: String,
}

// === impl Filter ===

impl Filter {
    pub(super) fn of(fields: &Fields) -> Self {
        Self {
            server_name: fields.text("server_name"),
            cluster: fields.text("cluster"),
            host: fields.text("host"),
            exact: fields.flag("exact_match"),
            tags: fields.texts("tags"),
            domain: fields.text("domain"),
        }
    }

    pub(super) fn lets_through(&self, server: &Profile) -> bool {
        let cluster = server.cluster.as_deref().unwrap_or_default();
        let names = [
            (&self.server_name, server.name.as_str()),
            (&self.host, server.host.as_str()),
            (&self.cluster, cluster),
        ];
        let named = names.iter().all(|(wanted, has)| {
            wanted.is_empty() || if self.exact { *wanted == has } else { has.contains(&**wanted) }
        });
        let has_tag =
            |tag: &String| server.tags.iter().any(|own| own.eq_ignore_ascii_case(tag.trim()));
        let domain = server.domain.as_deref().unwrap_or_default();
        named && self.tags.iter().all(has_tag) && (self.domain.is_empty() || self.domain == domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::options;

    fn answers(body: &str) -> bool {
        let server = Profile {
            name: "east-1".to_owned(),
            host: "10.0.0.1".to_owned(),
            cluster: Some("east".to_owned()),
            domain: Some("hub".to_owned()),
            tags: vec!["ssd".to_owned(), "az:b".to_owned()],
            ..Profile::default()
        };
        let fields = options::read(body.as_bytes(), &options::STATSZ).unwrap();
        Filter::of(&fields).lets_through(&server)
    }

    #[test]
    fn a_filter_names_servers_by_parts_of_their_names_or_all_of_them() {
        for body in [
            "",
            "{}",
            r#"{"server_name":"ast"}"#,
            r#"{"server_name":"east-1","exact_match":true}"#,
            r#"{"cluster":"eas","host":"10."}"#,
            r#"{"tags":["SSD","az:b"]}"#,
            r#"{"domain":"hub"}"#,
            r#"{"SERVER_NAME":"east"}"#,
        ] {
            assert!(answers(body), "{body}");
        }
        for body in [
            r#"{"server_name":"West"}"#,
            r#"{"server_name":"east","exact_match":true}"#,
            r#"{"cluster":"eas","exact_match":true}"#,
            r#"{"tags":["ssd","other"]}"#,
            r#"{"domain":"hu"}"#,
        ] {
            assert!(!answers(body), "{body}");
        }
    }
}

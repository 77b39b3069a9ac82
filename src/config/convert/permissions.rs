//! Permissions of users.

use vagus_auth::{PermissionRules, Responses, SubjectRules};
use vagus_subject::is_valid_subscription;

use super::{Builder, read};
use crate::duration;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn permissions(&mut self, map: &Map) -> PermissionRules {
        let mut rules = PermissionRules::default();
        for (name, node) in map.iter() {
            match name.to_lowercase().as_str() {
                "publish" | "pub" | "import" => rules.publish = self.subject_rules(node),
                "subscribe" | "sub" | "export" => rules.subscribe = self.subject_rules(node),
                "allow_responses" | "publish_allow_responses" => {
                    rules.responses = responses(&node.value);
                }
                _ => {}
            }
        }
        rules
    }

    /// A subject or a list, which are allowed, or a block that says what is allowed and what not.
    fn subject_rules(&mut self, node: &Node) -> SubjectRules {
        let Value::Map(map) = &node.value else {
            return SubjectRules { allow: Some(self.subjects(node)), deny: Vec::new() };
        };
        let mut rules = SubjectRules::default();
        for (name, node) in map.iter() {
            match name.to_lowercase().as_str() {
                "allow" => rules.allow = Some(self.subjects(node)),
                "deny" => rules.deny = self.subjects(node),
                _ => {}
            }
        }
        rules
    }

    /// Subjects, each perhaps with a queue group behind it.
    fn subjects(&mut self, node: &Node) -> Vec<String> {
        let mut subjects = Vec::new();
        for text in read::texts(&node.value) {
            let words: Vec<&str> = text.split_whitespace().collect();
            let is_subject = |word: &&str| is_valid_subscription(word.as_bytes());
            match words.as_slice() {
                [subject] if is_subject(subject) && *subject == text => {
                    subjects.push(text.to_owned());
                }
                [subject, queue] if is_subject(subject) => {
                    subjects.push(format!("{subject} {queue}"));
                }
                _ => self.error(node, format!("subject {text:?} is not a valid subject")),
            }
        }
        subjects
    }
}

fn responses(value: &Value) -> Option<Responses> {
    let map = match value {
        Value::Bool(flag) => return flag.then(Responses::default),
        Value::Map(map) => map,
        _ => return None,
    };
    let (mut max, mut ttl) = (0, 0);
    for (name, node) in map.iter() {
        match (name.to_lowercase().as_str(), &node.value) {
            ("max" | "max_msgs" | "max_messages" | "max_responses", Value::Int(number)) => {
                max = *number;
            }
            ("expires" | "expiration" | "ttl", Value::Text(text)) => {
                ttl = duration::parse(text).unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(Responses::new(max, ttl))
}

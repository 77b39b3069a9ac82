//! Exports and imports of an account.

use std::time::Duration;

use vagus_auth::AccountRules;
use vagus_auth::account::{Export, Import, Latency, ResponseType, Sampling, Sharing};
use vagus_subject::{is_valid_literal, is_valid_subscription};

use super::super::{Builder, read};
use crate::diagnostic::Position;
use crate::duration;
use crate::schema;
use crate::value::{Map, Node, Value};

impl Builder {
    /// Adds the exports to the rules, and returns where they are written.
    pub(super) fn exports(&mut self, rules: &mut AccountRules, items: &[Node]) -> Vec<Position> {
        let mut places = Vec::new();
        for item in items {
            if let Some(export) = self.export(item) {
                rules.exports.push(export);
                places.push(item.at.clone());
            }
        }
        places
    }

    fn export(&mut self, item: &Node) -> Option<Export> {
        let Value::Map(map) = &item.value else { return None };
        let mut export = self.offer(item, map)?;
        for (name, node) in map.iter() {
            let Some(key) = export_key(name) else { continue };
            if !self.fits(&export, key, node) {
                return None;
            }
            match (key, &node.value) {
                ("accounts", value) => {
                    export.accounts =
                        Some(read::texts(value).into_iter().map(str::to_owned).collect());
                }
                ("account_token_position", Value::Int(number)) => {
                    export.account_token_position =
                        usize::try_from(*number).ok().filter(|n| *n > 0);
                }
                ("response_type", Value::Text(text)) => {
                    export.response_type = match text.to_lowercase().as_str() {
                        "single" | "singleton" => ResponseType::Singleton,
                        "stream" => ResponseType::Stream,
                        "chunk" | "chunked" => ResponseType::Chunked,
                        _ => {
                            self.error(node, format!("Unknown response type: {text:?}"));
                            return None;
                        }
                    };
                }
                ("response_threshold", Value::Text(text)) => {
                    export.response_threshold = duration::parse(text)
                        .ok()
                        .and_then(|nanos| u64::try_from(nanos).ok())
                        .map(Duration::from_nanos);
                }
                ("latency", _) => export.latency = Some(self.latency(node)?),
                ("allow_trace", Value::Bool(flag)) => export.allow_trace = *flag,
                _ => {}
            }
        }
        self.is_sound(item, &export).then_some(export)
    }

    /// What is exported. Nothing where the block names neither stream nor service, as in
    /// nats-server.
    fn offer(&mut self, item: &Node, map: &Map) -> Option<Export> {
        let mut offer: Option<Export> = None;
        for (name, node) in map.iter() {
            let (kind, other) = match name.to_lowercase().as_str() {
                "stream" => (Sharing::Stream, "service"),
                "service" => (Sharing::Service, "stream"),
                _ => continue,
            };
            let Value::Text(subject) = &node.value else { continue };
            if offer.is_some() {
                let name = name.to_lowercase();
                let why = format!("Detected {name} {subject:?} but already saw a {other}");
                self.error(node, why);
                return None;
            }
            if !is_valid_subscription(subject.as_bytes()) {
                let why = format!("Error adding {name} export {subject:?}: invalid subject");
                self.error(item, why);
                return None;
            }
            offer = Some(Export::new(kind, subject));
        }
        offer
    }

    /// Whether the key is one for this kind of export.
    fn fits(&mut self, export: &Export, key: &str, node: &Node) -> bool {
        let what = match key {
            "response_type" | "response_threshold" => "response",
            "latency" => "latency",
            "allow_trace" => "allow_trace",
            _ => return true,
        };
        let fits = export.kind == Sharing::Service;
        if !fits {
            self.error(node, format!("Detected {what} directive on non-service"));
        }
        fits
    }

    fn is_sound(&mut self, item: &Node, export: &Export) -> bool {
        let subject = &export.subject;
        if let Some(position) = export.account_token_position
            && subject.split('.').nth(position - 1) != Some("*")
        {
            let kind = kind_name(export.kind);
            let why = format!("Error adding {kind} export {subject:?}: sublist: invalid subject");
            self.error(item, why);
            return false;
        }
        let Some(latency) = &export.latency else { return true };
        let why = match export.response_type {
            ResponseType::Singleton if is_valid_literal(latency.subject.as_bytes()) => return true,
            ResponseType::Singleton => "invalid publish subject",
            _ => "bad service response type",
        };
        let to = &latency.subject;
        self.error(
            item,
            format!(
                "Error adding service latency sampling for {subject:?} on subject {to:?}: {why}"
            ),
        );
        false
    }

    fn latency(&mut self, node: &Node) -> Option<Latency> {
        let map = match &node.value {
            Value::Text(text) => {
                let (subject, sampling) = (text.clone(), Sampling::Percent(100));
                return Some(Latency { subject, sampling });
            }
            Value::Map(map) => map,
            _ => return None,
        };
        let (mut subject, mut sampling) = (String::new(), Sampling::Percent(100));
        for (name, entry) in map.iter() {
            match (name.to_lowercase().as_str(), &entry.value) {
                ("subject", Value::Text(text)) => subject.clone_from(text),
                ("sampling", _) => sampling = self.sampling(entry)?,
                _ => {}
            }
        }
        if subject.is_empty() {
            self.error(node, "Latency subject required, but missing");
            return None;
        }
        Some(Latency { subject, sampling })
    }

    fn sampling(&mut self, node: &Node) -> Option<Sampling> {
        let number = match &node.value {
            Value::Int(number) => *number,
            Value::Text(text) if text.trim().eq_ignore_ascii_case("headers") => {
                return Some(Sampling::Headers);
            }
            Value::Text(text) => match text.trim().trim_end_matches('%').parse() {
                Ok(number) => number,
                Err(_) => {
                    self.error(node, format!("Failed to parse latency sample: {text:?}"));
                    return None;
                }
            },
            _ => return None,
        };
        match u8::try_from(number) {
            Ok(percent @ 1..=100) => Some(Sampling::Percent(percent)),
            _ => {
                self.error(node, "bad sampling percentage, should be 1-100");
                None
            }
        }
    }

    /// Adds the imports to the rules, and returns where they are written.
    pub(super) fn imports(&mut self, rules: &mut AccountRules, items: &[Node]) -> Vec<Position> {
        let mut places = Vec::new();
        for item in items {
            let Some(import) = self.import(item) else { continue };
            if import.kind == Sharing::Service
                && let Some(known) = rules
                    .imports
                    .iter()
                    .find(|known| known.kind == Sharing::Service && known.local() == import.local())
            {
                let why = format!(
                    "Duplicate service import subject {:?}, previously used in import for account \
                     {:?}, subject {:?}",
                    import.local(),
                    known.account,
                    known.subject
                );
                self.error(item, why);
                continue;
            }
            rules.imports.push(import);
            places.push(item.at.clone());
        }
        places
    }

    fn import(&mut self, item: &Node) -> Option<Import> {
        let Value::Map(map) = &item.value else { return None };
        let mut import = self.source(map)?;
        for (name, node) in map.iter() {
            match (name.to_lowercase().as_str(), &node.value) {
                ("to", Value::Text(text)) => import.to = Some(text.clone()),
                ("prefix", Value::Text(text)) if import.kind == Sharing::Stream => {
                    let dot = if text.ends_with('.') { "" } else { "." };
                    import.prefix = Some(format!("{text}{dot}"));
                }
                ("share", Value::Bool(flag)) => import.share = *flag,
                ("allow_trace", Value::Bool(_)) if import.kind == Sharing::Service => {
                    self.error(node, "Detected allow_trace directive on a non-stream");
                    return None;
                }
                ("allow_trace", Value::Bool(flag)) => import.allow_trace = *flag,
                _ => continue,
            }
            if import.to.is_some() && import.prefix.is_some() {
                self.error(node, "Stream import can not have a 'prefix' and a 'to' property");
                return None;
            }
        }
        if import.to.as_ref().is_some_and(|to| !is_valid_subscription(to.as_bytes())) {
            let why = format!(
                "Error adding {} import {:?}: invalid subject",
                kind_name(import.kind),
                import.subject
            );
            self.error(item, why);
            return None;
        }
        Some(import)
    }

    /// From where what is imported.
    fn source(&mut self, map: &Map) -> Option<Import> {
        let mut found: Option<Import> = None;
        for (name, node) in map.iter() {
            let (kind, other) = match name.to_lowercase().as_str() {
                "stream" => (Sharing::Stream, "service"),
                "service" => (Sharing::Service, "stream"),
                _ => continue,
            };
            let Value::Map(source) = &node.value else { continue };
            if found.is_some() {
                let name = name.to_lowercase();
                self.error(node, format!("Detected {name} but already saw a {other}"));
                return None;
            }
            let text = |key| match source.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
                Some((_, Node { value: Value::Text(text), .. })) if !text.is_empty() => Some(text),
                _ => None,
            };
            let (Some(account), Some(subject)) = (text("account"), text("subject")) else {
                self.error(node, "Expect an account name and a subject");
                return None;
            };
            found = Some(Import::new(kind, account, subject));
        }
        found
    }
}

fn export_key(name: &str) -> Option<&'static str> {
    let exports = schema::accounts::ACCOUNT.find("exports")?.shape.blocks().pop()?;
    exports.find(name).map(|key| key.name)
}

pub(super) fn kind_name(kind: Sharing) -> &'static str {
    match kind {
        Sharing::Stream => "stream",
        Sharing::Service => "service",
    }
}

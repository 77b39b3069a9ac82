//! Subject mappings, which are compiled once to see whether they can be.

use vagus_subject::is_valid_subscription;
use vagus_subject::transform::{Destination, Mappings};

use super::Builder;
use crate::config::{MapDestination, Mapping};
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn mappings(&mut self, node: &Node, map: &Map) -> Vec<Mapping> {
        let mut mappings = Vec::new();
        for (source, entry) in map.iter() {
            if !is_valid_subscription(source.as_bytes()) {
                self.error(node, format!("Subject {source:?} is not a valid subject"));
                continue;
            }
            let destinations = match &entry.value {
                Value::Text(subject) => {
                    vec![MapDestination { subject: subject.clone(), weight: 100, cluster: None }]
                }
                Value::List(items) => {
                    items.iter().filter_map(|item| self.destination(item)).collect()
                }
                Value::Map(_) => self.destination(entry).into_iter().collect(),
                _ => continue,
            };
            mappings.extend(self.mapping(source, entry, destinations));
        }
        mappings
    }

    fn mapping(
        &mut self,
        source: &str,
        entry: &Node,
        destinations: Vec<MapDestination>,
    ) -> Option<Mapping> {
        let compiled: Vec<_> = destinations
            .iter()
            .map(|to| Destination {
                subject: to.subject.clone().into_bytes(),
                weight: to.weight,
                cluster: to.cluster.clone(),
            })
            .collect();
        if let Err(why) = Mappings::new().add(source.as_bytes(), &compiled) {
            let to = match &entry.value {
                Value::Text(subject) => format!(" to {subject:?}"),
                _ => String::new(),
            };
            self.error(entry, format!("Error adding mapping for {source:?}{to} : {why}"));
            return None;
        }
        Some(Mapping { source: source.to_owned(), destinations })
    }

    fn destination(&mut self, node: &Node) -> Option<MapDestination> {
        let Value::Map(map) = &node.value else { return None };
        let (mut subject, mut weight, mut cluster) = (String::new(), None, None);
        for (name, entry) in map.iter() {
            match (name.to_lowercase().as_str(), &entry.value) {
                ("dest" | "destination", Value::Text(text)) => subject = text.clone(),
                ("cluster", Value::Text(text)) => cluster = Some(text.clone()),
                ("weight", value) => match percent(value) {
                    Ok(percent) => weight = Some(percent),
                    Err(written) => {
                        let why = format!("Invalid weight {written} for mapping destination");
                        self.error(entry, why);
                        return None;
                    }
                },
                _ => {}
            }
        }
        let Some(weight) = weight else {
            self.error(node, format!("Missing weight for mapping destination {subject:?}"));
            return None;
        };
        Some(MapDestination { subject, weight, cluster })
    }
}

/// `50`, `"50"` or `"50%"`; otherwise the text to complain about.
fn percent(value: &Value) -> Result<u8, String> {
    let (number, written) = match value {
        Value::Int(number) => (u8::try_from(*number).ok(), number.to_string()),
        Value::Text(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            let known: Option<i64> = digits.parse().ok();
            (digits.parse().ok(), known.map_or_else(|| format!("{digits:?}"), |n| n.to_string()))
        }
        _ => (None, value.kind().to_owned()),
    };
    number.filter(|percent| *percent <= 100).ok_or(written)
}

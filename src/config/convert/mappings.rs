//! Subject mappings. Only their form is looked at here; whether subjects are valid and how they
//! transform is for whoever builds the mapping.

use super::Builder;
use crate::config::{MapDestination, Mapping};
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn mappings(&mut self, map: &Map) {
        for (source, node) in map.iter() {
            let destinations = match &node.value {
                Value::Text(subject) => {
                    vec![MapDestination { subject: subject.clone(), weight: 100, cluster: None }]
                }
                Value::List(items) => {
                    items.iter().filter_map(|item| self.destination(item)).collect()
                }
                Value::Map(_) => self.destination(node).into_iter().collect(),
                _ => continue,
            };
            self.total_weight(source, node, &destinations);
            self.config.mappings.push(Mapping { source: source.to_owned(), destinations });
        }
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

    /// Weights add up to no more than 100 per cent in each cluster.
    fn total_weight(&mut self, source: &str, node: &Node, destinations: &[MapDestination]) {
        for destination in destinations {
            let same = destinations.iter().filter(|other| other.cluster == destination.cluster);
            let total: u32 = same.clone().map(|other| u32::from(other.weight)).sum();
            let doubled = same.filter(|other| other.subject == destination.subject).count() > 1;
            let why = match (total > 100, doubled) {
                (_, true) => format!("duplicate entry for {:?}", destination.subject),
                (true, _) => "total weight needs to be <= 100".to_owned(),
                _ => continue,
            };
            return self.error(node, format!("Error adding mapping for {source:?} : {why}"));
        }
    }
}

/// `50`, `"50"` or `"50%"`; otherwise the text to complain about.
fn percent(value: &Value) -> Result<u8, String> {
    let (number, written) = match value {
        Value::Int(number) => (u8::try_from(*number).ok(), number.to_string()),
        Value::Text(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            (digits.parse().ok(), format!("{digits:?}"))
        }
        _ => (None, value.kind().to_owned()),
    };
    number.filter(|percent| *percent <= 100).ok_or(written)
}

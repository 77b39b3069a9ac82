//! What a bench found out, and its JSON form.

use serde_json::{Map, Value, json};

use crate::metrics::Metrics;

/// The result of [`crate::run`].
#[derive(Debug, Clone)]
pub struct Report {
    /// `pub`, `pubsub`, ...
    pub shape: &'static str,
    /// As the server calls itself in `INFO`.
    pub server_version: String,
    /// What was asked for, in the words of the command line.
    pub settings: Vec<(&'static str, Value)>,
    /// Medians over the runs.
    pub metrics: Metrics,
    /// The figures of each run.
    pub runs: Vec<Metrics>,
}

/// What one run of a shape returns.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) server_version: String,
    pub(crate) metrics: Metrics,
}

impl Report {
    /// One object: `shape`, `server_version`, `settings`, `metrics` (medians), `runs` (each run).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let settings: Map<String, Value> =
            self.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        json!({
            "shape": self.shape,
            "server_version": self.server_version,
            "settings": settings,
            "metrics": self.metrics.to_json(),
            "runs": self.runs.iter().map(Metrics::to_json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_the_field_names() {
        let mut metrics = Metrics::default();
        metrics.push("duration_seconds", 1.5);
        let report = Report {
            shape: "pub",
            server_version: "1".to_owned(),
            settings: vec![("size", Value::from(16))],
            metrics: metrics.clone(),
            runs: vec![metrics],
        };
        assert_eq!(
            report.to_json().to_string(),
            concat!(
                r#"{"shape":"pub","server_version":"1","settings":{"size":16},"#,
                r#""metrics":{"duration_seconds":1.5},"runs":[{"duration_seconds":1.5}]}"#
            )
        );
    }
}

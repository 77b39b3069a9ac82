//! Named figures of a run. The unit is the end of the name, and names are stable: scripts read
//! them from the JSON output.

use hdrhistogram::Histogram;
use serde_json::{Map, Number, Value};

use crate::error::BenchError;

/// Latencies are kept from 1 ns to 10 minutes, to 3 digits.
const LATENCY_NANOS_MAX: u64 = 600_000_000_000;

/// The percentiles that a report shows.
const PERCENTILES: [(&str, f64); 4] = [
    ("latency_p50_us", 50.0),
    ("latency_p90_us", 90.0),
    ("latency_p99_us", 99.0),
    ("latency_p999_us", 99.9),
];

/// Figures in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<(&'static str, f64)>);

impl Metrics {
    /// Adds a figure; one that is not finite (a rate over no time) is left out.
    pub(crate) fn push(&mut self, name: &'static str, value: f64) {
        if value.is_finite() {
            self.0.push((name, value));
        }
    }

    pub(crate) fn push_count(&mut self, name: &'static str, value: u64) {
        self.push(name, value as f64);
    }

    /// The figure of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// All figures.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.0.iter().copied()
    }

    /// p50 to p99.9, mean and maximum, in microseconds.
    pub(crate) fn push_latencies(&mut self, nanos: &Histogram<u64>) {
        if nanos.is_empty() {
            return;
        }
        for (name, percentile) in PERCENTILES {
            self.push(name, nanos.value_at_percentile(percentile) as f64 / 1e3);
        }
        self.push("latency_max_us", nanos.max() as f64 / 1e3);
        self.push("latency_mean_us", nanos.mean() / 1e3);
    }

    /// The median of each figure over several runs. A figure must be in all of them to count.
    pub(crate) fn medians(runs: &[Self]) -> Self {
        let Some(first) = runs.first() else { return Self::default() };
        let mut medians = Self::default();
        for (name, _) in first.iter() {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.get(name)).collect();
            if values.len() == runs.len() {
                medians.push(name, median(values));
            }
        }
        medians
    }

    /// As a JSON object; whole numbers have no decimal point.
    pub(crate) fn to_json(&self) -> Value {
        let entries = self.iter().map(|(name, value)| (name.to_owned(), number(value)));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

/// An empty histogram of nanoseconds.
pub(crate) fn new_histogram() -> Result<Histogram<u64>, BenchError> {
    Histogram::new_with_bounds(1, LATENCY_NANOS_MAX, 3)
        .map_err(|error| BenchError::Options(error.to_string()))
}

/// Adds up the histograms of several threads.
pub(crate) fn merge_histograms(
    parts: impl IntoIterator<Item = Histogram<u64>>,
) -> Result<Histogram<u64>, BenchError> {
    let mut whole = new_histogram()?;
    for part in parts {
        whole.add(&part).map_err(|error| BenchError::Options(error.to_string()))?;
    }
    Ok(whole)
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.get(values.len() / 2), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(middle), 1) => *middle,
        (Some(upper), _) => f64::midpoint(values[values.len() / 2 - 1], *upper),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, as checked")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    // Six significant digits behind the point are more than any measurement holds.
    let rounded = (value * 1e6).round() / 1e6;
    Number::from_f64(rounded).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn medians_go_by_name() {
        let run = |a: f64, b: Option<f64>| {
            let mut metrics = Metrics::default();
            metrics.push("a", a);
            if let Some(b) = b {
                metrics.push("b", b);
            }
            metrics
        };
        let medians = Metrics::medians(&[run(1.0, Some(1.0)), run(9.0, None), run(2.0, None)]);
        assert_eq!(medians.iter().collect::<Vec<_>>(), [("a", 2.0)]);
        assert_eq!(Metrics::medians(&[]), Metrics::default());
    }

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut nanos = new_histogram().unwrap();
        for value in 1..=1000u64 {
            nanos.saturating_record(value * 1000);
        }
        let mut metrics = Metrics::default();
        metrics.push_latencies(&merge_histograms([nanos]).unwrap());
        for (name, expected) in
            [("latency_p50_us", 500.0), ("latency_p99_us", 990.0), ("latency_max_us", 1000.0)]
        {
            let got = metrics.get(name).unwrap();
            assert!((got - expected).abs() / expected < 0.002, "{name} {got}");
        }
        let mut none = Metrics::default();
        none.push_latencies(&new_histogram().unwrap());
        assert_eq!(none, Metrics::default());
    }

    #[test]
    fn json_numbers_are_short() {
        let mut metrics = Metrics::default();
        metrics.push("count", 1e6);
        metrics.push("rate", 1.0 / 3.0);
        metrics.push("never", f64::NAN);
        assert_eq!(metrics.to_json().to_string(), r#"{"count":1000000,"rate":0.333333}"#);
    }
}

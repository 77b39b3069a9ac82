//! The report for human eyes: one figure a line, names to the left, numbers aligned.

use std::fmt::Write;

use serde_json::Value;

use crate::report::Report;

/// The table, with a final newline.
pub(crate) fn render(report: &Report) -> String {
    let settings: Vec<String> = report
        .settings
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    let runs = match report.runs.len() {
        1 => "one run".to_owned(),
        count => format!("medians of {count} runs (lowest .. highest)"),
    };
    let mut out = format!(
        "{} against server {}: {}\n{runs}\n",
        report.shape,
        report.server_version,
        settings.join(" ")
    );
    let rows: Vec<(String, String, String)> = report
        .metrics
        .iter()
        .map(|(name, value)| (label(name), figure(name, value), spread(report, name)))
        .collect();
    let width = |of: fn(&(String, String, String)) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (names, figures) = (width(|row| row.0.len()), width(|row| row.1.len()));
    for (name, figure, spread) in &rows {
        let line = format!("  {name:<names$}  {figure:>figures$}  {spread}");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// Lowest and highest of several runs.
fn spread(report: &Report, name: &str) -> String {
    if report.runs.len() < 2 {
        return String::new();
    }
    let values: Vec<f64> = report.runs.iter().filter_map(|run| run.get(name)).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("({} .. {})", figure(name, lowest), figure(name, highest))
}

fn label(name: &str) -> String {
    let name = name.strip_suffix("_us").unwrap_or(name);
    let name = name.strip_suffix("_seconds").unwrap_or(name);
    let name =
        if name.contains("_per_") { name } else { name.strip_suffix("_bytes").unwrap_or(name) };
    name.replace('_', " ")
}

fn figure(name: &str, value: f64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    if name.ends_with("_us") {
        format!("{} us", plain(value))
    } else if name.ends_with("_seconds") || name.contains("_seconds_per_") {
        format!("{} s", plain(value))
    } else if name.ends_with("_bytes") && value.abs() >= MIB {
        format!("{:.1} MiB", value / MIB)
    } else if name.contains("bytes") {
        format!("{} B", plain(value))
    } else {
        plain(value)
    }
}

/// Four significant digits, thousands apart.
fn plain(value: f64) -> String {
    let size = value.abs();
    if size < 1000.0 {
        let digits = match size {
            _ if value.fract() == 0.0 => 0,
            100.0.. => 1,
            10.0.. => 2,
            1.0.. => 3,
            _ => 4,
        };
        return format!("{value:.digits$}");
    }
    let whole = format!("{size:.0}");
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(plain(1_234_567.8), "1,234,568");
        assert_eq!(plain(999.0), "999");
        assert_eq!(plain(0.03412), "0.0341");
        assert_eq!(plain(12.345), "12.35");
        assert_eq!(plain(-4096.0), "-4,096");
        assert_eq!(figure("server_rss_bytes", 3_145_728.0), "3.0 MiB");
        assert_eq!(figure("server_rss_bytes_per_connection", 1460.0), "1,460 B");
        assert_eq!(figure("latency_p50_us", 46.2), "46.20 us");
    }

    #[test]
    fn columns_line_up() {
        let run = |rate| {
            let mut metrics = Metrics::default();
            metrics.push("msgs_per_second", rate);
            metrics.push("duration_seconds", 2.0);
            metrics
        };
        let report = Report {
            shape: "pub",
            server_version: "9".to_owned(),
            settings: vec![("subject", Value::from("a")), ("size", Value::from(16))],
            metrics: run(2_000_000.0),
            runs: vec![run(1_000_000.0), run(3_000_000.0)],
        };
        assert_eq!(
            render(&report),
            "pub against server 9: subject=a size=16\n\
             medians of 2 runs (lowest .. highest)\n\
             \x20 msgs per second  2,000,000  (1,000,000 .. 3,000,000)\n\
             \x20 duration               2 s  (2 s .. 2 s)\n"
        );
    }
}

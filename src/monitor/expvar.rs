//! `/debug/vars`: the command line and the memory of the process.

use std::collections::BTreeMap;

use vagus_telemetry::json;

use super::reply::{self, Reply};

/// Names of `/proc/self/status` and, for the same, those of Go's memory statistics. All in bytes.
const MEMORY: [(&str, &str); 5] = [
    ("VmSize", "Sys"),
    ("VmRSS", "Alloc"),
    ("RssAnon", "HeapInuse"),
    ("VmData", "HeapSys"),
    ("VmStk", "StackSys"),
];

/// Flags whose values are nobody else's business.
const SECRETS: [&str; 3] = ["user", "pass", "auth"];

pub(super) fn page() -> Reply {
    let args: Vec<_> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut body = b"{\n\"cmdline\": ".to_vec();
    body.extend(json::compact(&without_secrets(args)));
    body.extend_from_slice(b",\n\"memstats\": ");
    body.extend(json::compact(&memory(&status)));
    body.extend_from_slice(b"\n}\n");
    reply::typed(body, "application/json; charset=utf-8")
}

fn memory(status: &str) -> BTreeMap<&'static str, u64> {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter_map(|(name, value)| {
            let (_, shown) = MEMORY.into_iter().find(|(kernel, _)| *kernel == name)?;
            let kib: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
            Some((shown, kib * 1024))
        })
        .collect()
}

fn without_secrets(mut args: Vec<String>) -> Vec<String> {
    let mut hide_next = false;
    for arg in &mut args {
        if std::mem::take(&mut hide_next) {
            "[REDACTED]".clone_into(arg);
            continue;
        }
        let Some(flag) = arg.strip_prefix('-') else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, _)) => (name, true),
            None => (flag, false),
        };
        if SECRETS.contains(&name.trim_start_matches('-')) {
            hide_next = !value;
            if value {
                *arg = format!("-{name}=[REDACTED]");
            }
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_command_line_stay_hidden() {
        let args = ["vagus", "-p", "4222", "--pass", "s3cret", "-auth=s3cret", "--user", "joe"];
        let shown = without_secrets(args.map(str::to_owned).to_vec());
        let wanted = [
            "vagus",
            "-p",
            "4222",
            "--pass",
            "[REDACTED]",
            "-auth=[REDACTED]",
            "--user",
            "[REDACTED]",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn memory_is_in_bytes() {
        let found = memory("Name:\tx\nVmSize:\t  4 kB\nVmRSS:\t 2 kB\nThreads:\t3\n");
        assert_eq!(found, BTreeMap::from([("Alloc", 2048), ("Sys", 4096)]));
    }
}

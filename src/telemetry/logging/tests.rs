//! Whole lines, from the event to the writer or the file.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use tracing::{debug, error, info, trace, warn};

use super::*;

/// A writer whose content the test can read.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Runs `act` with logging as configured (our events carry this crate's name, `vagus_telemetry`).
fn logged(config: LogConfig, act: impl FnOnce(&LogControl, &Captured)) {
    let out = Captured::default();
    let (subscriber, control) =
        Logging::subscriber_to(config, Box::new(out.clone())).expect("opens");
    tracing::subscriber::with_default(subscriber, || act(&control, &out));
}

fn untimed() -> LogConfig {
    LogConfig { time: false, ..LogConfig::default() }
}

fn head(label: &str) -> String {
    format!("[{}] [{label}] ", std::process::id())
}

fn to_file(path: &Path, size_limit_bytes: u64, files_max: usize) -> LogConfig {
    let output = LogOutput::File { path: path.to_owned(), size_limit_bytes, files_max };
    LogConfig { output, ..untimed() }
}

#[test]
fn the_line_is_the_one_nats_prints() {
    logged(LogConfig::default(), |_, out| {
        info!("Server is ready");
        let line = out.lines().remove(0);
        let rest = line.strip_prefix(&format!("[{}] ", std::process::id())).unwrap();
        let (time, rest) = rest.split_at("2026/11/21 00:00:28.128567".len());
        assert_eq!(rest, " [INF] Server is ready");
        let shape: String =
            time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000/00/00 00:00:00.000000");
    });
}

#[test]
fn utc_is_utc() {
    logged(LogConfig { utc: true, ..LogConfig::default() }, |_, out| {
        let now = jiff::Timestamp::now();
        info!("x");
        let line = out.lines().remove(0);
        let time = line.split("] ").nth(1).unwrap().trim_end_matches(" [INF");
        let logged = jiff::civil::DateTime::strptime("%Y/%m/%d %H:%M:%S%.f", time).unwrap();
        let logged = logged.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        assert!(logged.duration_since(now).abs().as_secs() < 5, "{line}");
    });
}

#[test]
fn labels_and_fields() {
    logged(LogConfig { debug: true, trace: true, ..untimed() }, |_, out| {
        info!(cid = 7, name = "a b", user = "joe", "hello");
        warn!(share = 0.5, ok = true, "careful");
        error!(cause = %"no space", "failed");
        error!(fatal = true, "gone");
        debug!(value = ?Some("x"), "detail");
        trace!("<<- [PING]");
        let expected = [
            head("INF") + "hello cid=7 name=\"a b\" user=joe",
            head("WRN") + "careful share=0.5 ok=true",
            head("ERR") + "failed cause=\"no space\"",
            head("FTL") + "gone",
            head("DBG") + "detail value=Some(\"x\")",
            head("TRC") + "<<- [PING]",
        ];
        assert_eq!(out.lines(), expected);
    });
}

#[test]
fn a_client_can_not_forge_a_line() {
    logged(untimed(), |_, out| {
        let name = "x\n[1] [INF] all is well\u{1b}[2J";
        info!(name, "connected {name}");
        let lines = out.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!lines[0].contains('\u{1b}'));
        assert!(lines[0].contains(r"connected x\n[1]"), "{lines:?}");
    });
}

#[test]
fn debug_and_trace_switch_independently_while_running() {
    logged(untimed(), |control, out| {
        let emit = || {
            debug!("d");
            trace!("t");
            info!("i");
        };
        let labels = || -> Vec<String> {
            out.lines().iter().map(|l| l.chars().last().unwrap().to_string()).collect()
        };
        emit();
        assert_eq!(labels(), ["i"]);
        for (debug, trace, expected) in [
            (true, false, &["d", "i"][..]),
            (false, true, &["t", "i"]),
            (true, true, &["d", "t", "i"]),
            (false, false, &["i"]),
        ] {
            control.apply(LogConfig { debug, trace, ..untimed() }).unwrap();
            emit();
            assert_eq!(labels(), expected, "debug {debug} trace {trace}");
        }
    });
}

#[test]
fn strangers_are_heard_from_warn_upwards() {
    logged(LogConfig { debug: true, trace: true, ..untimed() }, |control, out| {
        let emit = || {
            trace!(target: "ractor_cluster::node", "payload");
            debug!(target: "ractor_cluster::node", "payload");
            info!(target: "mio", "polling");
            warn!(target: "actix", "full");
            warn!(target: "ractor_cluster::node::node_session", "slow ping from 0.0.0.0:0");
            error!(target: "ractor_cluster::node", "lost");
            error!(target: "hyper::proto", "broken");
            info!(target: "my_plugin", "mine");
        };
        emit();
        assert_eq!(
            out.lines(),
            [head("WRN") + "full", head("ERR") + "lost", head("ERR") + "broken"]
        );
        let targets = vec!["vagus".to_owned(), "my_plugin".to_owned()];
        control.apply(LogConfig { targets, ..untimed() }).unwrap();
        emit();
        // The warning is the same as a moment ago.
        let rest = [head("ERR") + "lost", head("ERR") + "broken", head("INF") + "mine"];
        assert_eq!(out.lines(), rest);
    });
}

#[test]
fn a_warning_is_printed_once_a_second() {
    logged(untimed(), |_, out| {
        for _ in 0..10 {
            warn!("Slow Consumer Detected");
            warn!(cid = 2, "Slow Consumer Detected");
            error!("not limited");
        }
        let lines = out.lines();
        assert_eq!(lines.len(), 2 + 10, "{lines:?}");
    });
}

#[test]
fn json_lines_hold_the_same() {
    logged(LogConfig { format: LogFormat::Json, ..LogConfig::default() }, |_, out| {
        error!(fatal = true, cid = 7, name = "a \"b\"", "gone");
        info!("plain");
        let lines: Vec<serde_json::Value> =
            out.lines().iter().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["level"], "fatal");
        assert_eq!(lines[0]["message"], "gone");
        assert_eq!(lines[0]["pid"], std::process::id());
        assert_eq!(lines[0]["fields"], serde_json::json!({"cid": 7, "name": "a \"b\""}));
        lines[0]["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(lines[1]["target"], "vagus_telemetry::logging::tests");
        assert!(lines[1].get("fields").is_none());
    });
}

#[test]
fn a_value_that_logs_while_it_is_printed_does_no_harm() {
    struct Chatty;
    impl std::fmt::Display for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("inner");
            f.write_str("chatty")
        }
    }
    logged(untimed(), |_, out| {
        info!(who = %Chatty, "outer");
        // A scoped subscriber is not entered twice, a global one is: so the inner line may come.
        assert_eq!(out.lines().pop(), Some(head("INF") + "outer who=chatty"));
    });
}

#[test]
fn the_file_is_private_and_appended_to() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vagus.log");
    fs::write(&path, "before\n").unwrap();
    logged(to_file(&path, 0, 0), |_, out| {
        info!("after");
        assert_eq!(out.lines(), [""; 0]);
    });
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("before\n{}after\n", head("INF")));
    let fresh = dir.path().join("fresh.log");
    logged(to_file(&fresh, 0, 0), |_, _| info!("x"));
    assert_eq!(fs::metadata(&fresh).unwrap().permissions().mode() & 0o777 & !0o640, 0);
}

#[test]
fn a_full_file_is_rotated_and_old_ones_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vagus.log");
    let bystander = dir.path().join("vagus.log.gz");
    fs::write(&bystander, "not ours").unwrap();
    logged(to_file(&path, 200, 3), |_, _| {
        for i in 0..40 {
            info!("line number {i:03} of a long log");
        }
    });
    let names: Vec<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n != "vagus.log.gz" && n != "vagus.log")
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(bystander.exists());
    let current = fs::read_to_string(&path).unwrap();
    let newest = dir.path().join(names.iter().max().unwrap());
    let said = format!("{}Rotated log, backup saved as \"{}\"\n", head("INF"), newest.display());
    assert!(current.starts_with(&said), "{current}");
}

#[test]
fn a_rotation_that_fails_does_not_stop_the_log() {
    let dir = tempfile::tempdir().unwrap();
    // A name that is valid, but too long with a time behind it.
    let path = dir.path().join("x".repeat(240));
    logged(to_file(&path, 400, 0), |_, _| {
        for i in 0..20 {
            info!("line number {i:03} of a long log, long enough to fill it soon");
        }
    });
    let content = fs::read_to_string(&path).unwrap();
    assert_eq!(content.matches("line number").count(), 20);
    let failures = content.matches("[ERR] unable to rotate the log file, will try again").count();
    assert!((1..6).contains(&failures), "{content}");
}

#[test]
fn reopen_follows_a_moved_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("vagus.log"), dir.path().join("old"));
    logged(to_file(&path, 0, 0), |control, _| {
        info!("one");
        fs::rename(&path, &moved).unwrap();
        info!("two");
        assert!(control.reopen().unwrap());
        info!("three");
        control.apply(untimed()).unwrap();
        assert!(!control.reopen().unwrap());
        assert_eq!(control.lost_lines(), 0);
    });
    assert_eq!(fs::read_to_string(&moved).unwrap().lines().count(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), head("INF") + "three\n");
}

#[test]
fn a_file_that_can_not_be_opened_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    logged(untimed(), |control, out| {
        let bad = to_file(&dir.path().join("no/such/dir/x.log"), 0, 0);
        let error = control.apply(LogConfig { debug: true, ..bad }).unwrap_err().to_string();
        assert!(error.starts_with("error opening log file"), "{error}");
        debug!("still off");
        info!("still here");
        assert_eq!(out.lines(), [head("INF") + "still here"]);
    });
}

//! `vagus -sl order[=target]`: finds servers and signals them.
//!
//! The target is a process id, the path of a pid file, or the beginning of several ids with a star;
//! without one, the only server that runs.

use std::{fs, path::Path};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::cli::PROGRAM;

/// Why not every server that was meant has got its signal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("no {PROGRAM} processes running")]
    NoneRunning,
    /// One id a line.
    #[error("multiple {PROGRAM} processes running:\n{0}")]
    SeveralRunning(String),
    #[error("invalid pid: {0}")]
    InvalidPid(String),
    #[error("unknown signal {0:?}")]
    UnknownOrder(String),
    #[error("signal {order:?} {pid}: {why}")]
    NotSent { order: String, pid: i32, why: String },
}

/// Sends the signal that `order` names to the servers that `target` names. All of them are tried;
/// the first error is returned.
pub(crate) fn send(order: &str, target: &str) -> Result<(), SendError> {
    let pids = resolve(target, &running(Path::new("/proc")))?;
    let signal = by_name(order).ok_or_else(|| SendError::UnknownOrder(order.to_owned()))?;
    let results: Vec<_> = pids.into_iter().map(|pid| (pid, kill_process(pid, signal))).collect();
    for (pid, result) in results {
        result.map_err(|errno| SendError::NotSent {
            order: order.to_owned(),
            pid: pid.as_raw_nonzero().get(),
            why: match errno {
                Errno::SRCH => "no such process".to_owned(),
                Errno::PERM => "operation not permitted".to_owned(),
                other => other.to_string(),
            },
        })?;
    }
    Ok(())
}

fn by_name(order: &str) -> Option<Signal> {
    Some(match order {
        "stop" => Signal::KILL,
        "quit" => Signal::INT,
        "term" => Signal::TERM,
        "reopen" => Signal::USR1,
        "ldm" => Signal::USR2,
        "reload" => Signal::HUP,
        _ => return None,
    })
}

/// The processes that `target` names, given the ids of the servers that run.
fn resolve(target: &str, running: &[i32]) -> Result<Vec<Pid>, SendError> {
    let chosen: Vec<i32> = match target.strip_suffix('*') {
        Some(prefix) if prefix.bytes().all(|b| b.is_ascii_digit()) => {
            running.iter().copied().filter(|pid| pid.to_string().starts_with(prefix)).collect()
        }
        None if target.is_empty() && running.len() > 1 => {
            let list = running.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            return Err(SendError::SeveralRunning(list));
        }
        None if target.is_empty() => running.to_vec(),
        _ => return one(target).map(|pid| vec![pid]),
    };
    if chosen.is_empty() {
        return Err(SendError::NoneRunning);
    }
    Ok(chosen.into_iter().filter_map(Pid::from_raw).collect())
}

/// A process id, or a file that holds one. Zero and negative numbers are refused: to kill(2) they
/// mean whole groups of processes, or all of them.
fn one(target: &str) -> Result<Pid, SendError> {
    let number = |text: &str| match text.trim().parse::<i32>() {
        Ok(pid @ 1..) => Pid::from_raw(pid),
        _ => None,
    };
    number(target)
        .or_else(|| number(&fs::read_to_string(target).ok()?))
        .ok_or_else(|| SendError::InvalidPid(target.to_owned()))
}

/// The ids of other processes that serve under our name, ascending.
fn running(proc: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(proc) else { return Vec::new() };
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            (pid != own && serves(&entry.path())).then_some(pid)
        })
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether a process has our name and is no sub-command that does something else than serving (a
/// signal would only kill it), nor a zombie (it has no command line).
fn serves(process: &Path) -> bool {
    let named = fs::read(process.join("comm")).is_ok_and(|comm| comm.trim_ascii_end() == b"vagus");
    let Some(cmdline) = fs::read(process.join("cmdline")).ok().filter(|_| named) else {
        return false;
    };
    let first = cmdline.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    !cmdline.is_empty() && !matches!(first, b"bench" | b"config" | b"check")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn raw(found: Result<Vec<Pid>, SendError>) -> Result<Vec<i32>, String> {
        found
            .map(|pids| pids.iter().map(|pid| pid.as_raw_nonzero().get()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn targets() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        fs::write(at("good.pid"), "77").unwrap();
        fs::write(at("line.pid"), "78\n").unwrap();
        fs::write(at("bad.pid"), "many").unwrap();
        fs::write(at("all.pid"), "-1").unwrap();
        let none = Err("no vagus processes running".to_owned());
        let invalid = |target: &str| Err(format!("invalid pid: {target}"));
        for (target, running, expected) in [
            ("", &[][..], none.clone()),
            ("", &[5], Ok(vec![5])),
            ("", &[5, 9], Err("multiple vagus processes running:\n5\n9".to_owned())),
            ("7", &[5, 9], Ok(vec![7])),
            ("12*", &[5, 12, 123, 312], Ok(vec![12, 123])),
            ("*", &[5, 9], Ok(vec![5, 9])),
            ("4*", &[5, 9], none),
            ("x*", &[5], invalid("x*")),
            ("/nope", &[5], invalid("/nope")),
            ("0", &[5], invalid("0")),
            ("-1", &[5], invalid("-1")),
            ("1.5", &[5], invalid("1.5")),
            (&at("good.pid"), &[5], Ok(vec![77])),
            (&at("line.pid"), &[5], Ok(vec![78])),
            (&at("bad.pid"), &[5], invalid(&at("bad.pid"))),
            (&at("all.pid"), &[5], invalid(&at("all.pid"))),
        ] {
            assert_eq!(raw(resolve(target, running)), expected, "{target}");
        }
    }

    #[test]
    fn servers_are_told_from_other_processes() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, comm: &str, cmdline: &str| {
            let dir = proc.path().join(pid);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("comm"), comm).unwrap();
            fs::write(dir.join("cmdline"), cmdline.replace(' ', "\0")).unwrap();
        };
        process("30", "vagus\n", "/usr/bin/vagus -c a.conf ");
        process("4", "vagus\n", "vagus ");
        process("5", "vagus\n", "vagus bench pub ");
        process("6", "vagus\n", "");
        process("7", "vagus-like\n", "vagus-like ");
        process("self", "vagus\n", "vagus ");
        assert_eq!(running(proc.path()), [4, 30]);
    }

    /// Not `reload`: under nohup, children ignore that signal from birth.
    #[test]
    fn a_process_gets_the_signal() {
        use std::os::unix::process::ExitStatusExt;
        for (order, number) in [("term", 15), ("reopen", 10), ("stop", 9)] {
            let mut child = Command::new("sleep").arg("60").spawn().unwrap();
            send(order, &child.id().to_string()).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(number), "{order}");
        }
    }

    #[test]
    fn errors_have_the_texts_of_nats() {
        let own = std::process::id().to_string();
        assert_eq!(send("bogus", &own).unwrap_err().to_string(), "unknown signal \"bogus\"");
        // Above the largest id that Linux gives.
        let gone = send("reload", "4194305").unwrap_err().to_string();
        assert_eq!(gone, "signal \"reload\" 4194305: no such process");
    }
}

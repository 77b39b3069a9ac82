//! What processes use: CPU time and memory of the server from `/proc`, CPU time of the generator.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::error::BenchError;
use crate::metrics::Metrics;

/// What the server processes have used so far, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    user_ticks: u64,
    system_ticks: u64,
    pub(crate) rss_bytes: u64,
    rss_peak_bytes: u64,
}

/// Usage before the measured window; [`Spent::push_to`] compares.
#[derive(Debug)]
pub(crate) struct Window {
    pids: Vec<u32>,
    pub(crate) before: Usage,
    generator_before_seconds: f64,
}

impl Window {
    pub(crate) fn open(pids: &[u32]) -> Result<Self, BenchError> {
        Ok(Self {
            pids: pids.to_vec(),
            before: Usage::of(pids)?,
            generator_before_seconds: generator_cpu_seconds(),
        })
    }

    /// Usage since the window opened.
    pub(crate) fn close(self) -> Result<Spent, BenchError> {
        let generator_seconds = generator_cpu_seconds() - self.generator_before_seconds;
        let after = Usage::of(&self.pids)?;
        Ok(Spent { measured: !self.pids.is_empty(), before: self.before, after, generator_seconds })
    }
}

/// What a window cost.
#[derive(Debug)]
pub(crate) struct Spent {
    pub(crate) measured: bool,
    before: Usage,
    pub(crate) after: Usage,
    generator_seconds: f64,
}

impl Spent {
    /// User and system time of the server.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let (user, system) = self.cpu_parts();
        user + system
    }

    fn cpu_parts(&self) -> (f64, f64) {
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        let seconds = |after: u64, before: u64| after.saturating_sub(before) as f64 / per_second;
        (
            seconds(self.after.user_ticks, self.before.user_ticks),
            seconds(self.after.system_ticks, self.before.system_ticks),
        )
    }

    /// Adds the figures of the server (if there was a pid) and of the generator.
    pub(crate) fn push_to(&self, metrics: &mut Metrics, msgs: u64) {
        if self.measured {
            let (user, system) = self.cpu_parts();
            metrics.push("server_cpu_seconds", user + system);
            metrics.push("server_cpu_user_seconds", user);
            metrics.push("server_cpu_system_seconds", system);
            if msgs > 0 {
                let per_million = (user + system) / (msgs as f64 / 1e6);
                metrics.push("server_cpu_seconds_per_million_msgs", per_million);
            }
            metrics.push_count("server_rss_before_bytes", self.before.rss_bytes);
            metrics.push_count("server_rss_bytes", self.after.rss_bytes);
            metrics.push_count("server_rss_peak_bytes", self.after.rss_peak_bytes);
        }
        metrics.push("generator_cpu_seconds", self.generator_seconds);
    }
}

impl Usage {
    /// The sum over `pids`; nothing of no pids.
    pub(crate) fn of(pids: &[u32]) -> Result<Self, BenchError> {
        let mut sum = Self::default();
        for &pid in pids {
            let error = |reason: String| BenchError::Process { pid, reason };
            let read = |name: &str| {
                fs::read_to_string(format!("/proc/{pid}/{name}")).map_err(|e| error(e.to_string()))
            };
            let (user, system) = parse_stat(&read("stat")?)
                .ok_or_else(|| error("stat has no CPU times".to_owned()))?;
            let (rss, peak) = parse_status(&read("status")?)
                .ok_or_else(|| error("status has no VmRSS (the process has ended)".to_owned()))?;
            sum.user_ticks += user;
            sum.system_ticks += system;
            sum.rss_bytes += rss;
            sum.rss_peak_bytes += peak;
        }
        Ok(sum)
    }
}

/// `utime` and `stime` of `/proc/PID/stat`. The second field, the name in parentheses, may itself
/// hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let after_name = &text[text.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace();
    // The state is field 3, so utime (14) and stime (15) are the 12th and 13th from here.
    let user = fields.nth(11)?.parse().ok()?;
    Some((user, fields.next()?.parse().ok()?))
}

/// `VmRSS` and `VmHWM` of `/proc/PID/status`, in bytes.
fn parse_status(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// CPU time of this process, all threads, those that ended included.
fn generator_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Lets this process open `needed` files, if the hard limit allows.
pub(crate) fn allow_open_files(needed: u64) -> Result<(), BenchError> {
    let mut limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let hard = limits.maximum.unwrap_or(u64::MAX);
    if hard < needed {
        return Err(BenchError::OpenFiles { needed, limit: hard });
    }
    limits.current = Some(needed);
    setrlimit(Resource::Nofile, limits)
        .map_err(|_| BenchError::OpenFiles { needed, limit: limits.current.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_a_difficult_name() {
        let stat = "77 (a) b) (c) S 1 77 77 0 -1 4194560 100 0 0 0 321 45 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_stat(stat), Some((321, 45)));
        assert_eq!(parse_stat("77 (x) S 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn status_is_in_bytes() {
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    20 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(parse_status(status), Some((12 * 1024, 20 * 1024)));
        assert_eq!(parse_status("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let own = std::process::id();
        let window = Window::open(&[own]).unwrap();
        let mut sum = 0u64;
        let since = std::time::Instant::now();
        while since.elapsed().as_millis() < 60 {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert_ne!(sum, 1);
        let spent = window.close().unwrap();
        assert!(spent.after.rss_bytes > 0);
        let mut metrics = Metrics::default();
        spent.push_to(&mut metrics, 1_000_000);
        assert!(metrics.get("generator_cpu_seconds").unwrap() > 0.01);
        assert_eq!(
            metrics.get("server_cpu_seconds"),
            metrics.get("server_cpu_seconds_per_million_msgs")
        );
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(matches!(Usage::of(&[u32::MAX]), Err(BenchError::Process { .. })));
    }

    #[test]
    fn open_files_have_a_limit() {
        assert!(allow_open_files(1).is_ok());
        if getrlimit(Resource::Nofile).maximum.is_some() {
            assert!(matches!(allow_open_files(u64::MAX), Err(BenchError::OpenFiles { .. })));
        }
    }
}

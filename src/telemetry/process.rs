//! What this process uses: resident memory, CPU, cores, and since when.
//!
//! Read from `/proc` (a few microseconds, no allocation by the kernel, safe on an arbiter). On a
//! system without `/proc` memory and CPU read as zero.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::text::Uptime;

/// The kernel's clock tick as seen by user space: 100 a second on every Linux we build for.
const TICKS_PER_SEC: f64 = 100.0;
/// A CPU figure over less than this is mostly rounding: the last figure is repeated instead.
const SAMPLE_MIN: Duration = Duration::from_secs(1);

/// Watches this process from the moment it is made; make one when the server starts.
#[derive(Debug)]
pub struct Process {
    started: SystemTime,
    born: Instant,
    last: Mutex<Sample>,
}

/// What the process uses now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Resident memory.
    pub rss_bytes: u64,
    /// Percent of one core (200 = two cores busy), user and system, between the last two samples
    /// that were at least a second apart.
    pub cpu_percent: f64,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    ticks: u64,
    percent: f64,
}

// === impl Process ===

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Process {
    /// Starts watching: uptime and CPU count from here.
    pub fn new() -> Self {
        let born = Instant::now();
        let last = Sample { at: born, ticks: cpu_ticks(), percent: 0.0 };
        Self { started: SystemTime::now(), born, last: Mutex::new(last) }
    }

    /// When watching began.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// How long ago that is, by a clock that never jumps.
    pub fn uptime(&self) -> Uptime {
        Uptime(self.born.elapsed())
    }

    /// Cores that this process may run on (1 if that cannot be told).
    pub fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Present memory, and CPU since the previous call that was at least a second ago.
    pub fn usage(&self) -> Usage {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.at.elapsed() >= SAMPLE_MIN {
            last.advance(Instant::now(), cpu_ticks());
        }
        Usage { rss_bytes: rss_bytes(), cpu_percent: last.percent }
    }
}

impl Sample {
    fn advance(&mut self, now: Instant, ticks: u64) {
        let wall = now.duration_since(self.at).as_secs_f64();
        let busy = ticks.saturating_sub(self.ticks) as f64 / TICKS_PER_SEC;
        let percent = if wall > 0.0 { 100.0 * busy / wall } else { 0.0 };
        // One decimal, as ps prints it.
        *self = Self { at: now, ticks, percent: (percent * 10.0).round() / 10.0 };
    }
}

fn rss_bytes() -> u64 {
    fs::read_to_string("/proc/self/status").ok().and_then(|s| parse_rss(&s)).unwrap_or(0)
}

fn cpu_ticks() -> u64 {
    fs::read_to_string("/proc/self/stat").ok().and_then(|s| parse_ticks(&s)).unwrap_or(0)
}

/// The `VmRSS:   1234 kB` line of `/proc/<pid>/status`, in bytes.
fn parse_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib * 1024)
}

/// User plus system ticks, fields 14 and 15 of `/proc/<pid>/stat`. The second field is the
/// program's name in brackets and may itself hold blanks and brackets, so counting starts after the
/// last one.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_shift_the_fields() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("42 (x) S 1"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(parse_rss("VmPeak:\t 10 kB\nVmRSS:\t    2048 kB\n"), Some(2048 * 1024));
        assert_eq!(parse_rss("VmPeak:\t 10 kB\n"), None);
    }

    #[test]
    fn cpu_is_the_share_between_two_samples() {
        let start = Instant::now();
        let mut sample = Sample { at: start, ticks: 100, percent: 0.0 };
        sample.advance(start + Duration::from_secs(2), 400);
        assert_eq!(sample.percent, 150.0);
        sample.advance(start + Duration::from_secs(5), 401);
        assert_eq!(sample.percent, 0.3);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let process = Process::new();
        assert!(process.usage().rss_bytes > 100_000);
        assert!(process.cores() >= 1);
        assert_eq!(process.uptime().to_string(), "0s");
    }
}

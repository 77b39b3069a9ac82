//! `disk`: what a write costs that is on the disk when it returns. No server takes part: it is
//! what a server that syncs before it acks has to be measured by.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::api::random_name;
use super::args::JsDiskArgs;
use crate::error::BenchError;
use crate::metrics::{Metrics, new_histogram};
use crate::report::Outcome;
use crate::shapes::{Context, Shape, push_rates};

/// What is written over, unless a write is larger.
const FILE_BYTES: u64 = 64 << 20;
const CHUNK_BYTES: usize = 1 << 20;

/// A file that is gone when this is.
struct Scratch {
    file: File,
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Shape for JsDiskArgs {
    fn name(&self) -> &'static str {
        "js disk"
    }

    fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("dir", Value::from(self.dir.display().to_string())),
            ("write_bytes", Value::from(self.write_bytes)),
            ("writes", Value::from(self.writes)),
            ("append", Value::from(self.append)),
        ]
    }

    fn check(&self) -> Result<(), BenchError> {
        Ok(())
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome, BenchError> {
        context.progress.begin("writes", self.writes);
        self.measure(context)
            .map_err(|source| BenchError::Disk { path: self.dir.display().to_string(), source })?
    }
}

impl JsDiskArgs {
    fn measure(&self, context: &Context<'_>) -> io::Result<Result<Outcome, BenchError>> {
        let scratch = self.open()?;
        let mut latencies = match new_histogram() {
            Ok(latencies) => latencies,
            Err(error) => return Ok(Err(error)),
        };
        let write_len = usize::try_from(self.write_bytes).unwrap_or(usize::MAX);
        let mut bytes: Vec<u8> = (b'a'..=b'z').cycle().take(write_len).collect();
        let room = FILE_BYTES.max(self.write_bytes);
        let start = Instant::now();
        for number in 0..self.writes {
            // No two writes alike, lest a clever disk save itself the work.
            let stamp = number.to_le_bytes();
            let len = stamp.len().min(bytes.len());
            bytes[..len].copy_from_slice(&stamp[..len]);
            let places = if self.append { u64::MAX } else { room / self.write_bytes };
            let begin = Instant::now();
            scratch.file.write_all_at(&bytes, number % places * self.write_bytes)?;
            scratch.file.sync_data()?;
            let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latencies.saturating_record(nanos);
            context.progress.set(number);
        }
        let duration = start.elapsed();
        let mut metrics = Metrics::default();
        push_rates(&mut metrics, self.writes, duration, write_len);
        metrics.push_latencies(&latencies);
        Ok(Ok(Outcome { server_version: "-".to_owned(), metrics }))
    }

    /// A file in the directory: of its full size and synced, or empty for `--append`.
    fn open(&self) -> io::Result<Scratch> {
        let path = self.dir.join(format!("vagus-bench-{}", random_name(8)));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let scratch = Scratch { file, path };
        if !self.append {
            let zeros = vec![0; CHUNK_BYTES];
            let len = FILE_BYTES.max(self.write_bytes);
            let mut at = 0;
            while at < len {
                scratch.file.write_all_at(&zeros, at)?;
                at += CHUNK_BYTES as u64;
            }
        }
        scratch.file.sync_all()?;
        Ok(scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(dir: PathBuf, append: bool) -> JsDiskArgs {
        JsDiskArgs { dir, write_bytes: 512, writes: 3, append }
    }

    #[test]
    fn the_file_goes_again() {
        let dir = std::env::temp_dir().join(format!("vagus-bench-disk-{}", random_name(8)));
        std::fs::create_dir(&dir).unwrap();
        for append in [false, true] {
            let scratch = args(dir.clone(), append).open().unwrap();
            let expected = if append { 0 } else { FILE_BYTES };
            assert_eq!(scratch.file.metadata().unwrap().len(), expected);
            assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
            drop(scratch);
            assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
        }
        std::fs::remove_dir(&dir).unwrap();
        assert!(args(dir, false).open().is_err(), "no directory");
    }
}

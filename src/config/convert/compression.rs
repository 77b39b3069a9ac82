//! Compression of links.

use std::time::Duration;

use super::{Builder, read};
use crate::config::Compression;
use crate::duration;
use crate::value::{Node, Value};

/// One for each mode that compresses, and one for the one that does not.
const RTTS_MAX: usize = 4;

impl Builder {
    /// A switch, the name of a mode, or a block; `on` is what is meant by yes.
    pub(super) fn compression(&mut self, node: &Node, on: Compression) -> Option<Compression> {
        match &node.value {
            Value::Bool(true) => Some(on),
            Value::Bool(false) => Some(Compression::Off),
            Value::Text(mode) => self.compression_mode(node, mode, on),
            Value::Map(map) => {
                let (mut mode, mut times) = (None, Vec::new());
                for (name, node) in map.iter() {
                    match (name.to_lowercase().as_str(), &node.value) {
                        ("mode", Value::Text(text)) => {
                            mode = self.compression_mode(node, text, on.clone());
                        }
                        ("mode", _) => {}
                        (_, value) => times = self.thresholds(node, &read::texts(value)),
                    }
                }
                match mode {
                    Some(Compression::Auto(_)) if !times.is_empty() => {
                        self.check_thresholds(node, times).map(Compression::Auto)
                    }
                    mode => mode,
                }
            }
            _ => None,
        }
    }

    fn compression_mode(
        &mut self,
        node: &Node,
        text: &str,
        on: Compression,
    ) -> Option<Compression> {
        let mode = Compression::named(text, on);
        if mode.is_none() {
            self.error(node, format!("unsupported compression mode {text:?}"));
        }
        mode
    }

    /// Those of `s2_auto` rise, but for zeros.
    fn check_thresholds(&mut self, node: &Node, mut times: Vec<Duration>) -> Option<Vec<Duration>> {
        let rising = |pair: &[Duration]| pair[0] <= pair[1];
        let set: Vec<_> = times.iter().copied().filter(|time| !time.is_zero()).collect();
        let why = if set.is_empty() {
            "compression mode \"s2_auto\" requires at least one RTT threshold".to_owned()
        } else if !set.windows(2).all(rising) {
            format!("RTT threshold values {times:?} should be in ascending order")
        } else {
            let used = times.iter().rposition(|time| !time.is_zero()).map_or(0, |last| last + 1);
            times.truncate(used);
            if times.len() <= RTTS_MAX {
                return Some(times);
            }
            format!(
                "compression mode \"s2_auto\" should have no more than {RTTS_MAX} RTT thresholds: \
                 {times:?}"
            )
        };
        self.error(node, why);
        None
    }

    fn thresholds(&mut self, node: &Node, texts: &[&str]) -> Vec<Duration> {
        let mut times = Vec::new();
        for text in texts {
            match duration::parse(text).ok().map(u64::try_from) {
                Some(Ok(nanos)) => times.push(Duration::from_nanos(nanos)),
                _ => self.error(node, format!("invalid round trip time {text:?}")),
            }
        }
        times
    }
}

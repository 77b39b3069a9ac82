//! The stream as a consumer sees it: its filters, how much is to come, where policies begin.

use std::sync::{Arc, LazyLock};

use vagus_jetstream::consumer::ConsumerConfig;
use vagus_store::{Filter, PendingCache, Reader};

use super::start::History;

/// See the module's text.
#[derive(Default)]
pub(super) struct Source {
    filter: Arc<Filter>,
    cache: PendingCache,
}

/// A stream's past, for a consumer with these filters.
pub(super) struct Past<'a> {
    pub reader: &'a Reader,
    pub filter: &'a Filter,
}

// === impl Source ===

impl Source {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        Self { filter: filter(config), ..Self::default() }
    }

    pub(super) fn filter(&self) -> Arc<Filter> {
        Arc::clone(&self.filter)
    }

    /// Messages that pass the filters behind `after`.
    pub(super) fn pending(&mut self, reader: &Reader, after: u64) -> u64 {
        reader.pending(&mut self.cache, after, &self.filter)
    }
}

/// The filter of a configuration; those that want everything share one.
fn filter(config: &ConsumerConfig) -> Arc<Filter> {
    static ALL: LazyLock<Arc<Filter>> = LazyLock::new(|| Arc::new(Filter::all()));
    if config.filters().is_empty() {
        return Arc::clone(&ALL);
    }
    Arc::new(Filter::any(config.filters().iter().map(String::as_bytes)))
}

// === impl Past ===

impl History for Past<'_> {
    fn first_seq(&self) -> u64 {
        self.reader.state().first_seq
    }

    fn last_seq(&self) -> u64 {
        // What is not committed was not acknowledged to its publisher, and so is to come.
        self.reader.committed()
    }

    fn last_matching(&self) -> Option<u64> {
        self.reader.last_matching(u64::MAX, self.filter)
    }

    fn since(&self, time_ns: i64) -> u64 {
        self.reader.seq_at_time(time_ns).unwrap_or(self.last_seq() + 1)
    }

    fn last_per_subject(&self) -> Vec<u64> {
        // Cannot be too many: there is no limit.
        self.reader.last_of_each(u64::MAX, self.filter, usize::MAX).unwrap_or_default()
    }
}

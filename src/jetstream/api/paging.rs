//! Long lists come in pages.

use serde::{Deserialize, Serialize};

/// Names in a page.
pub const NAMES_PAGE: u64 = 1024;
/// Streams or consumers with all there is to say in a page.
pub const LIST_PAGE: u64 = 256;
/// Subjects of a stream in a page.
pub const SUBJECTS_PAGE: u64 = 100_000;

/// Which part of how much a response shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Of all pages.
    pub total: u64,
    /// Of the first entry shown.
    pub offset: u64,
    pub limit: u64,
}

// === impl Page ===

impl Page {
    /// The page of `limit` entries out of `total` that a request for `offset` shows: behind the end
    /// it is empty, before the start it is the first.
    #[must_use]
    pub fn at(offset: i64, total: usize, limit: u64) -> Page {
        let total = total as u64;
        Page { total, offset: u64::try_from(offset).unwrap_or(0).min(total), limit }
    }

    /// The indices of the entries shown.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        let end = self.offset.saturating_add(self.limit).min(self.total);
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        index(self.offset)..index(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_within_the_list() {
        let range = |offset, total| Page::at(offset, total, 10).range();
        assert_eq!(range(0, 0), 0..0);
        assert_eq!(range(-5, 3), 0..3);
        assert_eq!(range(5, 30), 5..15);
        assert_eq!(range(25, 30), 25..30);
        assert_eq!(range(99, 30), 30..30);
        assert_eq!(range(i64::MAX, 30), 30..30);
    }
}

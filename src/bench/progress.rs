//! The progress bar: only where a person watches.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(100);

/// A bar on stderr, or nothing when stderr is no terminal or the output is for a script.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    /// Starts over; `total` 0 when it is not known.
    pub(crate) fn begin(&self, what: &'static str, total: u64) {
        self.bar.reset();
        self.bar.set_message(what);
        let template = if total > 0 {
            self.bar.set_length(total);
            "{msg} {wide_bar} {human_pos}/{human_len} {per_sec}"
        } else {
            self.bar.unset_length();
            "{msg} {spinner} {human_pos} {per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    pub(crate) fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Shows `position()` until `is_over()`; costs nothing when nobody watches.
    pub(crate) fn watch(&self, is_over: impl Fn() -> bool, position: impl Fn() -> u64) {
        if self.bar.is_hidden() {
            return;
        }
        while !is_over() {
            self.bar.set_position(position());
            crate::clock::sleep(REDRAW);
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

//! What few connections have: behind one pointer, so that the others pay for no more than that.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::delivery::Answers;

/// See the module's text. Changed by the connection's owner alone.
#[derive(Default)]
pub(super) struct Extras(ArcSwapOption<Extra>);

#[derive(Clone, Default)]
struct Extra {
    /// What the other side calls itself.
    name: Box<str>,
    /// What the client may answer, where that is less than everything.
    answers: Option<Arc<Answers>>,
}

impl Extras {
    pub(super) fn answers(&self) -> Option<Arc<Answers>> {
        self.0.load().as_ref()?.answers.clone()
    }

    pub(super) fn set_answers(&self, answers: Option<Answers>) {
        self.change(|extra| extra.answers = answers.map(Arc::new));
    }

    pub(super) fn name(&self) -> Option<String> {
        let extra = self.0.load();
        extra.as_ref().map(|extra| extra.name.to_string()).filter(|name| !name.is_empty())
    }

    pub(super) fn set_name(&self, name: &str) {
        if self.name().unwrap_or_default() != name {
            self.change(|extra| extra.name = name.into());
        }
    }

    fn change(&self, change: impl FnOnce(&mut Extra)) {
        let mut extra = self.0.load_full().map_or_else(Extra::default, |one| (*one).clone());
        change(&mut extra);
        self.0.store(Some(Arc::new(extra)));
    }
}

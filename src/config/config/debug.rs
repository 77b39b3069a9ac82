//! `Debug` for [`Config`]: only what differs from the default, and no secrets. The blocks of
//! plugins are free-form and may hold secrets, so that only their names are shown.

use std::fmt;

use super::Config;
use crate::diff::differences;

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Config");
        for (key, value) in differences(&Config::default(), self) {
            shown.field(key, &format_args!("{value}"));
        }
        shown.finish()
    }
}

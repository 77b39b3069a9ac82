//! Links: two actors of which neither makes sense without the other.

use crate::{cell::ActorCell, handle::Control};

/// When one of the two ends for good, however it ends, the other is stopped too.
///
/// A restart does not count. Parents and children need no link: children end with their parent.
pub fn link(a: &ActorCell, b: &ActorCell) {
    // Each refuses the link when it has ended already: then the other one ends now.
    if !a.add_link(b.id()) {
        stop(b);
    } else if !b.add_link(a.id()) {
        a.remove_link(b.id());
        stop(a);
    }
}

/// Carries the end of `cell` over to those it was linked with.
pub(crate) fn release(cell: &ActorCell, links: Vec<crate::cell::ActorId>) {
    for id in links {
        if let Some(port) = cell.core().registry.port(id) {
            port.cell().remove_link(cell.id());
            port.control(Control::Stop);
        }
    }
}

fn stop(cell: &ActorCell) {
    if let Some(port) = cell.core().registry.port(cell.id()) {
        port.control(Control::Stop);
    }
}

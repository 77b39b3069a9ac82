//! Panics inside actors: caught at the edge of each turn, and told with message and place.
//!
//! actix would let the panic unwind through its context, which ends the mailbox for good. So
//! each call into a role is guarded here, and what surrounds it (context, mailbox, accounting)
//! never unwinds. The process-wide hook stays as it was for every other panic; for one inside
//! an actor it only remembers where it happened, and the supervisor logs it with the path.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

thread_local! {
    /// Whether this thread is inside a guarded call.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// The latest panic of a guarded call on this thread: its message, and where.
    static LATEST: RefCell<Option<Told>> = const { RefCell::new(None) };
}

struct Told {
    message: String,
    place: String,
}

/// Calls `f`; a panic inside comes back as its cause, "message (file:line)".
///
/// Unwind safety: callers throw away everything that `f` could have left half changed.
pub(crate) fn guard<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outer);
    result.map_err(cause)
}

/// Drops `value`; a panic in its `Drop` is logged and goes no further.
pub(crate) fn discard<T>(value: T) {
    if let Err(cause) = guard(|| drop(value)) {
        tracing::error!(%cause, "panic while dropping what an actor left behind");
    }
}

/// Installs the hook once a process, in front of the one that is there.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // `try_with`: a thread that is being torn down has no actors any more.
            if GUARDED.try_with(Cell::get).unwrap_or(false) {
                remember(info);
            } else {
                previous(info);
            }
        }));
    });
}

fn remember(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("panic without a message").to_owned();
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
    let told = Told { message, place: place.unwrap_or_else(|| "unknown place".to_owned()) };
    let _ = LATEST.try_with(|latest| {
        if let Ok(mut latest) = latest.try_borrow_mut() {
            *latest = Some(told);
        }
    });
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!(%backtrace, "back trace of a panic inside an actor");
    }
}

fn cause(payload: Box<dyn Any + Send>) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned());
    let told = LATEST.try_with(|latest| latest.try_borrow_mut().ok().and_then(|mut l| l.take()));
    // A payload may have a `Drop` of its own, and that may panic too.
    discard_payload(payload);
    match told.ok().flatten() {
        // `resume_unwind` calls no hook, so what is remembered may be about another panic.
        Some(told) if told.message == message => format!("{message} ({})", told.place),
        _ => message,
    }
}

fn discard_payload(payload: Box<dyn Any + Send>) {
    let outer = GUARDED.replace(true);
    if let Err(another) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Not worth a third chance.
        std::mem::forget(another);
    }
    GUARDED.set(outer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_has_message_and_place() {
        install_hook();
        let line = line!() + 1;
        let cause = guard(|| panic!("lost {}", 7)).unwrap_err();
        assert_eq!(cause, format!("lost 7 ({}:{line})", file!()));
        assert_eq!(guard(|| 3), Ok(3));
    }

    #[test]
    fn a_resumed_panic_is_not_confused_with_an_earlier_one() {
        install_hook();
        let cause = guard(|| {
            let _ = panic::catch_unwind(|| panic!("first"));
            panic::resume_unwind(Box::new("second"));
        });
        assert_eq!(cause.unwrap_err(), "second");
    }

    #[test]
    fn a_panicking_payload_is_survived() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the payload");
            }
        }
        install_hook();
        let cause = guard(|| panic::panic_any(Bomb)).unwrap_err();
        assert!(cause.starts_with("panic without a message"), "{cause}");
    }
}

//! The thin layer over actix: what a role is made of, where it lives, and who watches over it.
//!
//! actix gives mailboxes and arbiters (one thread, one event loop each). Three things it does not
//! give are here: actors that survive a panic, mailboxes with a bound that holds, and a way to
//! see who is alive. Nothing else in Vagus drives actix itself.
//!
//! ```
//! use vagus_runtime::{Actor, Cx, Handler, Message, Runtime, RuntimeConfig, Spec};
//!
//! struct Counter(u64);
//! struct Add(u64, std::sync::mpsc::Sender<u64>);
//!
//! impl Message for Add {}
//! impl Actor for Counter {
//!     const KIND: &'static str = "counter";
//! }
//! impl Handler<Add> for Counter {
//!     fn handle(&mut self, Add(n, tell): Add, _: &mut Cx<'_, Self>) {
//!         self.0 += n;
//!         let _ = tell.send(self.0);
//!     }
//! }
//!
//! let runtime = Runtime::start(RuntimeConfig { arbiters: 1, ..Default::default() })?;
//! let counter = runtime.spawn(Spec::new("visitors", || Counter(0)));
//! let (tell, told) = std::sync::mpsc::channel();
//! counter.send(Add(3, tell))?;
//! assert_eq!(told.recv()?, 3);
//! runtime.shutdown(std::time::Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What can be relied on
//! - **Failure.** A panic in a factory, `started`, a handler, a timer, a future or a poll function
//!   ends that incarnation and nothing else. The role and all that it had begun are dropped, its
//!   children stop, and after a back-off its factory makes the next one, on the same arbiter,
//!   behind the same handles. The message that did it is lost; those behind it wait in order.
//!   Beyond the [`Budget`] the actor is gone and its parent fails in turn, up to the top
//!   ([`RuntimeHandle::failed`]). An actor of [`Restart::Never`] fails alone.
//! - **Drop.** A `Drop` must not panic. One that does so on its own is survived; one that does so
//!   while another panic unwinds aborts the process, which no supervisor can prevent.
//! - **Mailboxes.** Depth and bytes hold exactly over all senders ([`MailboxLimits`]). Messages
//!   still there when an actor is gone for good are dropped: put a guard into those that matter.
//! - **Order.** Messages of one sender are handled in the order sent, over restarts too.
//!   [`Handle::stop`] comes after what was sent before, unless the actor is being made anew.
//! - **The tree.** Children end before their parents, and with each incarnation of theirs.
//!   A parent waits for [`RuntimeConfig::stop_within`] at most, then ends without them.
//!
//! # Table of contents
//! - `actor`: the traits of a role. `context`: what it can do in its turn. `task`: timers,
//!   futures, poll functions.
//! - `handle`: sending. `mailbox`: bounds. `cell`: what is known of an actor from outside.
//! - `spec`: how it is made. `cage`: the actix actor around it. `supervise`: its life.
//!   `panic`: how panics are caught and told. `link`: who ends with whom.
//! - `runtime`, `arbiter`: threads and placement. `registry`: who is alive.

mod actor;
mod arbiter;
mod cage;
mod cell;
pub mod cluster;
mod context;
mod handle;
mod link;
mod mailbox;
mod panic;
mod registry;
mod runtime;
mod spec;
mod supervise;
mod task;

pub use actor::{Actor, ChildEvent, Fate, Handler, Message};
pub use arbiter::{ArbiterId, Lease};
pub use cell::{ActorCell, ActorId, ActorState};
pub use context::Cx;
pub use handle::{Ended, Handle, Recipient, SendWait};
pub use link::link;
pub use mailbox::{MailboxLimits, SendError};
pub use registry::{ActorReport, MailboxReport, ObserveError, Registry};
pub use runtime::{Runtime, RuntimeConfig, RuntimeError, RuntimeHandle};
pub use spec::{Budget, Name, Placement, Restart, Spec};
pub use task::TaskId;

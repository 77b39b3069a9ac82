//! Messages that are schedules: what is asked of them when they come, and what they make when they
//! are due.

use vagus_jetstream::ApiError;
use vagus_jetstream::headers::PublishHeaders;
use vagus_runtime::Cx;

use super::plan::{Incoming, Plan};
use super::staged::Staged;
use super::state::State;
use super::{Life, Stream};

impl State {
    pub(super) fn check_schedule<'a>(
        &self,
        _incoming: Incoming<'a>,
        _marks: &PublishHeaders<'a>,
        _plan: &mut Plan<'a>,
        _now_ns: i64,
    ) -> Result<(), ApiError> {
        Ok(())
    }

    pub(super) fn check_schedule_end<'a>(
        &self,
        _incoming: Incoming<'a>,
        _marks: &PublishHeaders<'a>,
        _plan: &mut Plan<'a>,
        _staged: Option<&Staged>,
    ) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Life {
    pub(super) fn fire_schedules(&mut self, _now_ns: i64, _cx: &mut Cx<'_, Stream>) {}
}

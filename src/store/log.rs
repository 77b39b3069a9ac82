//! The log of a group. So far it only keeps what the write-ahead log hands it.

use std::any::Any;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::env::Env;
use crate::error::StoreError;
use crate::group::{Change, Done, Engine, Group, Replay, Saved};
use crate::table::{TableOp, codec};

pub(crate) struct Core {
    pub(crate) group: Arc<Group>,
    pub(crate) seen: Mutex<Vec<Bytes>>,
}

pub struct Log(pub(crate) Arc<Core>);

pub(crate) fn open(group: Arc<Group>, _env: &Arc<Env>, saved: Saved) -> io::Result<Arc<Core>> {
    let ops = saved.state.and_then(codec::decode).unwrap_or_default();
    let seen = ops.into_iter().map(|op| match op {
        TableOp::Put(record, _) | TableOp::Merge(record, _) | TableOp::Delete(record) => record,
    });
    Ok(Arc::new(Core { group, seen: Mutex::new(seen.collect()) }))
}

impl Core {
    pub(crate) fn writer(self: &Arc<Self>) -> Result<Log, StoreError> {
        Ok(Log(Arc::clone(self)))
    }
}

impl Log {
    pub(crate) fn put(&self, record: Bytes, done: Done) {
        let (core, kept) = (Arc::clone(&self.0), record.clone());
        let apply = Box::new(move || core.seen.lock().push(kept));
        let records = [record].into_iter().collect();
        let change = Change { records, mark: 1, apply: Some(apply), done, ..Change::default() };
        self.0.group.submit(change);
    }
}

impl Engine for Core {
    fn replay(&self, batch: Replay) {
        self.seen.lock().extend(batch.records);
    }

    fn capture(&self) -> Box<dyn Any + Send> {
        Box::new(self.seen.lock().clone())
    }

    fn secure(&self, captured: Box<dyn Any + Send>) -> io::Result<Bytes> {
        let seen = captured.downcast::<Vec<Bytes>>().map_err(|_| io::ErrorKind::InvalidInput)?;
        let ops: Vec<TableOp> = seen.into_iter().map(TableOp::Delete).collect();
        let mut bytes = BytesMut::new();
        codec::encode(&ops, &mut bytes);
        Ok(bytes.freeze())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn close(&self) {}
}

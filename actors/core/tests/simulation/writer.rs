//! The thread that writes rows: groups, a commit, a sync, and only then the word that they are durable.

use std::collections::VecDeque;
use std::sync::Arc;

use provisor_core::row::Row;

use crate::disk::DiskError;
use crate::faults::Fault;
use crate::office::Mail;
use crate::scenario::{MILLI, SECOND};
use crate::world::{Happening, World};

/// How long it waits before it tries a full disk again.
const AGAIN_AFTER: u64 = SECOND;

#[derive(Debug, Default)]
pub(crate) struct Writer {
    inbox: VecDeque<Arc<Row>>,
    group: Vec<Arc<Row>>,
    /// Rows of the group that are written, and where the group began.
    written: usize,
    began: usize,
    step: Step,
    is_stalled: bool,
    /// The order of what it tells.
    floor: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Writing,
    Syncing,
    Failed,
}

impl World {
    pub(crate) fn send_row(&mut self, row: Arc<Row>) {
        let at = self.now + self.latency();
        if self.is(Fault::CommitAfterCount) {
            self.writer_tells(Mail::Durable(1));
        }
        let Some(office) = &mut self.office else { return };
        office.writer.inbox.push_back(row);
        if office.writer.step == Step::Idle {
            office.writer.step = Step::Writing;
            self.post(at, Happening::WriterGoesOn);
        }
    }

    fn writer_tells(&mut self, mail: Mail) {
        let at = self.now + self.latency();
        let Some(office) = &mut self.office else { return };
        office.writer.floor = office.writer.floor.max(at);
        let at = office.writer.floor;
        self.post(at, Happening::Mail(mail));
    }

    /// One step: a row, the commit, or the sync. Somebody may die between any two.
    pub(crate) fn write(&mut self) {
        let most = self.dice.between(1, 8);
        let Some(office) = &mut self.office else { return };
        let writer = &mut office.writer;
        if writer.group.is_empty() {
            let n = usize::try_from(most).unwrap_or(1).min(writer.inbox.len());
            writer.group.extend(writer.inbox.drain(..n));
            (writer.began, writer.written) = (self.disk.len(), 0);
        }
        let done = match (writer.step, writer.group.get(writer.written)) {
            (Step::Writing, Some(row)) => {
                writer.written += 1;
                self.disk.write_row(row)
            }
            (Step::Writing, None) => {
                writer.step = Step::Syncing;
                self.disk.write_commit(writer.group.len())
            }
            (Step::Syncing, _) => return self.sync(),
            (Step::Idle | Step::Failed, _) => return,
        };
        match done {
            Ok(()) => self.writer_goes_on_after(MILLI),
            Err(DiskError::Full) => self.writer_stalls(),
            Err(DiskError::Broken) => self.writer_fails(),
        }
    }

    fn writer_goes_on_after(&mut self, within: u64) {
        let at = self.now + self.dice.below(within);
        self.post(at, Happening::WriterGoesOn);
    }

    fn sync(&mut self) {
        if self.is(Fault::AckBeforeSync) {
            self.committed();
            return;
        }
        match self.disk.sync(&mut self.dice) {
            Err(_) if !self.is(Fault::FailedSyncIgnored) => self.writer_fails(),
            _ => self.committed(),
        }
    }

    fn committed(&mut self) {
        let too_many = usize::from(self.is(Fault::OneRowTooManyAcknowledged));
        let ahead = self.is(Fault::CommitAfterCount);
        let Some(office) = &mut self.office else { return };
        let writer = &mut office.writer;
        let rows = writer.group.len() + too_many;
        writer.group.clear();
        writer.step = if writer.inbox.is_empty() { Step::Idle } else { Step::Writing };
        let (goes_on, was_stalled) = (writer.step == Step::Writing, std::mem::take(&mut writer.is_stalled));
        if was_stalled {
            self.writer_tells(Mail::Resumed);
        }
        if !ahead {
            self.writer_tells(Mail::Durable(rows));
        }
        if goes_on {
            self.writer_goes_on_after(20 * MILLI);
        }
    }

    /// The disk is full: back to where the group began, and once more after a while.
    fn writer_stalls(&mut self) {
        let Some(office) = &mut self.office else { return };
        let writer = &mut office.writer;
        self.disk.cut(writer.began);
        writer.written = 0;
        writer.step = Step::Writing;
        let is_news = !std::mem::replace(&mut writer.is_stalled, true);
        if is_news {
            self.writer_tells(Mail::Stalled);
        }
        self.post(self.now + AGAIN_AFTER, Happening::WriterGoesOn);
    }

    fn writer_fails(&mut self) {
        let Some(office) = &mut self.office else { return };
        office.writer.step = Step::Failed;
        self.writer_tells(Mail::WriteFailed);
    }
}

//! The thread that writes rows: groups, a commit, a sync, the tables that follow, and only then the word that the rows are
//! durable. Where there is no room it keeps what it has, says so first, and tries again.

use std::collections::VecDeque;
use std::sync::Arc;

use provisor_core::row::Row;

use crate::disk::DiskError;
use crate::faults::Fault;
use crate::office::{Mail, Office};
use crate::scenario::{MILLI, SECOND};
use crate::world::{Happening, World};

/// How long it waits before it tries a full disk again, unless another row comes before.
const AGAIN_AFTER: u64 = SECOND;

#[derive(Debug, Default)]
pub(crate) struct Writer {
    inbox: VecDeque<Arc<Row>>,
    /// Rows that were taken out of it and are not told to be durable.
    rows: VecDeque<Arc<Row>>,
    /// How many of them are one commit, how many of those are written, and where it began.
    group: usize,
    written: usize,
    began: usize,
    step: Step,
    /// There was no room for the one or the other, and this was told.
    stalled: Option<Lack>,
    /// The tables do not hold what the journal does.
    pub(crate) tables_are_behind: bool,
    /// Which of the moments at which it would go on is the one that counts.
    turn: u64,
    /// The order of what it tells.
    floor: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Writing,
    Syncing,
    Following,
    Failed,
}

/// For what there is no room: what is told of it is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Rows,
    Tables,
}

impl World {
    pub(crate) fn send_row(&mut self, row: Arc<Row>) {
        let within = self.latency();
        if self.is(Fault::CommitAfterCount) {
            self.writer_tells(Mail::Durable(1));
        }
        let Some(office) = &mut self.office else { return };
        // Of several that come one after the other the first wakes it.
        let is_first = office.writer.inbox.is_empty();
        office.writer.inbox.push_back(row);
        if is_first && office.writer.step == Step::Idle {
            self.writer_goes_on_at(self.now + within);
        }
    }

    fn writer_tells(&mut self, mail: Mail) {
        let at = self.now + self.latency();
        let Some(office) = &mut self.office else { return };
        office.writer.floor = office.writer.floor.max(at);
        let at = office.writer.floor;
        self.post(at, Happening::Mail(mail));
    }

    fn writer_goes_on_within(&mut self, time: u64) {
        let at = self.now + self.dice.below(time);
        self.writer_goes_on_at(at);
    }

    fn writer_goes_on_at(&mut self, at: u64) {
        let Some(office) = &mut self.office else { return };
        office.writer.turn += 1;
        let turn = office.writer.turn;
        self.post(at, Happening::WriterGoesOn(turn));
    }

    /// One step: a row, the commit, the sync, or the tables. Somebody may die between any two.
    pub(crate) fn write(&mut self, turn: u64) {
        let Some(office) = self.office.as_mut().filter(|office| office.writer.turn == turn) else { return };
        match office.writer.step {
            Step::Idle => self.gather(),
            Step::Writing => self.write_row(),
            Step::Syncing => self.sync(),
            Step::Following => self.follow(),
            Step::Failed => {}
        }
    }

    /// Takes what is there, and all of it while there is no room.
    fn gather(&mut self) {
        let most = usize::try_from(self.dice.between(1, 16)).unwrap_or(1);
        let Some(Office { writer, .. }) = &mut self.office else { return };
        let free = if writer.stalled.is_some() { usize::MAX } else { most };
        let n = free.min(writer.inbox.len());
        writer.rows.extend(writer.inbox.drain(..n));
        self.next_group();
    }

    fn next_group(&mut self) {
        let most = usize::try_from(self.dice.between(1, 8)).unwrap_or(1);
        let began = self.disk.len();
        let Some(Office { writer, .. }) = &mut self.office else { return };
        (writer.group, writer.written, writer.began) = (most.min(writer.rows.len()), 0, began);
        writer.step = if writer.group > 0 { Step::Writing } else { Step::Following };
        self.writer_goes_on_within(MILLI);
    }

    fn write_row(&mut self) {
        let Some(Office { writer, .. }) = &mut self.office else { return };
        let done = if writer.written < writer.group {
            writer.written += 1;
            self.disk.write_row(&writer.rows[writer.written - 1])
        } else {
            writer.step = Step::Syncing;
            self.disk.write_commit(writer.group)
        };
        match done {
            Ok(()) => self.writer_goes_on_within(MILLI),
            Err(DiskError::Full) => {
                let began = writer.began;
                self.disk.cut(began);
                self.writer_stalls(Lack::Rows);
                self.writer_tries_again();
            }
            Err(DiskError::Broken) => self.writer_fails(),
        }
    }

    fn sync(&mut self) {
        let synced = if self.is(Fault::AckBeforeSync) { Ok(()) } else { self.disk.sync(&mut self.dice) };
        if synced.is_err() && !self.is(Fault::FailedSyncIgnored) {
            return self.writer_fails();
        }
        let appended = self.disk.write_table();
        let Some(Office { writer, .. }) = &mut self.office else { return };
        writer.tables_are_behind |= appended.is_err();
        writer.step = Step::Following;
        self.writer_goes_on_within(MILLI);
    }

    /// The tables catch up, and what is on the disk is told; before that, that something has found no room.
    fn follow(&mut self) {
        let Some(Office { writer, .. }) = &mut self.office else { return };
        let followed = if writer.tables_are_behind { self.disk.write_table() } else { Ok(()) };
        writer.tables_are_behind = followed.is_err();
        let is_late = self.is(Fault::StallToldTooLate);
        if followed == Err(DiskError::Full) && !is_late {
            self.writer_stalls(Lack::Tables);
        }
        self.committed();
        match followed {
            Err(DiskError::Full) => {
                if is_late {
                    self.writer_stalls(Lack::Tables);
                }
                self.writer_tries_again();
            }
            Err(DiskError::Broken) => self.writer_fails(),
            Ok(()) => self.writer_is_free(),
        }
    }

    fn committed(&mut self) {
        let too_many = usize::from(self.is(Fault::OneRowTooManyAcknowledged));
        let Some(Office { writer, .. }) = &mut self.office else { return };
        let rows = std::mem::take(&mut writer.group);
        writer.rows.drain(..rows);
        if rows > 0 && !self.is(Fault::CommitAfterCount) {
            self.writer_tells(Mail::Durable(rows + too_many));
        }
    }

    /// All that it holds is on the disk, or there is another group.
    fn writer_is_free(&mut self) {
        let Some(Office { writer, .. }) = &mut self.office else { return };
        if !writer.rows.is_empty() {
            return self.next_group();
        }
        writer.step = Step::Idle;
        let (was_stalled, goes_on) = (writer.stalled.take().is_some(), !writer.inbox.is_empty());
        if was_stalled {
            self.writer_tells(Mail::Resumed);
        }
        if goes_on {
            self.writer_goes_on_within(20 * MILLI);
        }
    }

    /// The disk is full: that is told, if it is news.
    fn writer_stalls(&mut self, lack: Lack) {
        let Some(Office { writer, .. }) = &mut self.office else { return };
        if writer.stalled.replace(lack) != Some(lack) {
            self.writer_tells(Mail::Stalled);
        }
    }

    /// After a while, and with the first row that comes.
    fn writer_tries_again(&mut self) {
        let Some(Office { writer, .. }) = &mut self.office else { return };
        writer.step = Step::Idle;
        let waits = if writer.inbox.is_empty() { AGAIN_AFTER } else { 20 * MILLI };
        self.writer_goes_on_at(self.now + waits);
    }

    fn writer_fails(&mut self) {
        let Some(office) = &mut self.office else { return };
        office.writer.step = Step::Failed;
        self.writer_tells(Mail::WriteFailed);
    }
}

//! A disk with one journal: pages that are only in the cache until a sync, a room that may be full, and errors. When the
//! power goes, each page that was not synced is there or not, and the last one that is may be torn.

use std::sync::Arc;

use provisor_core::row::Row;

use crate::dice::Dice;

/// What a page holds.
#[derive(Clone, Debug)]
enum Page {
    /// A part of a row, and whether it is the last.
    Row(Arc<Row>, bool),
    /// So many rows before this are one commit.
    Commit(usize),
    /// Anything else.
    Torn,
}

/// Why a page or a sync failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskError {
    Full,
    Broken,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pages: Vec<Page>,
    synced: usize,
    /// Pages for which there is room just now.
    pub(crate) room: Option<usize>,
    /// It answers with errors.
    pub(crate) fails_to_write: bool,
    pub(crate) fails_to_sync: bool,
}

impl Disk {
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Writes a row's pages. What was written before an error stays there, until it is cut off.
    pub(crate) fn write_row(&mut self, row: &Arc<Row>) -> Result<(), DiskError> {
        let parts = 1 + row.query % 3;
        (1..=parts).try_for_each(|part| self.put(Page::Row(Arc::clone(row), part == parts)))
    }

    pub(crate) fn write_commit(&mut self, rows: usize) -> Result<(), DiskError> {
        self.put(Page::Commit(rows))
    }

    /// Writes what follows the journal in files of its own, from which nothing is ever read.
    pub(crate) fn write_table(&mut self) -> Result<(), DiskError> {
        self.take_room()
    }

    fn put(&mut self, page: Page) -> Result<(), DiskError> {
        self.take_room()?;
        self.pages.push(page);
        Ok(())
    }

    fn take_room(&mut self) -> Result<(), DiskError> {
        if self.fails_to_write {
            return Err(DiskError::Broken);
        }
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(1).ok_or(DiskError::Full)?;
        }
        Ok(())
    }

    /// Rolls back to this length.
    pub(crate) fn cut(&mut self, len: usize) {
        self.pages.truncate(len);
        self.synced = self.synced.min(len);
    }

    /// All that was written is there for good. A sync that fails has made some of it durable, and nobody knows what.
    pub(crate) fn sync(&mut self, dice: &mut Dice) -> Result<(), DiskError> {
        if self.fails_to_sync {
            self.lose_unsynced(dice);
            return Err(DiskError::Broken);
        }
        self.synced = self.pages.len();
        Ok(())
    }

    /// Of what was not synced only some is there.
    pub(crate) fn lose_unsynced(&mut self, dice: &mut Dice) {
        let mut last_there = None;
        for (at, page) in self.pages.iter_mut().enumerate().skip(self.synced) {
            if dice.percent(50) {
                last_there = Some(at);
            } else {
                *page = Page::Torn;
            }
        }
        let keep = last_there.map_or(self.synced, |at| at + 1);
        self.pages.truncate(keep);
        if let Some(last) = last_there.filter(|_| dice.percent(50)) {
            self.pages[last] = Page::Torn;
        }
        self.synced = self.pages.len();
    }

    /// What a reader finds: the rows of whole commits, up to the first that is not whole; the rest is cut off.
    pub(crate) fn recover(&mut self, takes_torn: bool) -> Vec<Arc<Row>> {
        let (mut rows, mut pending, mut whole) = (Vec::new(), Vec::new(), 0);
        for (at, page) in self.pages.iter().enumerate() {
            match page {
                Page::Row(row, true) => pending.push(Arc::clone(row)),
                Page::Row(..) => {}
                Page::Commit(n) if *n == pending.len() => {
                    rows.append(&mut pending);
                    whole = at + 1;
                }
                Page::Torn if takes_torn && rows.last().is_some() => {
                    rows.extend(rows.last().map(|row| garbage(row)));
                }
                Page::Commit(_) | Page::Torn => break,
            }
        }
        self.cut(whole);
        rows
    }
}

/// What half a row looks like to one who does not check.
fn garbage(row: &Row) -> Arc<Row> {
    Arc::new(Row { attempt: row.attempt + 1000, ..row.clone() })
}

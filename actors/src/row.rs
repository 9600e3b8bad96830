//! One attempt as it is written down, and who writes it.

use std::sync::Arc;

pub use provisor_core::row::Row;

/// Puts rows on the disk. The real one is `store::Store`.
pub trait Commit: Send {
    /// Makes these rows durable, all or none, in this order.
    ///
    /// # Errors
    /// Whether the same rows may be offered again, and a sentence with the path.
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal>;

    /// Lets what follows the rows (tables for people) hold what is durable, where it does not yet.
    ///
    /// # Errors
    /// As above; the rows themselves are safe.
    fn catch_up(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl<C: Commit + ?Sized> Commit for Box<C> {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
        (**self).commit(rows)
    }

    fn catch_up(&mut self) -> Result<(), Refusal> {
        (**self).catch_up()
    }
}

/// Why rows are not on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room, or another program is in the way. Nothing of them is there, and they may be offered again.
    NotNow(Arc<str>),
    /// Nothing more is written: what is on the disk is in doubt.
    Final(Arc<str>),
}

impl Refusal {
    /// The sentence.
    #[must_use]
    pub const fn text(&self) -> &Arc<str> {
        match self {
            Self::NotNow(text) | Self::Final(text) => text,
        }
    }
}

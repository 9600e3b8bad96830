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

    /// Keeps nothing any more of these attempts, neither rows nor logs: they are rounds of queries that are asked again and again,
    /// and so many later ones are durable as are to be kept. Whoever keeps all, or nothing, has nothing to do.
    ///
    /// # Errors
    /// As above; no row is lost. What could not be done just now is asked for again.
    fn discard(&mut self, discarded: &[Discarded]) -> Result<(), Refusal> {
        let _ = discarded;
        Ok(())
    }
}

/// Attempts of a query that are not to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// The query's id.
    pub query: Arc<str>,
    /// The number of the last of them. The one that stands has a higher one.
    pub up_to: u32,
}

impl<C: Commit + ?Sized> Commit for Box<C> {
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Refusal> {
        (**self).commit(rows)
    }

    fn catch_up(&mut self) -> Result<(), Refusal> {
        (**self).catch_up()
    }

    fn discard(&mut self, discarded: &[Discarded]) -> Result<(), Refusal> {
        (**self).discard(discarded)
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

//! One attempt as it is written down, and who writes it.

use std::sync::Arc;

pub use provisor_core::row::Row;

/// Puts rows on the disk. The real one is `store::Store`.
pub trait Commit: Send {
    /// Makes these rows durable, all or none, in this order. A failure is final: nothing is tried again.
    ///
    /// # Errors
    /// A sentence with the path.
    fn commit(&mut self, rows: &[Arc<Row>]) -> Result<(), Arc<str>>;
}

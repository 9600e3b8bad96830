//! The actors of provisor and its one OS corner.

pub mod fingerprint;
pub mod os;
pub mod rundir;
pub mod store;
#[cfg(test)]
mod testdir;

//! The actors of provisor and its one OS corner.

pub mod fingerprint;
pub mod os;
pub mod rundir;
#[cfg(test)]
mod testdir;

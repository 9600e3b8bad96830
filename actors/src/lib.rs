//! The actors of provisor and its one OS corner.

pub mod os;

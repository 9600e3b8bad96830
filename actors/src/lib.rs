//! The actors of provisor and its one OS corner.
//!
//! Actors translate: callback to event, effect to call. What is decided, `provisor_core` decides.

pub mod alarm;
pub mod clock;
pub mod counter;
pub mod disk;
pub mod fingerprint;
pub mod folder;
pub mod handle;
pub mod judges;
pub mod local;
pub mod logs;
pub mod messages;
pub mod monitor;
pub mod os;
pub mod process;
pub mod result_writer;
pub mod row;
pub mod run;
pub mod rundir;
pub mod runtime;
pub mod store;
pub mod subscription;
pub mod supervisor;
#[cfg(test)]
mod testdir;
#[cfg(feature = "testing")]
pub mod testing;

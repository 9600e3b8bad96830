//! The results on the disk: what is written is what is read, whatever happens in between.

mod columns;
mod faults;
mod resume;
mod support;

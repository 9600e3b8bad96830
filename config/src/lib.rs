//! RON job specs: text in, a plan or every problem at once out.
//!
//! `load` reads a file, `spec` says what may be written in it, `lower` expands it. The only files that are read are
//! the spec and those that it names; nothing is started and nothing is written. Must never know actors, processes
//! or the terminal.

pub mod human;

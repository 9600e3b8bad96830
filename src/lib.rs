//! provisor runs hundreds of external programs under supervision and writes one table of their verdicts.
//!
//! # In a larger program
//!
//! A [`Runtime`] runs queries for as long as somebody holds its [`RuntimeHandle`], from any thread and any tokio context, as
//! many runtimes as are wanted. Nothing of it is global but that [`guardian::init`] was called; it prints nothing and
//! handles no signal.
//!
//! ```
//! use provisor::{Command, Local, Plan, Ports, Query, Runtime};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // First of all: in the process that is to be the guardian this never returns.
//!     provisor::guardian::init();
//!     let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//!     tokio.block_on(async {
//!         let ports = Ports::new(Local::default().factory());
//!         let handle = Runtime::start(Plan::new("answers", Vec::new()).at_once(4), ports).await?;
//!         let ticket = handle.submit(Query::new("hello", Command::new(["echo", "hello"]))).await?;
//!         let row = ticket.await?;
//!         assert_eq!(row.outcome.judgement.verdict.as_deref(), Some("ok"));
//!         handle.drain().await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! What a query is: [`Query`] and its methods. What became of it: [`Row`], [`Outcome`]. How its output is read: [`Rule`],
//! [`Preset`], or an [`Ear`] of one's own. What is promised of its processes: [`RuntimeHandle::guarantees`].

mod cli;
mod diagnosis;
mod embed;
mod failure;
mod greeting;
mod guard;
mod lost;
mod made;
mod manual;
mod past;
mod play;
mod preprocess;
mod presets;
mod program;
mod progress;
mod provenance;
mod recorded;
mod replay;
mod results;
mod run;
mod session;
mod settings;
mod slots;
mod status;
mod times;
mod view;

pub use embed::*;
pub use program::main;
pub use provisor_actors as actors;
pub use provisor_config as config;
pub use provisor_core as core;

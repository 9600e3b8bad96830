//! Diagnosis for whoever looks for a fault, by tracing: on stderr as asked for with -v or RUST_LOG, as JSON lines in a
//! file with --log-file. Never mixed into the results.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use crate::failure::Failure;
use crate::view::screen;
use provisor_core::text::harmless_json;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Sets it up; to be called once.
pub(crate) fn start(verbose: u8, log_file: Option<&Path>) -> Result<(), Failure> {
    let usual = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let to_stderr = fmt::layer().with_writer(|| screen::Events).with_target(false).with_ansi(false);
    let to_file = match log_file {
        Some(path) => {
            let failed = |source| Failure::LogFile { path: path.to_owned(), source };
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
            let layer = fmt::layer().json().with_writer(Mutex::new(Lines(file)));
            Some(layer.with_filter(EnvFilter::new("debug")))
        }
        None => None,
    };
    tracing_subscriber::registry().with(to_stderr.with_filter(filter)).with(to_file).init();
    Ok(())
}

/// The file of JSON lines. Each write is one whole event.
struct Lines(File);

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        self.0.write_all(harmless_json(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

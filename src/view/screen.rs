//! Standard error while a run goes on: lines are handed to a thread, so that a terminal that stands still (^S, a stopped
//! pager, a pipe that nobody reads) holds up no signal and no query. What finds no room is counted and left out.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lines that may wait.
const ROOM: usize = 4096;
/// How long the end of a run waits for the screen.
const LAST_WAIT: Duration = Duration::from_secs(2);

static SCREEN: Mutex<Option<SyncSender<Page>>> = Mutex::new(None);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

enum Page {
    Text(Vec<u8>),
    Shown(SyncSender<()>),
}

/// Starts the thread.
pub(crate) fn open() -> io::Result<()> {
    let (pages, inbox) = sync_channel(ROOM);
    std::thread::Builder::new().name("provisor-screen".into()).spawn(move || show(&inbox))?;
    *screen() = Some(pages);
    Ok(())
}

fn show(inbox: &Receiver<Page>) {
    while let Ok(page) = inbox.recv() {
        match page {
            // Where standard error is gone, there is nowhere to say so.
            Page::Text(text) => drop(io::stderr().write_all(&text)),
            Page::Shown(answer) => drop(answer.send(())),
        }
    }
}

/// Puts whole lines on the screen; never waits while the thread is there.
pub(crate) fn put(text: Vec<u8>) {
    match &*screen() {
        None => drop(io::stderr().write_all(&text)),
        Some(pages) => {
            if let Err(TrySendError::Full(_)) = pages.try_send(Page::Text(text)) {
                LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Waits until all that was put is shown, but not for long. Whether it is.
pub(crate) fn settle(longest: Duration) -> bool {
    let (answer, shown) = sync_channel(1);
    let asked = screen().as_ref().is_none_or(|pages| pages.try_send(Page::Shown(answer)).is_ok());
    asked && shown.recv_timeout(longest).is_ok()
}

/// Goes back to writing at once, and returns how many lines found no room. `None`: the screen stands still, and nothing
/// more should be written to it.
pub(crate) fn close() -> Option<u64> {
    let shown = settle(LAST_WAIT);
    if shown {
        *screen() = None;
    }
    shown.then(|| LEFT_OUT.swap(0, Ordering::Relaxed))
}

fn screen() -> std::sync::MutexGuard<'static, Option<SyncSender<Page>>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A writer for the diagnosis: each write is one whole event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events;

impl Write for Events {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        put(event.to_vec());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

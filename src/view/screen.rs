//! Standard error while a run goes on: lines and frames are handed to a thread, so that a terminal that stands still
//! (^S, a stopped pager, a pipe that nobody reads) holds up no signal and no query. Lines that find no room are counted
//! and left out; a frame that finds none is out of date anyway.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;

use super::frame::Frame;
use super::panel::Panel;

/// Lines that may wait.
const ROOM: usize = 4096;
/// How long the end of a run waits for the screen.
const LAST_WAIT: Duration = Duration::from_secs(2);

static SCREEN: Mutex<Option<Screen>> = Mutex::new(None);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

struct Screen {
    pages: SyncSender<Page>,
    stage: Arc<Mutex<Stage>>,
}

/// What is on the terminal; whoever writes there holds it.
struct Stage {
    panel: Option<Panel>,
}

enum Page {
    Text(Vec<u8>),
    Frame(Box<Frame>),
    /// Off with the bar, and say so when all that came before is shown.
    Rest(SyncSender<()>),
}

/// Starts the thread: with a bar that shows a run in this directory, or without.
pub(crate) fn open(bar: Option<PathBuf>) -> io::Result<()> {
    let (pages, inbox) = sync_channel(ROOM);
    let terminal = || Arc::new(Term::stderr());
    let panel = bar.map(|dir| Panel::new(terminal(), dir, super::stderr_has_colors()));
    let stage = Arc::new(Mutex::new(Stage { panel }));
    let shown = Arc::clone(&stage);
    std::thread::Builder::new().name("provisor-screen".into()).spawn(move || show(&inbox, &shown))?;
    *screen() = Some(Screen { pages, stage });
    Ok(())
}

fn show(inbox: &Receiver<Page>, stage: &Mutex<Stage>) {
    while let Ok(page) = inbox.recv() {
        let (mut text, mut frame) = (Vec::new(), None);
        // All there is at once: the bar is cleared and drawn once for many lines.
        for page in std::iter::once(page).chain(inbox.try_iter()).take(ROOM) {
            match page {
                Page::Text(line) => text.extend(line),
                Page::Frame(latest) => frame = Some(latest),
                Page::Rest(answer) => {
                    lock(stage).show(&std::mem::take(&mut text), None);
                    lock(stage).rest();
                    frame = None;
                    let _ = answer.send(());
                }
            }
        }
        lock(stage).show(&text, frame.as_deref());
    }
}

impl Stage {
    fn show(&mut self, text: &[u8], frame: Option<&Frame>) {
        if !text.is_empty() {
            // Where standard error is gone, there is nowhere to say so.
            self.aside(|| drop(io::stderr().write_all(text)));
        }
        if let (Some(panel), Some(frame)) = (&mut self.panel, frame) {
            panel.draw(frame, Instant::now());
        }
    }

    fn rest(&self) {
        if let Some(panel) = &self.panel {
            panel.hide();
        }
    }

    fn aside<R>(&self, deed: impl FnOnce() -> R) -> R {
        match &self.panel {
            Some(panel) => panel.aside(deed),
            None => deed(),
        }
    }
}

/// Puts whole lines on the screen; never waits while the thread is there.
pub(crate) fn put(text: Vec<u8>) {
    let Some(pages) = pages() else { return drop(io::stderr().write_all(&text)) };
    if let Err(TrySendError::Full(_)) = pages.try_send(Page::Text(text)) {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Shows how the run stands, if there is a bar and the screen keeps up.
pub(crate) fn draw(frame: Frame) {
    if let Some(pages) = pages() {
        let _ = pages.try_send(Page::Frame(Box::new(frame)));
    }
}

/// Does something that writes on the terminal by another way, whole lines of it: nothing else is written meanwhile, and
/// the bar is out of the way.
pub(crate) fn aside<R>(deed: impl FnOnce() -> R) -> R {
    let stage = screen().as_ref().map(|screen| Arc::clone(&screen.stage));
    match stage {
        Some(stage) => lock(&stage).aside(deed),
        None => deed(),
    }
}

/// Waits until all that was put is shown and the bar is off, but not for long. Whether it is so.
pub(crate) fn rest(longest: Duration) -> bool {
    let (answer, shown) = sync_channel(1);
    let asked = pages().is_none_or(|pages| pages.try_send(Page::Rest(answer)).is_ok());
    asked && shown.recv_timeout(longest).is_ok()
}

/// Goes back to writing at once, and returns how many lines found no room. `None`: the screen stands still, and nothing
/// more should be written to it.
pub(crate) fn close() -> Option<u64> {
    let shown = rest(LAST_WAIT);
    if shown {
        *screen() = None;
    }
    shown.then(|| LEFT_OUT.swap(0, Ordering::Relaxed))
}

fn pages() -> Option<SyncSender<Page>> {
    screen().as_ref().map(|screen| screen.pages.clone())
}

fn screen() -> MutexGuard<'static, Option<Screen>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A writer for the diagnosis: each write is one whole event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events;

impl Write for Events {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // Its fields are of children and of the user.
        super::tell(String::from_utf8_lossy(event).trim_end_matches('\n'));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! What the children print, on standard output (`--print`), from a thread of its own: a reader that stands still holds up
//! the children that print, and nothing else: not the logs, not the rows of the others, no signal, and not the end of the
//! run once it is to end. On a terminal the text is cleaned and the bar steps aside; anybody else gets
//! the bytes as they came. A reader that has gone away (`| head`) ends the printing and not the run.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provisor_actors::logs::{Room, Taken};
use provisor_actors::row::Row;
use provisor_actors::rundir;
use provisor_core::Query;

use super::whole_lines::{self, PIECE, WholeLines};
use super::{plain, screen};

/// Bytes that may wait for the reader before the children wait, with their tags: a child that prints nothing but ends of
/// lines prints a hundred times as much as it says.
const ROOM: u32 = 1 << 20;
/// Bytes that may wait where nobody can be held up: of children that have left, and of all once the run is to end.
const MOST: usize = 16 << 20;
/// Between two writes on a terminal, where each clears and draws a bar.
const TERMINAL_EVERY: Duration = Duration::from_millis(40);

/// The way to the thread. Cloning it shares it.
#[derive(Clone)]
pub(crate) struct Printer {
    shared: Arc<Shared>,
    room: Room,
    is_grouped: bool,
    is_terminal: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something is there to be printed.
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    bytes: usize,
    is_printing: bool,
    /// The reader has gone.
    is_gone: bool,
    /// Whether there was no room for something.
    has_left_out: bool,
}

enum Piece {
    Lines { text: Vec<u8>, _room: Option<Taken> },
    Group { header: String, log: Option<Arc<str>> },
}

impl Printer {
    /// Starts the thread, for a run in this directory; `is_grouped`: each attempt at its end, else lines as they come.
    pub(crate) fn start(dir: PathBuf, is_grouped: bool) -> io::Result<Self> {
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let printer = Self::idle(is_grouped, out.is_terminal());
        let press = Press { out, is_terminal: printer.is_terminal, dir };
        let served = printer.clone();
        std::thread::Builder::new().name("provisor-print".into()).spawn(move || press.serve(&served))?;
        Ok(printer)
    }

    /// One whose thread has not begun.
    pub(super) fn idle(is_grouped: bool, is_terminal: bool) -> Self {
        let shared = Arc::new(Shared { queue: Mutex::default(), work: Condvar::new() });
        Self { shared, room: Room::new(ROOM), is_grouped, is_terminal }
    }

    /// For how much of what the children print it has room.
    pub(crate) fn room(&self) -> Room {
        self.room.clone()
    }

    /// Whether it prints each attempt at its end, and no lines before.
    pub(crate) fn is_grouped(&self) -> bool {
        self.is_grouped
    }

    /// Whether what is printed is to be cleaned.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Prints whole lines, and keeps their room until then, and what more of it they need. Never waits: without room, what is
    /// too much is left out.
    pub(crate) fn put_lines(&self, text: Vec<u8>, mut room: Option<Taken>) {
        if let Some(taken) = &mut room {
            self.room.widen(taken, text.len());
        }
        let mut queue = self.queue();
        if queue.is_gone {
            return;
        }
        if room.is_none() && queue.bytes >= MOST {
            queue.has_left_out = true;
            return;
        }
        queue.bytes += text.len();
        queue.pieces.push_back(Piece::Lines { text, _room: room });
        self.shared.work.notify_one();
    }

    /// Prints the whole output of an attempt that is over, where that is wanted. Never waits: the log waits for us.
    pub(crate) fn put_group(&self, row: &Row, query: &Query) {
        let mut queue = self.queue();
        if self.is_grouped && !queue.is_gone {
            let header = plain::group_header(row, query);
            queue.pieces.push_back(Piece::Group { header, log: row.log.clone() });
            self.shared.work.notify_one();
        }
    }

    /// From now on nobody waits for the reader: what finds no room is left out.
    pub(crate) fn hurry(&self) {
        self.room.close();
    }

    /// Whether all is printed.
    pub(crate) fn is_idle(&self) -> bool {
        let queue = self.queue();
        queue.pieces.is_empty() && !queue.is_printing
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue().pieces.len()
    }

    /// Whether something was not printed because the reader stood still and nobody could wait for it.
    pub(crate) fn has_left_out(&self) -> bool {
        self.queue().has_left_out
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and takes all of it.
    fn take(&self) -> VecDeque<Piece> {
        let queue = self.shared.work.wait_while(self.queue(), |queue| queue.pieces.is_empty());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        (queue.bytes, queue.is_printing) = (0, true);
        std::mem::take(&mut queue.pieces)
    }

    fn printed(&self, is_gone: bool) {
        let mut queue = self.queue();
        queue.is_printing = false;
        if is_gone {
            queue.is_gone = true;
            queue.pieces.clear();
            self.room.close();
        }
    }
}

/// The thread's side.
struct Press {
    out: File,
    is_terminal: bool,
    dir: PathBuf,
}

impl Press {
    fn serve(mut self, printer: &Printer) {
        loop {
            let pieces = printer.take();
            let printed = if self.is_terminal {
                let printed = screen::aside(|| self.print(pieces));
                std::thread::sleep(TERMINAL_EVERY);
                printed
            } else {
                self.print(pieces)
            };
            match &printed {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    tracing::warn!(%error, "standard output cannot be written, and nothing more is printed");
                }
                _ => {}
            }
            printer.printed(printed.is_err());
        }
    }

    fn print(&mut self, pieces: VecDeque<Piece>) -> io::Result<()> {
        for piece in pieces {
            match piece {
                Piece::Lines { text, .. } => self.out.write_all(&text)?,
                Piece::Group { header, log } => {
                    self.out.write_all(header.as_bytes())?;
                    if let Some(log) = log {
                        self.print_log(&log)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A log piece by piece, with an end to its last line.
    fn print_log(&mut self, name: &str) -> io::Result<()> {
        let mut log = match rundir::read_log(&self.dir, name) {
            Ok(log) => log,
            Err(error) => {
                tracing::warn!(log = name, %error, "the log cannot be read, and is not printed");
                return Ok(());
            }
        };
        let (mut piece, mut lines, mut ends_well) = (vec![0; PIECE], WholeLines::default(), true);
        // A log that cannot be read to its end is printed as far as it goes.
        while let Ok(read @ 1..) = log.read(&mut piece) {
            let bytes = &piece[..read];
            if self.is_terminal {
                self.out.write_all(&cleaned(|line| lines.take(bytes, line)))?;
            } else {
                self.out.write_all(bytes)?;
                ends_well = bytes.ends_with(b"\n");
            }
        }
        self.out.write_all(&cleaned(|line| lines.finish(line)))?;
        if ends_well { Ok(()) } else { self.out.write_all(b"\n") }
    }
}

/// The lines that somebody gives, fit for a terminal.
fn cleaned(give: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut text = Vec::new();
    give(&mut |line| {
        text.extend_from_slice(whole_lines::clean(line).as_bytes());
        text.push(b'\n');
    });
    text
}

//! Room for bytes that are on their way: who has none waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes may be on their way at once. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

/// Room that is taken until this is dropped.
pub type Taken = OwnedSemaphorePermit;

impl Room {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(bytes: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes as usize)), all: bytes }
    }

    /// From now on nobody waits, and there is no room to be had.
    pub fn close(&self) {
        self.free.close();
    }

    /// Waits for room for so many bytes, or for all of it; `None` once it is closed.
    pub async fn take(&self, bytes: usize) -> Option<Taken> {
        Arc::clone(&self.free).acquire_many_owned(self.at_most_all(bytes)).await.ok()
    }

    /// Gives what has grown to so many bytes more of the room, as far as there is some. Never waits.
    pub fn widen(&self, taken: &mut Taken, bytes: usize) {
        let free = self.at_most_all(self.free.available_permits());
        let wanted = self.at_most_all(bytes.saturating_sub(taken.num_permits())).min(free);
        if let Ok(more) = Arc::clone(&self.free).try_acquire_many_owned(wanted) {
            taken.merge(more);
        }
    }

    /// How much of it is free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    fn at_most_all(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(self.all).min(self.all)
    }
}

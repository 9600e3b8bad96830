//! The last of many.

use std::collections::VecDeque;

/// The last so many that were pushed, and how many were there before them.
///
/// ```
/// use provisor_core::periodic::Ring;
/// let mut ring = Ring::new(2);
/// for n in 0..5 {
///     ring.push(n);
/// }
/// assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [3, 4]);
/// assert_eq!((ring.last(), ring.fell_out()), (Some(&4), 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ring<T> {
    kept: VecDeque<T>,
    room: usize,
    fell_out: u64,
}

impl<T> Ring<T> {
    /// An empty one with room for so many; with none it only counts. The room is taken as it is filled.
    #[must_use]
    pub const fn new(room: usize) -> Self {
        Self { kept: VecDeque::new(), room, fell_out: 0 }
    }

    /// Puts one behind the others. The first one falls out, and is given back, where there is no room.
    pub fn push(&mut self, item: T) -> Option<T> {
        self.kept.push_back(item);
        let fallen = if self.kept.len() > self.room { self.kept.pop_front() } else { None };
        self.fell_out += u64::from(fallen.is_some());
        fallen
    }

    /// From the first to the last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.kept.iter()
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.kept.back()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many were pushed that are there no more.
    #[must_use]
    pub const fn fell_out(&self) -> u64 {
        self.fell_out
    }
}

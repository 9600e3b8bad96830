//! Those that wait, for a slot or for their time: rounds whose time has come in the order in which it came, then an earlier
//! pass before a later one, and within a pass the order of the entries. Who is started, and whether it fits, is not decided here.

use std::collections::{BTreeMap, HashMap};

use crate::tick::Tick;

use super::memory::Patience;
use super::{Place, Turn};

/// Where somebody stands in the line: the pass, and there by rank. Who is let in front has a rank below 0.
type Spot = (usize, i64);

/// The time of a round matters, and thousands may wait that nobody waits for: rounds stand about this rank of the first pass,
/// whatever theirs is.
const ROUNDS: i64 = i64::MIN / 2;

#[derive(Clone, Copy, Debug)]
enum At {
    Waiting(Spot),
    Delayed(Tick),
}

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: BTreeMap<Spot, Turn>,
    delayed: BTreeMap<(Tick, Place), Turn>,
    /// Where each of them is, where somebody may be taken out: a hundred thousand cost more than they are worth.
    at: Option<HashMap<Place, At>>,
    /// The rank of who was let in front last.
    front: i64,
    /// How many rounds have come.
    rounds: i64,
}

impl Line {
    /// A line with nobody in it.
    pub(super) fn new(may_strike: bool) -> Self {
        Self { at: may_strike.then(HashMap::new), ..Self::default() }
    }

    /// From now on anybody in it may be taken out.
    pub(super) fn let_strike(&mut self) {
        let waiting = self.waiting.iter().map(|(spot, turn)| (turn.query, At::Waiting(*spot)));
        let delayed = self.delayed.keys().map(|(until, query)| (*query, At::Delayed(*until)));
        self.at.get_or_insert_with(|| waiting.chain(delayed).collect());
    }

    /// Lets it wait at its place among those of its pass; a round behind all rounds.
    pub(super) fn join(&mut self, turn: Turn) {
        if turn.is_round {
            self.rounds += 1;
            return self.insert((0, ROUNDS + self.rounds), turn);
        }
        self.insert((turn.pass, i64::try_from(turn.rank).unwrap_or(i64::MAX)), turn);
    }

    /// Lets it wait before all of its pass; a round before all.
    pub(super) fn lead(&mut self, turn: Turn) {
        self.front -= 1;
        if turn.is_round {
            return self.insert((0, ROUNDS + self.front), turn);
        }
        self.insert((turn.pass, self.front), turn);
    }

    /// Lets it wait for its time.
    pub(super) fn delay(&mut self, until: Tick, turn: Turn) {
        self.note(turn.query, At::Delayed(until));
        self.delayed.insert((until, turn.query), turn);
    }

    fn insert(&mut self, spot: Spot, turn: Turn) {
        self.note(turn.query, At::Waiting(spot));
        self.waiting.insert(spot, turn);
    }

    /// Whose time has come waits for a slot, before all others of its pass.
    pub(super) fn call(&mut self, now: Tick) {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let turn = first.remove();
            self.lead(turn);
        }
    }

    /// Takes out the one that is next, where one fits.
    pub(super) fn next(&mut self, patience: &mut Patience, fits: impl Fn(&Turn) -> bool) -> Option<Turn> {
        let at = patience.next(self.waiting.values(), fits)?;
        let spot = *self.waiting.keys().nth(at)?;
        let turn = self.waiting.remove(&spot)?;
        if let Some(at) = &mut self.at {
            at.remove(&turn.query);
        }
        Some(turn)
    }

    fn note(&mut self, query: Place, where_it_is: At) {
        if let Some(at) = &mut self.at {
            at.insert(query, where_it_is);
        }
    }

    /// Takes this one out, wherever it waits, in a line in which that may be.
    pub(super) fn strike(&mut self, query: Place) -> Option<Turn> {
        match self.at.as_mut()?.remove(&query)? {
            At::Waiting(spot) => self.waiting.remove(&spot),
            At::Delayed(until) => self.delayed.remove(&(until, query)),
        }
    }

    /// This one, if it waits for a slot, in a line from which it may be taken.
    pub(super) fn waiting(&self, query: Place) -> Option<&Turn> {
        match self.at.as_ref()?.get(&query)? {
            At::Waiting(spot) => self.waiting.get(spot),
            At::Delayed(_) => None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.delayed.len()
    }

    /// Whether any waits for a slot.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When the time of the next one comes.
    pub(super) fn due(&self) -> Option<Tick> {
        self.delayed.first_key_value().map(|((due, _), _)| *due)
    }
}

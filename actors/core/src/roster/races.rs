//! Races on the roster: entrants wait and run as all others do. When one has settled their question, those that run are ended
//! and those that wait never start; each has its row all the same.
//!
//! Who has won is decided by [`Race`]; what is conclusive, by [`Answer::settles`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::amount::seconds;
use crate::answer::Answer;
use crate::book::Book;
use crate::cause::{Cause, End, Outcome};
use crate::portfolio::race_of;
use crate::race::{self, Entrant, Event, Margin, Race};
use crate::tick::Tick;

use super::foregone::Foregone;
use super::{Order, Place, Roster};

/// A lead that is shorter is chance, and who had just begun.
const SHORTEST_LEAD: Duration = Duration::from_millis(100);

/// All races that are not over, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Races {
    open: HashMap<u32, Open>,
    /// The number of the next one that comes while it runs, if none has it.
    next: u32,
}

#[derive(Debug)]
struct Open {
    race: Race,
    /// Those that are asked in this run, in their order.
    entrants: Vec<Place>,
    /// How many there are with those that are not asked.
    of: usize,
    won: Option<Won>,
}

#[derive(Clone, Debug)]
struct Won {
    /// Nobody where it was in an earlier run.
    by: Option<Place>,
    /// What the others are told: `goal/z3 was first: unsat, after 3.2 s`, with the id in quotes.
    why: Arc<str>,
}

impl Open {
    fn new(entrants: Vec<Place>, of: usize) -> Self {
        let mut race = Race::new(Entrant::try_from(entrants.len()).unwrap_or(Entrant::MAX), None);
        // All want to begin at once: each waits for its slot as others do.
        race.step(Tick::ZERO, Event::Begin, &mut Vec::new());
        Self { race, entrants, of, won: None }
    }

    fn number(&self, query: Place) -> Option<Entrant> {
        let at = self.entrants.iter().position(|entrant| *entrant == query)?;
        Entrant::try_from(at).ok()
    }
}

impl Races {
    /// Those of the plan in which these are asked. `known`: what others have come to.
    pub(super) fn of<'a>(
        book: &Book,
        asked: impl Iterator<Item = Place>,
        known: impl Iterator<Item = (Place, &'a Answer)>,
    ) -> Self {
        let race = |place: &Place| book.query(*place).and_then(race_of);
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        book.plan().queries.iter().filter_map(race_of).for_each(|race| *sizes.entry(race).or_default() += 1);
        if sizes.is_empty() {
            return Self::default();
        }
        let mut entrants: HashMap<u32, Vec<Place>> = HashMap::new();
        for (place, race) in asked.filter_map(|place| Some((place, race(&place)?))) {
            entrants.entry(race).or_default().push(place);
        }
        let open = entrants.into_iter().map(|(race, mut entrants)| {
            entrants.sort_unstable();
            (race, Open::new(entrants, sizes[&race]))
        });
        let mut races = Self { open: open.collect(), next: 0 };
        for (place, answer) in known {
            let (Some(query), Some(race)) = (book.query(place), race(&place)) else { continue };
            if let Some(open) = races.open.get_mut(&race).filter(|_| answer.settles(query.expect.as_deref()))
            {
                let why = format!("`{}` was first, in an earlier run: {}", query.id, answer.words());
                open.won.get_or_insert(Won { by: None, why: why.into() });
            }
        }
        races
    }

    /// The number of one that comes now.
    pub(super) fn admit(&mut self, entrants: impl FnOnce(u32) -> Vec<Place>) {
        while self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let entrants = entrants(self.next);
        let of = entrants.len();
        self.open.insert(self.next, Open::new(entrants, of));
    }

    fn open_of(&mut self, book: &Book, query: Place) -> Option<(u32, &mut Open, Entrant)> {
        let race = book.query(query).and_then(race_of)?;
        let open = self.open.get_mut(&race)?;
        let entrant = open.number(query)?;
        Some((race, open, entrant))
    }

    /// Its process is there.
    pub(super) fn started(&mut self, now: Tick, book: &Book, query: Place) {
        if let Some((_, open, entrant)) = self.open_of(book, query) {
            open.race.step(now, Event::Started(entrant), &mut Vec::new());
        }
    }

    /// Why there is nothing left to ask it, if another one was faster.
    pub(super) fn outrun(&self, book: &Book, query: Place) -> Option<Arc<str>> {
        let race = book.query(query).and_then(race_of)?;
        let open = self.open.get(&race).filter(|open| open.entrants.contains(&query))?;
        open.won.as_ref().filter(|won| won.by != Some(query)).map(|won| Arc::clone(&won.why))
    }

    /// Whether another one of its race has left and its row is still to come: it may be the answer.
    pub(super) fn is_ending(&self, book: &Book, query: Place, leaving: &BTreeSet<Place>) -> bool {
        let race = book.query(query).and_then(race_of);
        let open = race.and_then(|race| self.open.get(&race));
        open.is_some_and(|open| open.entrants.iter().any(|entrant| leaving.contains(entrant)))
    }

    /// The row of an entrant is about to be written, and says more from now on. Those that are to be ended for it.
    fn ended(&mut self, now: Tick, book: &Book, query: Place, outcome: &mut Outcome) -> Vec<Place> {
        let Some((number, open, entrant)) = self.open_of(book, query) else { return Vec::new() };
        let asked = book.query(query);
        let answer = Answer::of(outcome);
        let mut orders = Vec::new();
        if answer.settles(asked.and_then(|query| query.expect.as_deref())) {
            let verdict = answer.verdict.clone().unwrap_or_default();
            open.race.step(now, Event::Said(entrant, race::Said { verdict, conclusive: true }), &mut orders);
        }
        open.race.step(now, Event::Ended(entrant), &mut orders);
        let (mut losers, mut is_over, mut is_against) = (Vec::new(), false, false);
        for order in orders {
            match order {
                race::Order::Won { took, margin, .. } if open.won.is_none() => {
                    outcome.remark(&lead(open.of, margin));
                    let id = asked.map(|query| Arc::clone(&query.id)).unwrap_or_default();
                    let why = format!("`{id}` was first: {}, after {}", answer.words(), seconds(took));
                    open.won = Some(Won { by: Some(query), why: why.into() });
                }
                race::Order::Stop(loser) => losers.extend(open.entrants.get(loser as usize)),
                race::Order::Contradiction { .. } => is_against = true,
                race::Order::Over(_) => is_over = true,
                race::Order::Won { .. } | race::Order::Start(_) => {}
            }
        }
        if let Some(Won { why, .. }) = open.won.as_ref().filter(|won| won.by != Some(query)) {
            tell_loser(outcome, why, is_against);
        }
        if is_over {
            self.open.remove(&number);
        }
        losers
    }
}

/// What the row of a loser says besides. One that has never run says nothing else.
fn tell_loser(outcome: &mut Outcome, why: &Arc<str>, is_against: bool) {
    match &outcome.end {
        End::NotStarted(said) if said == why => {}
        _ if is_against => outcome.remark(&format!("{why}; one of the two is wrong")),
        _ => outcome.remark(why),
    }
}

/// `first of 3; the next one had run 1.2 s longer`.
fn lead(of: usize, margin: Option<Margin>) -> String {
    let next = match margin {
        Some(Margin::AtLeast(lead) | Margin::Exactly(lead)) if lead >= SHORTEST_LEAD => {
            format!("; the next one had run {} longer", seconds(lead))
        }
        Some(_) => "; another one was still at work".into(),
        None => String::new(),
    };
    format!("first of {of}{next}")
}

impl Roster {
    /// What follows for a race from the row of one of its entrants, which says so from now on: those that are to be ended.
    pub(super) fn run_race(&mut self, now: Tick, query: Place, outcome: &mut Outcome) -> Vec<Place> {
        self.races.ended(now, &self.book, query, outcome)
    }

    /// These were not fast enough. Whoever waits, for whatever it is, never starts.
    pub(super) fn end_losers(&mut self, losers: Vec<Place>, orders: &mut Vec<Order>) {
        for query in losers {
            if self.running.contains_key(&query) {
                orders.push(Order::Abort { query, cause: Cause::Outrun, forced: false, grace: None });
            } else if let Some(turn) = self.line.strike(query).or_else(|| self.needs.strike(query)) {
                let why = self.races.outrun(&self.book, query).unwrap_or_default();
                self.foregone.push_back((turn, Foregone::Outrun(why)));
            }
        }
    }

    /// It has nothing left to answer, for another one was faster.
    pub(super) fn is_outrun(&self, query: Place) -> bool {
        self.races.outrun(&self.book, query).is_some()
    }
}

//! What is known of a query without an attempt: that it must not be asked, or that its answer follows from another's. It gets
//! its row as others do, one after the other, so that no more of them wait for the disk than of others.

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::{Answer, Truth};
use crate::cause::{Cause, Outcome};
use crate::tick::Tick;

use super::line::Line;
use super::needs::{Freed, Known};
use super::races::Races;
use super::{Asked, Entry, Order, Place, Roster, Said, Then, Turn};

/// How it is known.
#[derive(Debug)]
pub(super) enum Foregone {
    /// What it needs is not as it has to be: that, as a sentence.
    Skipped(Arc<str>),
    /// The answer of this one was measured.
    Implied(Place, Truth),
    /// Nobody wants to know it any more.
    Cancelled,
    /// Another one was faster with the same question: that, as a sentence.
    Outrun(Arc<str>),
    /// The group that it stands in does not start it, or the clock: that, as a sentence.
    GivenUp(Arc<str>),
}

impl Roster {
    /// Takes in a query, and says what its first attempt would be.
    pub(super) fn enter(&mut self, rank: u64, entry: Entry) -> Turn {
        let Entry { query, attempts_before, rung, peak } = entry;
        self.asked.insert(
            query,
            Asked { attempts_before, peak, is_cancelled: false, said: rung.said.map(Box::new), answer: None },
        );
        let asked = self.query(query);
        let last = asked.map_or(0, |asked| asked.further.len());
        let is_round = asked.is_some_and(|asked| asked.schedule().is_some());
        let (memory, needs, is_alone) = (None, 0, false);
        let turn = Turn { query, rank, attempt: 1, pass: 0, of_pass: 1, memory, needs, is_alone, is_round };
        self.turn_in(rung.pass.min(last), turn)
    }

    /// Lets those wait that are to run, for a slot or for what they need.
    pub(super) fn admit(&mut self, turns: Vec<Turn>, known: impl IntoIterator<Item = (Place, Answer)>) {
        let known: HashMap<_, _> =
            known.into_iter().filter(|(place, _)| !self.asked.contains_key(place)).collect();
        if let Some(implications) = &mut self.implications {
            for (place, answer) in &known {
                answer.truth().map(|truth| implications.learn(*place, truth));
            }
        }
        let asked = turns.iter().map(|turn| turn.query);
        self.races = Races::of(&self.book, asked, known.iter().map(|(place, answer)| (*place, answer)));
        for turn in turns {
            match self.follows(turn.query).or_else(|| self.loses(turn.query)) {
                Some(foregone) => self.foregone.push_back((turn, foregone)),
                None => self.admit_one(turn, |place| known.get(&place)),
            }
        }
    }

    /// Lets one wait for what it needs, or for a slot. `known`: what others came to that are not asked in this run.
    pub(super) fn admit_one<'a>(&mut self, turn: Turn, known: impl Fn(Place) -> Option<&'a Answer>) {
        let Self { book, needs, asked, .. } = self;
        let freed = needs.admit(book, turn, |place| match asked.get(&place) {
            Some(asked) => asked.answer.as_deref().map_or(Known::Open, Known::Decided),
            None => known(place).map_or(Known::Unasked, Known::Decided),
        });
        freed.into_iter().for_each(|freed| self.free(freed));
    }

    /// Lets it wait again, unless its answer is known by now, or nobody wants it.
    pub(super) fn await_turn(&mut self, turn: Turn, join: impl FnOnce(&mut Line, Turn)) {
        let cancelled = self.is_cancelled(turn.query).then_some(Foregone::Cancelled);
        match self.follows(turn.query).or(cancelled).or_else(|| self.loses(turn.query)) {
            Some(foregone) => self.foregone.push_back((turn, foregone)),
            None => join(&mut self.line, turn),
        }
    }

    fn follows(&self, query: Place) -> Option<Foregone> {
        let (by, truth) = self.implications.as_ref()?.by(query)?;
        Some(Foregone::Implied(by, truth))
    }

    fn loses(&self, query: Place) -> Option<Foregone> {
        self.races.outrun(&self.book, query).map(Foregone::Outrun)
    }

    fn free(&mut self, freed: Freed) {
        match freed {
            Freed::May(turn) => self.enlist(turn),
            Freed::Never(turn, why) => self.foregone.push_back((turn, Foregone::Skipped(why))),
        }
    }

    /// Keeps what a pass has said that is followed by another.
    pub(super) fn remember(&mut self, turn: &Turn, outcome: &Outcome) {
        let name = self.query(turn.query).and_then(|query| query.asking(turn.pass)?.name.cloned());
        if let (Some(verdict), Some(asked)) = (&outcome.judgement.verdict, self.asked.get_mut(&turn.query)) {
            asked.said = Some(Box::new(Said { pass: name, verdict: Arc::clone(verdict) }));
        }
    }

    /// The row of a query is there. What an earlier pass has said stands in it where this one has said nothing.
    pub(super) fn conclude(&mut self, now: Tick, turn: &Turn, mut outcome: Outcome, orders: &mut Vec<Order>) {
        let said = self.asked.get(&turn.query).and_then(|asked| asked.said.as_ref());
        if let Some(said) = said.filter(|_| outcome.judgement.verdict.is_none() && !outcome.is_derived()) {
            outcome.remark(&said.sentence());
        }
        let matters = self.implications.is_some() || self.needs.len() > 0 || self.book.is_open();
        let answer = matters.then(|| Answer::of(&outcome));
        let losers = self.run_race(now, turn.query, &mut outcome);
        self.rest(turn, &outcome);
        self.record(turn, Then::Nothing, outcome, orders);
        self.end_losers(losers, orders);
        let Some(answer) = answer else { return };
        self.decide(turn.query, &answer);
        if let Some(asked) = self.asked.get_mut(&turn.query).filter(|_| self.book.is_open()) {
            asked.answer = Some(Box::new(answer));
        }
    }

    /// What follows for others from what a query came to.
    fn decide(&mut self, query: Place, answer: &Answer) {
        let freed = self.needs.decide(&self.book, query, answer);
        freed.into_iter().for_each(|freed| self.free(freed));
        let (Some(implications), Some(truth)) = (&mut self.implications, answer.truth()) else { return };
        for place in implications.learn(query, truth) {
            if let Some(turn) = self.line.strike(place).or_else(|| self.needs.strike(place)) {
                self.foregone.push_back((turn, Foregone::Implied(query, truth)));
            }
        }
    }

    /// Gives rows to those that are known, as long as there is room for them. From each may follow others.
    pub(super) fn settle_foregone(&mut self, now: Tick, orders: &mut Vec<Order>) {
        while self.unwritten < self.bounds.unwritten {
            self.keep_time(now, orders);
            let looked_after = self.care.waiting() + self.clockwork.waiting();
            let is_idle = self.line.len() == 0 && self.running.is_empty() && looked_after == 0;
            if self.foregone.is_empty() && is_idle {
                let freed = self.needs.break_circle(&self.book);
                freed.into_iter().for_each(|freed| self.free(freed));
            }
            let Some((turn, foregone)) = self.foregone.pop_front() else { break };
            let outcome = match foregone {
                Foregone::Skipped(why) => Outcome::skipped(why),
                Foregone::Outrun(why) => Outcome::outrun(why),
                Foregone::Cancelled => Outcome::cancelled(),
                Foregone::GivenUp(why) => Outcome::not_started(why, Cause::Cancelled),
                Foregone::Implied(by, truth) => {
                    let id = self.query(by).map(|by| Arc::clone(&by.id)).unwrap_or_default();
                    Outcome::implied(id, truth.word().into(), truth.counts)
                }
            };
            self.conclude(now, &turn, outcome, orders);
        }
    }
}

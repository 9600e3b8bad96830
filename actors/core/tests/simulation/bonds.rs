//! What must hold of passes, of what others need, and of what follows from others: told of all that is started and written
//! down, and worked out from the plan again, in other words than those of the desk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provisor_core::Plan;
use provisor_core::cause::{Cause, End, Exit, Outcome};
use provisor_core::plan::{Condition, Need, Only, Prune, Query};
use provisor_core::roster::{Place, Then};
use provisor_core::row::Row;
use provisor_core::verdict::Counts;

use crate::laws::{Law, Verdict, holds};

#[derive(Debug, Default)]
pub(crate) struct Bonds {
    plan: Option<Arc<Plan>>,
    /// What the disk had at the beginning of this run, in order.
    found: Vec<Arc<Row>>,
    /// The first pass in this run of each that is to be done.
    todo: BTreeMap<Place, usize>,
    begun: BTreeSet<Place>,
    /// The row of each query that has one: of this run, or kept.
    rows: BTreeMap<Place, Arc<Row>>,
    /// What was written down last of each, in this run.
    last: BTreeMap<Place, Arc<Row>>,
    /// What the last pass of each has said that was followed by another, in this run.
    said: BTreeMap<Place, Arc<str>>,
    /// As which pass each attempt of this run was carried out.
    ran_as: BTreeMap<(Place, u32), usize>,
}

impl Bonds {
    pub(crate) fn run_begins(
        &mut self,
        plan: &Arc<Plan>,
        found: &[Arc<Row>],
        kept: &[Arc<Row>],
        todo: BTreeMap<Place, usize>,
    ) -> Verdict {
        let rows = kept.iter().map(|row| (row.query, Arc::clone(row))).collect();
        *self = Self { plan: Some(Arc::clone(plan)), found: found.to_vec(), todo, rows, ..Self::default() };
        let derived = kept.iter().find(|row| row.outcome.is_derived());
        holds(derived.is_none(), Law::WhatIsDerivedIsDecidedAnew, || format!("{derived:?} is kept"))?;
        let loose = kept.iter().find(|row| self.rests_on_what_is_open(row.query));
        holds(loose.is_none(), Law::WhatStandsRestsOnWhatStands, || format!("{loose:?} is kept"))
    }

    /// Something that it needs is not known, or is not as it has to be.
    fn rests_on_what_is_open(&self, query: Place) -> bool {
        !self.needs(query).iter().all(|need| self.is_as_wanted(need))
    }

    /// At the beginning of a run: who is asked from its first pass on because of what it needs, whatever it has come to.
    pub(crate) fn begin_again(&self) -> Vec<Place> {
        let anew = self.todo.iter().filter(|(_, first)| **first == 0).map(|(query, _)| *query);
        anew.filter(|query| self.rests_on_what_is_open(*query)).collect()
    }

    fn query(&self, place: Place) -> Option<&Query> {
        self.plan.as_ref()?.queries.get(place as usize)
    }

    /// The desk has a query asked in this pass, and `ran_as` is the pass as which that is carried out.
    pub(crate) fn attempt_starts(
        &mut self,
        query: Place,
        attempt: u32,
        pass: usize,
        ran_as: usize,
    ) -> Verdict {
        self.begun.insert(query);
        self.ran_as.insert((query, attempt), ran_as);
        self.pass_is_due(query, pass)?;
        self.earlier_passes_come_first(pass)?;
        let unmet = self.needs(query).iter().find(|need| !self.is_as_wanted(need));
        let law = Law::NoneStartsBeforeItsNeeds;
        holds(unmet.is_none(), law, || format!("query {query} starts and needs {unmet:?}"))?;
        let by = self.implied_by(query);
        holds(by.is_none(), Law::WhatFollowsIsNotMeasured, || format!("query {query} follows from {by:?}"))
    }

    /// The one before it, in this run or in earlier ones, has come to what this pass is for.
    fn pass_is_due(&self, query: Place, pass: usize) -> Verdict {
        let follows = |row: &Arc<Row>| row.query == query && row.pass + 1 == pass && self.leads_on(row);
        let is_due = match self.last.get(&query) {
            Some(row) if row.then == Then::Retry => row.pass == pass,
            Some(row) => follows(row),
            None => pass == 0 || self.found.iter().any(follows),
        };
        holds(is_due, Law::APassFollowsItsRule, || format!("query {query} is in pass {pass}"))
    }

    /// While something could be started in an earlier pass that has not been yet, nothing is in a later one. Where memory is
    /// shared out, who does not fit is overtaken.
    fn earlier_passes_come_first(&self, pass: usize) -> Verdict {
        if self.plan.as_ref().is_none_or(|plan| plan.memory_budget.is_some()) {
            return Ok(());
        }
        let could = |query: Place| {
            !self.begun.contains(&query)
                && !self.rows.contains_key(&query)
                && self.needs(query).iter().all(|need| self.is_as_wanted(need))
                && self.implied_by(query).is_none()
        };
        let overtaken = self.todo.iter().find(|(query, first)| **first < pass && could(**query));
        holds(overtaken.is_none(), Law::EarlierPassesComeFirst, || format!("{overtaken:?} waits"))
    }

    /// A row is sent to the disk; `lives` says whether somebody attends to its query just then, and `ends` that the run is to
    /// end.
    pub(crate) fn row_is_sent(&mut self, row: &Arc<Row>, lives: bool, ends: bool) -> Verdict {
        match &row.outcome.end {
            End::Implied(by) => self.row_is_implied(row, by, lives)?,
            End::Skipped(why) => self.row_is_skipped(row, why, lives)?,
            _ => self.row_is_measured(row, ends)?,
        }
        if let Some(verdict) = row.outcome.judgement.verdict.clone().filter(|_| row.then == Then::NextPass) {
            self.said.insert(row.query, verdict);
        }
        self.last.insert(row.query, Arc::clone(row));
        if row.then == Then::Nothing {
            self.rows.insert(row.query, Arc::clone(row));
        }
        Ok(())
    }

    fn row_is_measured(&self, row: &Arc<Row>, ends: bool) -> Verdict {
        let ran_as = self.ran_as.get(&(row.query, row.attempt));
        let law = Law::APassIsAskedInItsOwnWay;
        holds(ran_as == Some(&row.pass), law, || format!("{row:?} ran as {ran_as:?}"))?;
        let leads_on = self.leads_on(row);
        let as_ruled = match row.then {
            Then::Nothing => !leads_on || ends,
            Then::NextPass => leads_on,
            Then::Retry => true,
            Then::Restart => false,
        };
        holds(as_ruled, Law::APassFollowsItsRule, || format!("{row:?}"))?;
        let said = self.said_before(row).filter(|_| row.then == Then::Nothing);
        let Some(said) = said.filter(|_| row.outcome.judgement.verdict.is_none()) else { return Ok(()) };
        let tells = |text: &Arc<str>| text.ends_with(&format!("said: {said}"));
        let is_told = match &row.outcome.end {
            End::NotStarted(why) | End::Lost(why) => tells(why),
            _ => row.outcome.evidence.as_ref().is_some_and(tells),
        };
        holds(is_told, Law::WhatAPassSaidIsRemembered, || format!("{said} is not told by {row:?}"))
    }

    /// What was said by the last pass before this row that has said anything: in this run, or, where that began with a later
    /// pass, by the attempt that led to it, or by any of a pass before that.
    fn said_before(&self, row: &Row) -> Option<Arc<str>> {
        let led_on = |pass: usize| {
            let rows = self.found.iter().rev().filter(move |old| old.query == row.query && old.pass == pass);
            rows.filter(|old| old.then != Then::Retry && self.leads_on(old))
        };
        let verdict = |old: &Arc<Row>| old.outcome.judgement.verdict.clone();
        let last = || self.todo.get(&row.query)?.checked_sub(1);
        let by_last = || led_on(last()?).next().and_then(verdict);
        let by_others = || (0..last()?).rev().find_map(|pass| led_on(pass).find_map(verdict));
        self.said.get(&row.query).cloned().or_else(by_last).or_else(by_others)
    }

    fn row_is_implied(&self, row: &Row, by: &str, lives: bool) -> Verdict {
        let by: Option<Place> = by.parse().ok();
        let from = by.and_then(|by| Some((by, measured(self.rows.get(&by)?)?)));
        let verdict = row.outcome.judgement.verdict.as_deref();
        let follows = from.is_some_and(|(by, is_true)| {
            verdict == Some(if is_true { "true" } else { "false" }) && self.is_beside(by, is_true, row.query)
        });
        let prunes = self.plan.as_ref().is_some_and(|plan| plan.prune == Prune::On);
        holds(follows && prunes && !lives, Law::WhatIsImpliedFollows, || format!("{row:?}, from {from:?}"))
    }

    fn row_is_skipped(&self, row: &Row, why: &str, lives: bool) -> Verdict {
        let stands_against = |need: &&Need| match self.rows.get(&need.query) {
            Some(_) => !self.is_as_wanted(need),
            None => !self.todo.contains_key(&need.query),
        };
        let has_reason = self.needs(row.query).iter().any(|need| stands_against(&need));
        holds(has_reason && !lives, Law::WhatIsSkippedCouldNotBeAsked, || {
            format!("query {}: {why}", row.query)
        })
    }

    fn needs(&self, query: Place) -> &[Need] {
        self.query(query).map_or(&[], |query| &query.needs)
    }

    fn is_as_wanted(&self, need: &Need) -> bool {
        self.rows.get(&need.query).is_some_and(|row| {
            let has_said =
                |wanted: &dyn Fn(&str) -> bool| row.outcome.judgement.verdict.as_deref().is_some_and(wanted);
            let is_implied = matches!(row.outcome.end, End::Implied(_));
            match &need.condition {
                Condition::Says(verdict) => {
                    has_said(&|said| said == &**verdict) && (ended_by_itself(&row.outcome) || is_implied)
                }
                Condition::Well => {
                    let by_force = !matches!(row.outcome.cause, Cause::Exited | Cause::Concluded);
                    let came_to_its_end = matches!(row.outcome.end, End::Reaped(_)) && !by_force;
                    self.is_hoped_for(row) && (came_to_its_end || is_implied)
                }
                Condition::Over => true,
            }
        })
    }

    /// It says what is expected of its query, or something that is good where nothing is.
    fn is_hoped_for(&self, row: &Row) -> bool {
        let Some(said) = row.outcome.judgement.verdict.as_deref() else { return false };
        let expected = self.query(row.query).and_then(|query| query.expect.as_deref());
        expected.map_or(row.outcome.judgement.counts == Counts::Ok, |expected| said == expected)
    }

    /// Whoever has been measured to something that this one follows from.
    fn implied_by(&self, query: Place) -> Option<Place> {
        if self.plan.as_ref()?.prune != Prune::On {
            return None;
        }
        let implies =
            |by: Place, row: &Row| measured(row).is_some_and(|is_true| self.is_beside(by, is_true, query));
        self.rows.iter().find(|(by, row)| implies(**by, row)).map(|(by, _)| *by)
    }

    /// Whether what is `is_true` of this one is so of that one. Scenarios are sets of what an attacker has.
    fn is_beside(&self, from: Place, is_true: bool, to: Place) -> bool {
        let cell = |place| self.query(place).and_then(|query| query.cell);
        let (Some(from), Some(to)) = (cell(from), cell(to)) else { return false };
        let (small, large) =
            if is_true { (to.scenario, from.scenario) } else { (from.scenario, to.scenario) };
        from.family == to.family && small != large && small & large == small
    }

    /// There is a pass after that of this row, and it is for what this one has come to.
    pub(crate) fn leads_on(&self, row: &Row) -> bool {
        let next = self.query(row.query).and_then(|query| query.further.get(row.pass));
        next.is_some_and(|next| is_for(next.only, &row.outcome, self.is_hoped_for(row)))
    }
}

/// What was said, where it was measured to an end of its own and is true or false.
fn measured(row: &Row) -> Option<bool> {
    let verdict = row.outcome.judgement.verdict.as_deref().filter(|_| ended_by_itself(&row.outcome));
    verdict.and_then(|verdict| verdict.parse().ok())
}

fn ended_by_itself(outcome: &Outcome) -> bool {
    matches!(
        (&outcome.end, outcome.cause),
        (End::Reaped(Exit::Code(_)), Cause::Exited) | (End::Reaped(_), Cause::Concluded)
    )
}

fn is_for(only: Only, outcome: &Outcome, is_hoped_for: bool) -> bool {
    let End::Reaped(_) = outcome.end else { return false };
    let (verdict, counts) = (outcome.judgement.verdict.as_deref(), outcome.judgement.counts);
    match outcome.cause {
        Cause::Outrun | Cause::Deadline | Cause::Cancelled => false,
        Cause::Exited | Cause::Concluded => match only {
            Only::Limited => false,
            Only::Open => verdict.is_none() || counts == Counts::Open,
            Only::NotTrue => verdict != Some("true"),
            Only::NotWell => !is_hoped_for,
        },
        _ => true,
    }
}

//! `health`: the signs of life that queries owe.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use provisor_core::health::Probe;
use provisor_core::plan::Limits;

use super::Lowering;
use super::recipe::{Layers, Recipe, Text};
use crate::fault::Fault;
use crate::spanned::Place;
use crate::spec::{Health, Scalar};
use crate::template::Scope;

/// A probe whose command is still a template.
pub(super) struct ProbeFrom<'e> {
    place: Place,
    argv: Vec<Text<'e>>,
    every: Duration,
    within: Duration,
    failures: u32,
}

impl<'e> Lowering<'e> {
    /// Who has to print something now and then is silent otherwise, which is a limit like others. What is left is the probe.
    pub(super) fn health(&mut self, layers: Layers<'e>, limits: &mut Limits) -> Option<Rc<ProbeFrom<'e>>> {
        let written = layers.first(|settings| settings.health)?;
        let health = &written.value;
        let line_every = health.line_every.as_ref().and_then(|every| self.limit("line_every", every));
        limits.silence = limits.silence.into_iter().chain(line_every).min();
        if health.probe.is_some() {
            return self.probe_from(health).map(Rc::new);
        }
        let of_probe = [
            ("every", health.every.as_ref().map(|every| every.place)),
            ("within", health.within.as_ref().map(|within| within.place)),
            ("failures", health.failures.as_ref().map(|failures| failures.place)),
        ];
        let of_probe = of_probe.into_iter().find_map(|(field, place)| Some((field, place?)));
        match of_probe {
            Some((field, place)) => self.problems.fault(place, Fault::NeedsProbe { field }),
            None if health.line_every.is_none() => self.problems.fault(written.place, Fault::IdleHealth),
            None => {}
        }
        None
    }

    fn probe_from(&mut self, health: &'e Health) -> Option<ProbeFrom<'e>> {
        let probe = health.probe.as_ref()?;
        if probe.items.is_empty() {
            self.problems.fault(probe.place, Fault::Empty { of: "probe" });
        }
        let mut time = |field, written: &Option<Scalar>| self.time_of_probe(field, written.as_ref()?);
        let every = time("every", &health.every).unwrap_or(Probe::EVERY);
        let within = time("within", &health.within).unwrap_or(every);
        if let Some(written) = health.within.as_ref().or(health.every.as_ref()).filter(|_| within > every) {
            self.problems.fault(written.place, Fault::LongProbe { within, every });
        }
        if let Some(failures) = health.failures.as_ref().filter(|failures| failures.value == 0) {
            self.problems.fault(failures.place, Fault::ZeroOfProbe { field: "failures" });
        }
        let failures = health.failures.as_ref().map_or(Probe::FAILURES, |failures| failures.value);
        let argv = probe.items.iter().filter_map(|text| self.text(text)).collect();
        Some(ProbeFrom { place: probe.place, argv, every, within, failures })
    }

    fn time_of_probe(&mut self, field: &'static str, written: &Scalar) -> Option<Duration> {
        let time = self.duration(written)?;
        if time.is_zero() {
            self.problems.fault(written.place, Fault::ZeroOfProbe { field });
        }
        Some(time)
    }

    /// That of a query, if it has one; none, where something is wrong with it.
    pub(super) fn probe(
        &mut self,
        recipe: &Recipe<'_>,
        scope: Scope<'_>,
        id: &Arc<str>,
    ) -> Option<Option<Arc<Probe>>> {
        let Some(from) = &recipe.probe else { return Some(None) };
        let argv = self.argv(&from.argv, scope, id)?;
        let place = from.argv.first().map_or(from.place, |text| text.place);
        if !self.has_program(&argv, place, id) {
            return None;
        }
        let probe = Probe::new(argv).every(from.every).within(from.within).failures(from.failures);
        Some(Some(self.shared.probes.share(probe)))
    }
}

//! `every` and what goes with it: queries that are asked again and again.

use std::sync::Arc;
use std::time::Duration;

use provisor_core::Query;
use provisor_core::backoff::Backoff;
use provisor_core::periodic::Schedule;
use provisor_core::plan::Care;

use super::Lowering;
use super::recipe::Layers;
use crate::fault::Fault;
use crate::template::Point;

/// The axis whose values are what queries ask, as far as others ask the same.
const HOST: &str = "host";

impl<'e> Lowering<'e> {
    /// When the queries of an origin are asked, again and again, if they are.
    pub(super) fn rounds(&mut self, layers: Layers<'e>) -> Option<Care> {
        let jitter = layers.first(|settings| settings.jitter);
        let overlap = layers.first(|settings| settings.overlap);
        let keep_last = layers.first(|settings| settings.keep_last);
        let Some(written) = layers.first(|settings| settings.every) else {
            let alone = [
                ("jitter", jitter.map(|jitter| jitter.place)),
                ("overlap", overlap.map(|overlap| overlap.place)),
                ("keep_last", keep_last.map(|keep_last| keep_last.place)),
            ];
            for (field, place) in alone {
                if let Some(place) = place {
                    self.problems.fault(place, Fault::NeedsEvery { field });
                }
            }
            return None;
        };
        if let Some(group) = layers.first(|settings| settings.group) {
            self.problems.fault_of_two(written.place, (group.place, "the group"), Fault::RoundsInGroup);
        }
        let every = self.duration(written);
        if every == Some(Duration::ZERO) {
            self.problems.fault(written.place, Fault::EveryZero);
        }
        let at_most = jitter.and_then(|jitter| self.duration(jitter)).unwrap_or_default();
        if let Some(jitter) = jitter.filter(|_| every.is_some_and(|every| at_most > every)) {
            self.problems.fault(jitter.place, Fault::JitterTooLong);
        }
        let kept = keep_last.map_or(1, |rounds| usize::try_from(rounds.value).unwrap_or(0));
        if let Some(keep_last) = keep_last.filter(|_| kept == 0) {
            self.problems.fault(keep_last.place, Fault::KeepsNone);
        }
        let overlap = overlap.map(|overlap| overlap.value).unwrap_or_default();
        let schedule = Schedule { every: every?, jitter: at_most, overlap };
        Some(Care::Rounds { schedule, host: None, keep_last: kept })
    }

    /// How a query at this point of the matrix is looked after: where there is an axis of hosts, it asks its host.
    pub(super) fn care_at(&self, care: Option<&Care>, points: &[Arc<Point>]) -> Option<Box<Care>> {
        let mut care = care.cloned()?;
        if let Care::Rounds { host, .. } = &mut care {
            let at = self.axes.iter().position(|axis| &**axis == HOST);
            *host = at.and_then(|at| points.get(at)).map(|point| point.text.clone());
        }
        Some(Box::new(care))
    }

    /// How long hosts are spared that have failed.
    pub(super) fn spare(&mut self, queries: &[Query]) -> Option<Backoff> {
        let written = self.job.spare_hosts.as_ref()?;
        let pauses = self.backoff(&written.value);
        let has_host =
            |query: &Query| matches!(query.care.as_deref(), Some(Care::Rounds { host: Some(_), .. }));
        if !queries.iter().any(has_host) && !self.problems.any() {
            self.problems.fault(written.place, Fault::NoHosts);
        }
        pauses
    }
}

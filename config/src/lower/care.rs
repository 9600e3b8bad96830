//! `groups` and what queries say of themselves in them: who is started again, and how they are stopped.

use std::time::Duration;

use provisor_core::backoff::Backoff;
use provisor_core::dice::Share;
use provisor_core::plan::{Care, Group};
use provisor_core::supervision::{GroupSettings, Intensity, MemberSettings, Shutdown};

use super::Lowering;
use super::recipe::Layers;
use crate::fault::{Fault, near_hint};
use crate::spanned::Place;
use crate::spec::{self, GroupFields, GroupForm};

/// No pause is longer where nothing is said.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl<'e> Lowering<'e> {
    /// The groups of the job: that of all its queries first, then those with names, each after the one that it stands in.
    pub(super) fn check_groups(&mut self) {
        let job = self.job;
        if let (Some(group), Some(_)) = (&job.group, &job.study) {
            self.problems.fault(group.place, Fault::TwoSources { first: "group", second: "study" });
        }
        if let Some(GroupForm::Fields(fields)) = job.group.as_ref().map(|group| &group.form) {
            let settings = self.group_settings(fields);
            if let Some(within) = &fields.within {
                self.problems.fault(within.place, Fault::GroupOfAllWithin);
            }
            self.groups.push(Group { name: job.name.value.as_str().into(), settings, parent: None });
        }
        for (name, fields) in job.groups.iter().flat_map(|groups| &groups.0) {
            let settings = self.group_settings(fields);
            let within = fields.within.as_ref();
            let parent = within.and_then(|within| self.group_named(&within.value, within.place));
            if !super::ids::is_part(&name.value) {
                self.problems.fault(name.place, Fault::GroupName { name: name.value.clone() });
            }
            self.groups.push(Group { name: name.value.as_str().into(), settings, parent });
        }
    }

    fn group_settings(&mut self, fields: &'e GroupFields) -> GroupSettings {
        let usual = GroupSettings::default();
        let intensity = fields.intensity.as_ref().and_then(|(restarts, within)| {
            Some(Intensity { restarts: *restarts, within: self.duration(within)? })
        });
        GroupSettings {
            strategy: fields.strategy.unwrap_or(usual.strategy),
            intensity: intensity.unwrap_or(usual.intensity),
            shutdown: fields.shutdown.as_ref().and_then(|stop| self.shutdown(stop)).unwrap_or(usual.shutdown),
            backoff: fields.backoff.as_ref().and_then(|backoff| self.backoff(backoff)),
            restart: fields.restart.unwrap_or(usual.restart),
        }
    }

    fn shutdown(&mut self, written: &'e spec::Shutdown) -> Option<Shutdown> {
        Some(match written {
            spec::Shutdown::Kill => Shutdown::Kill,
            spec::Shutdown::After(grace) => Shutdown::After(self.duration(grace)?),
            spec::Shutdown::Infinity => Shutdown::Infinity,
        })
    }

    pub(super) fn backoff(&mut self, written: &'e spec::Backoff) -> Option<Backoff> {
        let first = self.duration(&written.first)?;
        let longest = match &written.longest {
            Some(longest) => self.duration(longest)?,
            None => LONGEST_PAUSE.max(first),
        };
        let jitter = match &written.jitter {
            None => Share::NONE,
            Some(jitter) => Share::new(jitter.value).unwrap_or_else(|| {
                self.problems.fault(jitter.place, Fault::NoShare { share: jitter.value });
                Share::NONE
            }),
        };
        Some(Backoff { first, longest, jitter })
    }

    /// The place of the group of this name, among those that were written before.
    fn group_named(&mut self, name: &str, place: Place) -> Option<u32> {
        let job_wide =
            usize::from(matches!(&self.job.group, Some(group) if matches!(group.form, GroupForm::Fields(_))));
        let found = self.groups.iter().skip(job_wide).position(|group| &*group.name == name);
        if found.is_none() {
            let known: Vec<_> = self.groups.iter().skip(job_wide).map(|group| &*group.name).collect();
            let hint = match &known[..] {
                [] => format!("write it before it is named: groups: {{\"{name}\": ()}}"),
                known => near_hint(name, known, "groups"),
            };
            self.problems.fault(place, Fault::NoSuchGroup { name: name.into(), hint });
        }
        u32::try_from(found? + job_wide).ok()
    }

    /// How the queries of an origin are looked after.
    pub(super) fn care(&mut self, layers: Layers<'e>) -> Option<Care> {
        let restart = layers.first(|settings| settings.restart);
        let shutdown = layers.first(|settings| settings.shutdown);
        let rounds = self.rounds(layers);
        let Some(group) = layers.first(|settings| settings.group) else {
            let alone = [
                ("restart", restart.map(|restart| restart.place)),
                ("shutdown", shutdown.map(|shutdown| shutdown.place)),
            ];
            for (field, place) in alone {
                if let Some(place) = place {
                    self.problems.fault(place, Fault::NeedsGroup { field });
                }
            }
            return rounds;
        };
        let shutdown = shutdown.and_then(|shutdown| self.shutdown(&shutdown.value));
        let settings =
            MemberSettings { restart: restart.map(|restart| restart.value).unwrap_or_default(), shutdown };
        let group = match &group.form {
            GroupForm::Name(name) => self.group_named(name, group.place)?,
            GroupForm::Fields(_) if layers.inner.is_some_and(|inner| inner.group.is_some()) => {
                self.problems.fault(group.place, Fault::GroupOfOne);
                return None;
            }
            GroupForm::Fields(_) => 0,
        };
        Some(Care::Member { group, settings })
    }
}

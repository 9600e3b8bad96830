//! What is to come of somebody, and why it is stopped: for those who write down what became of it.

use super::Supervision;
use super::settings::Intensity;
use super::state::{State, Then};
use super::words::{Child, GroupId, Reason, Standing};
use crate::roster::Place;

impl Supervision {
    /// Whether it is down for a while only: it is started again by itself, as far as that is known by now. A group above it that
    /// has failed may still be started again, and it with that.
    #[must_use]
    pub fn returns(&self, member: Place) -> bool {
        let child = Child::Member(member);
        let Some(found) = self.members.get(&member) else { return false };
        match self.fate(child) {
            Some(Then::Again { .. }) => !found.seat.stays_down,
            Some(Then::Fail | Then::Rest) => false,
            None => {
                let is_to_start = matches!(found.standing(), Standing::Up | Standing::Waiting);
                is_to_start || self.groups_above(child).any(|group| self.is_delayed(group))
            }
        }
    }

    /// Why it is stopped or was not left alone: what the outermost group that stops it is about.
    #[must_use]
    pub fn reason(&self, member: Place) -> Option<Reason> {
        let mut reason = None;
        let mut child = Child::Member(member);
        while let Some((group, rank)) = self.above(child) {
            let fate = self.groups.get(&group).and_then(|group| group.fate(rank));
            reason = match fate {
                Some(Then::Again { .. }) => Some(Reason::Restarted(group)),
                Some(Then::Fail) => Some(Reason::Failed(group)),
                Some(Then::Rest) => Some(Reason::Stopped(group)),
                None => reason,
            };
            child = Child::Group(group);
        }
        reason
    }

    /// Those that were ordered to start and are going to be stopped, in their turn.
    #[must_use]
    pub fn condemned(&self) -> Vec<Place> {
        let is_up = |place: &&Place| self.standing(Child::Member(**place)) == Some(Standing::Up);
        let members = self.members.keys().filter(is_up);
        members.filter(|place| self.fate(Child::Member(**place)).is_some()).copied().collect()
    }

    /// How many restarts of a group are well.
    #[must_use]
    pub fn intensity(&self, group: GroupId) -> Option<Intensity> {
        self.groups.get(&group).map(|group| group.settings.intensity)
    }

    /// The groups in which it stands, from the innermost on.
    fn groups_above(&self, child: Child) -> impl Iterator<Item = GroupId> {
        let above = |child| self.above(child).map(|(group, _)| group);
        std::iter::successors(above(child), move |group| above(Child::Group(*group)))
    }

    fn is_delayed(&self, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|group| matches!(group.state, State::Delayed { .. }))
    }
}

//! How the limits of trees are watched: the meter says when and what, here are the trees.

use std::time::Instant;

use super::super::wire::Reply;
use super::Keeper;

impl Keeper {
    /// Looks at the trees that are due, and tells of what is above its limit.
    pub(super) fn measure(&mut self) {
        if self.children.is_empty() {
            return;
        }
        let now = Instant::now();
        self.meter.read_machine(now);
        let (children, orphans) = (&self.children, &self.orphans);
        let live = |id: u64| children.get(&id).filter(|child| child.pidfd.is_some());
        let mut told = Vec::new();
        self.meter.round(
            now,
            |id| live(id).map(|child| &child.groups),
            |id, leader| {
                let group = live(id).and_then(|child| child.groups.unified());
                let mut found = group.map(|group| group.members()).unwrap_or_default();
                if group.is_none() {
                    orphans.visit_tree(id, leader, &mut |pid| found.push(pid));
                }
                found
            },
            |id, seen| told.push(Reply::Exceeded { id, seen }),
        );
        for exceeded in told {
            // That the supervisor is gone shows at the socket too.
            let _ = self.reply(exceeded, Vec::new());
        }
    }
}

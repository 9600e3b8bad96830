//! What stands and what runs, said before it runs.

use provisor_actors::disk;
use provisor_actors::rundir::RunDir;
use provisor_core::Plan;
use provisor_core::reuse::Why;

use crate::past::Outlook;
use crate::session::Show;
use crate::view::{tell, words};

/// Says it.
pub(crate) fn greet(show: Show, plan: &Plan, outlook: &Outlook, dir: &RunDir) {
    if show == Show::Nothing {
        return;
    }
    let path = dir.path().display();
    if let Some(weakness) = disk::weakness(dir.folder()) {
        tell(&format!("warning: {path} {weakness}"));
    }
    for rescue in dir.rescues().unwrap_or_default() {
        tell(&format!(
            "{} has rows that an earlier run could not keep; what is not in provisor.db is run again, and the file is yours",
            rescue.display()
        ));
    }
    let reused = outlook.reused().count();
    let queries = words::queries(reused + outlook.todo().count());
    let mut line = format!("{}: {queries}, {} at a time, into {}", plan.job, plan.slots, path);
    if reused > 0 {
        line.push_str(&format!("; {reused} reused from earlier runs"));
        if outlook.judged() > 0 {
            line.push_str(&format!(" ({} judged again by the changed rules)", outlook.judged()));
        }
    }
    tell(&line);
    for (why, n) in &outlook.reasons {
        tell(&format!("  {} run again: {}", words::queries(*n), reason(*why)));
    }
}

const fn reason(why: Why) -> &'static str {
    match why {
        Why::New => "new",
        Why::Changed => "the command, its environment, an input or the tool has changed",
        Why::Unsettled => "no verdict, or not ended by itself",
        Why::LimitRaised => "the limit that stopped it was raised",
        Why::RulesChanged => "the rules have changed and its log cannot be judged again",
        Why::Complete => "the last run was complete",
        Why::Asked => "asked for",
    }
}

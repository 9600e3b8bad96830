//! What stands and what runs, and how long that may take, said before it runs.

use std::time::Duration;

use provisor_actors::disk;
use provisor_actors::rundir::RunDir;
use provisor_core::Plan;
use provisor_core::reuse::Why;

use crate::past::Outlook;
use crate::progress::{Ahead, Progress};
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

/// Less work than this is done before it is read of.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Says how much work there is and when it may be done, where earlier runs tell how long queries take.
pub(crate) fn foretell(show: Show, progress: &Progress) {
    let ahead = progress.ahead().filter(|ahead| show != Show::Nothing && ahead.work >= WORTH_TELLING);
    if let Some(ahead) = ahead {
        tell(&foretold(&ahead));
    }
}

fn foretold(ahead: &Ahead) -> String {
    let Ahead { queries, known, work, likely } = *ahead;
    let of = if known < queries { format!(" of {known} of these {queries}") } else { String::new() };
    format!(
        "  by earlier runs{of} about {} of work, done in about {}",
        words::rough(work),
        words::rough(likely)
    )
}

const fn reason(why: Why) -> &'static str {
    match why {
        Why::New => "new",
        Why::Derived => "never run",
        Why::Changed => "the command, its environment, an input or the tool has changed",
        Why::Unsettled => "no verdict, or not ended by itself",
        Why::NextPass => "a further pass follows",
        Why::LimitRaised => "the limit that stopped it was raised",
        Why::RulesChanged => "the rules have changed and its log cannot be judged again",
        Why::Complete => "the last run was complete",
        Why::Asked => "asked for",
        Why::NeedsOther => "what they rest on is asked again, or has come to something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_is_told_with_how_much_of_it_is_known() {
        let [work, likely] = [3 * 3600 + 120, 40 * 60 + 12].map(Duration::from_secs);
        let told = |known| foretold(&Ahead { queries: 378, known, work, likely });
        assert_eq!(told(378), "  by earlier runs about 3h 02m of work, done in about 40m 12s");
        assert_eq!(
            told(9),
            "  by earlier runs of 9 of these 378 about 3h 02m of work, done in about 40m 12s"
        );
    }
}

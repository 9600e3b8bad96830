//! What is set for one child, and who sees it.

use std::fs;
use std::sync::Arc;

use provisor_core::plan::{Command, Environment, Inherit};

use crate::executing::{condition, execute};
use crate::harness::{Case, command, with_rig_over};

pub(crate) const CASES: &[Case] =
    &[Case("changed_environment_is_one_childs", changed_environment_is_one_childs)];

/// As `os.environ['FOO'] = ...` in a worker that was forked: here it is neither the next child's nor this process's.
fn changed_environment_is_one_childs() {
    let base = vec![("FOO".into(), "from the base".into()), ("PATH".into(), "/usr/bin:/bin".into())];
    let before = condition();
    with_rig_over(execute(), base, async |rig| {
        let env = |set: &[(&str, &str)]| {
            let set = set.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
            Command {
                env: Arc::new(Environment { inherit: Inherit::All, set }),
                ..command(&["/usr/bin/env"])
            }
        };
        let shown = async |command: Command| {
            let text = rig.run(command).await.text();
            let mut lines: Vec<_> =
                text.lines().filter(|line| !line.starts_with("PROVISOR_ATTEMPT=")).collect();
            lines.sort_unstable();
            lines.join(" ")
        };
        let of_base = "FOO=from the base PATH=/usr/bin:/bin";
        assert_eq!(shown(env(&[])).await, of_base);
        // Side by side, and one after another.
        let changed = env(&[("FOO", "changed"), ("BAR", "new")]);
        let all = futures_util::future::join_all(
            [env(&[]), changed.clone(), env(&[]), env(&[("FOO", "again")])].map(shown),
        );
        let expected =
            [of_base, "BAR=new FOO=changed PATH=/usr/bin:/bin", of_base, "FOO=again PATH=/usr/bin:/bin"];
        assert_eq!(all.await, expected);
        assert_eq!(shown(env(&[])).await, of_base);
        assert_eq!(shown(changed).await, expected[1]);
        assert_eq!(condition(), before, "its own environment is as it was");
        let guardians = fs::read(format!("/proc/{}/environ", rig.guardian)).expect("it is there");
        assert!(!guardians.windows(3).any(|word| word == b"BAR"), "nor is it the guardian's");
    });
}

//! Output: all of it, from both streams, in order.

use std::time::Duration;

use provisor_core::cause::{Exit, StopMethod};

use crate::harness::{Case, finish, line, python, read_all, shell, soon, with_rig};

pub(crate) const CASES: &[Case] = &[
    Case("ten_megabytes_on_both_streams", ten_megabytes_on_both_streams),
    Case("last_words_before_the_exit", last_words_before_the_exit),
    Case("closed_output_is_not_an_exit", closed_output_is_not_an_exit),
    Case("dropped_output_closes_the_pipes", dropped_output_closes_the_pipes),
    Case("grandchild_holds_the_pipe", grandchild_holds_the_pipe),
];

fn ten_megabytes_on_both_streams() {
    const PROGRAM: &str = "
import os
block = bytes(i * 7 % 256 for i in range(65521))
for i in range(160):
    os.write(1, block)
    os.write(2, block[::-1])
";
    with_rig(async |rig| {
        let done = rig.run(python(PROGRAM)).await;
        let block: Vec<u8> = (0..65521_u32).map(|i| u8::try_from(i * 7 % 256).expect("a byte")).collect();
        let backwards: Vec<u8> = block.iter().rev().copied().collect();
        assert!(done.stdout == block.repeat(160), "stdout, {} bytes", done.stdout.len());
        assert!(done.stderr == backwards.repeat(160), "stderr, {} bytes", done.stderr.len());
    });
}

fn last_words_before_the_exit() {
    with_rig(async |rig| {
        for _ in 0..50 {
            let mut launched = rig.start(shell("printf %060000d 7; printf %05000d 8 >&2; exit 2")).await;
            // The exit first, the words then.
            assert_eq!((&mut launched.exit).await.expect("an exit").exit, Exit::Code(2));
            let (stdout, stderr) = read_all(&mut launched.output).await;
            assert_eq!((stdout.len(), stderr.len()), (60_000, 5_000));
            assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 0);
        }
    });
}

fn closed_output_is_not_an_exit() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("exec >&- 2>&-; sleep 0.2; exit 3")).await;
        let start = std::time::Instant::now();
        let (stdout, stderr) = read_all(&mut launched.output).await;
        assert!(stdout.is_empty() && stderr.is_empty());
        assert_eq!(launched.exit.await.expect("an exit").exit, Exit::Code(3));
        assert!(start.elapsed() >= Duration::from_millis(150));
        launched.child.sweep().await.expect("a sweep");
    });
}

fn dropped_output_closes_the_pipes() {
    with_rig(async |rig| {
        let launched = rig.start(shell("while :; do echo y; done 2>/dev/null")).await;
        drop(launched.output);
        let report = soon("the end by a closed pipe", launched.exit).await.expect("an exit");
        assert!(matches!(report.exit, Exit::Signal(13) | Exit::Code(_)), "{:?}", report.exit);
    });
}

fn grandchild_holds_the_pipe() {
    with_rig(async |rig| {
        let mut launched = rig.start(shell("echo first; (sleep 0.3; echo last) & exit 0")).await;
        assert_eq!(line(&mut launched.output).await, "first");
        assert_eq!((&mut launched.exit).await.expect("an exit").exit, Exit::Code(0));
        // It still writes after the leader is gone, and that is heard.
        let (stdout, _) = soon("the end of the output", read_all(&mut launched.output)).await;
        assert_eq!(stdout, b"last\n");
        assert_eq!(launched.child.sweep().await.expect("a sweep").leftovers, 0);
        let mut launched = rig.start(shell("sleep 1000 & exit 0")).await;
        (&mut launched.exit).await.expect("an exit");
        launched.child.signal(StopMethod::Kill);
        assert_eq!(soon("a sweep", launched.child.sweep()).await.expect("a sweep").leftovers, 1);
        soon("the end of the output", read_all(&mut launched.output)).await;
        let done = finish(rig.start(shell("echo both; echo sides >&2")).await).await;
        assert_eq!((done.stdout, done.stderr), (b"both\n".to_vec(), b"sides\n".to_vec()));
    });
}

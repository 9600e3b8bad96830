//! provisor as the guardian of another program, which has none of its own.

mod common;

use common::contained::contained;
use provisor::Launcher;
use provisor::actors::local::{Local, LocalError, Maker};
use provisor::actors::os::guardian::ExecuteError;
use provisor::actors::os::{Launch, LaunchRequest, TreeLimits};
use provisor::core::cause::Exit;
use provisor::core::guarantees::Keeping;
use provisor::core::plan::{Command, Environment, Inherit, Stdin};

fn command(script: &str) -> Command {
    Command {
        argv: ["/bin/sh", "-c", script].map(Into::into).into(),
        env: Environment { inherit: Inherit::Basic, set: Vec::new() }.into(),
        cwd: std::path::Path::new("/").into(),
        stdin: Stdin::Null,
    }
}

async fn exit_of(launch: &dyn Launch, script: &str) -> Exit {
    let request = LaunchRequest {
        cookie: "helper/1/1".into(),
        command: command(script),
        limits: TreeLimits::default(),
    };
    let mut launched = launch.launch(request).await.expect("it starts");
    let report = launched.exit.await.expect("it is known");
    launched.child.sweep().await.expect("an answer");
    report.exit
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

#[test]
fn a_program_without_init_has_provisor_as_its_guardian() {
    contained(|_| {
        block_on(async {
            let maker = Maker::Program(env!("CARGO_BIN_EXE_provisor").into());
            let local = Local { maker, ..Local::default() };
            let Launcher { launch, guarantees, close, .. } = local.launcher().expect("a guardian");
            assert_eq!(guarantees.expect("it is known").keeping, Keeping::Executed);
            assert_eq!(exit_of(&*launch, "exit 7").await, Exit::Code(7));
            drop(launch);
            close.await;
        });
    });
}

#[test]
fn a_program_without_init_is_never_executed_anew() {
    block_on(async {
        let asked = Local { maker: Maker::OwnProgram, ..Local::default() }.launcher();
        let refused = asked.err().expect("this test does not call init");
        assert!(matches!(refused, LocalError::Guardian(ExecuteError::NotInitialised)), "{refused}");
        let Launcher { launch, guarantees, close, .. } =
            Local::default().launcher().expect("always possible");
        assert_eq!(guarantees.expect("it is known").keeping, Keeping::Direct);
        assert_eq!(exit_of(&*launch, "exit 3").await, Exit::Code(3));
        close.await;
    });
}

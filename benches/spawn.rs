//! What the making of a child costs, with real ones: the guardian against a loop of posix_spawn in this same program,
//! beside 0 to 6,000 children that live; and what a small child's memory is said to have been under a supervisor of 1 GiB.
//!
//! Rates are compared inside one round, a short turn each, so that what else the machine does falls on both; ratios are the
//! median of the rounds. `cargo bench --bench spawn` prints a table, and writes `spawn.csv` into the folder `BENCHES_RUN`
//! if that is set. Options: `--containment WORD` (default `sweep`), `--live N` (the most that live, default 6000).

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::collections::VecDeque;
use std::fmt::Write;
use std::fs;
use std::future::poll_fn;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use provisor_actors::os::contain::Contain;
use provisor_actors::os::guardian::{self, GuardianOptions};
use provisor_actors::os::local::LocalLauncher;
use provisor_actors::os::{Launch, LaunchRequest, Launched, TreeLimits, signals};
use provisor_core::containment::Containment;
use provisor_core::plan::{Command, Environment, Inherit, Stdin};

/// So many at a time, by the guardian and by the loop.
const AT_A_TIME: usize = 16;

/// How much is done: all of it, or just enough to see that it works.
struct Extent {
    /// Children a turn.
    turn: usize,
    rounds: usize,
    live: Vec<usize>,
    ballast: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value =
        |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1));
    let containment = value("--containment").map_or("sweep", String::as_str);
    let containment = Containment::ALL.into_iter().find(|one| one.word() == containment).expect("a level");
    let most: usize = value("--live").map_or(6000, |number| number.parse().expect("a number"));
    let extent = if arguments.iter().any(|argument| argument == "--bench") {
        Extent { turn: 300, rounds: 9, live: (0..=most).step_by(1000).collect(), ballast: 1 << 30 }
    } else {
        Extent { turn: 32, rounds: 1, live: vec![0, 20], ballast: 1 << 24 }
    };
    let open_files = signals::raise_open_files().expect("the limit of open files");
    // Two guardians: one with the living children, the other always without.
    let [crowded, alone] = [0, 1].map(|number| {
        let mut guardian =
            guardian::start(GuardianOptions { open_files: Some(open_files) }).expect("a guardian");
        let token = format!("bench-{}-{number}", std::process::id());
        let contained = guardian.contain(Contain { containment, token: &token }).expect("a containment");
        (guardian, contained.level.word())
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let (level, pid) = (crowded.1, crowded.0.pid());
        let [crowded, alone] = [crowded, alone].map(|(guardian, _)| {
            let (launcher, driver) = LocalLauncher::new(guardian, std::env::vars_os());
            tokio::task::spawn_local(driver);
            launcher
        });
        let mut table = Table::new(level);
        rates(&crowded, &alone, pid, &extent, &mut table).await;
        memory(&alone, &extent, &mut table).await;
        table.keep();
        crowded.close().await;
        alone.close().await;
    });
}

async fn rates(crowded: &LocalLauncher, alone: &LocalLauncher, pid: u32, extent: &Extent, table: &mut Table) {
    let mut living: Vec<Launched> = Vec::new();
    for live in &extent.live {
        while living.len() < *live {
            living.push(start(crowded, &["/bin/sleep", "1000000"]).await);
        }
        let (mut to_loop, mut to_alone, mut rates, mut cpu) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            let direct = rate(extent.turn, async || by_loop(extent.turn)).await;
            let without = rate(extent.turn, async || by_guardian(alone, extent.turn).await).await;
            let before = cpu_of(pid);
            let with = rate(extent.turn, async || by_guardian(crowded, extent.turn).await).await;
            cpu.push((cpu_of(pid) - before) / extent.turn as f64 * 1e6);
            to_loop.push(with / direct);
            to_alone.push(with / without);
            rates.push(with);
        }
        let medians = [&mut rates, &mut to_loop, &mut to_alone, &mut cpu].map(|all| median(all));
        table.rate(*live, medians);
    }
}

/// Children a second.
async fn rate(count: usize, work: impl AsyncFnOnce()) -> f64 {
    let start = Instant::now();
    work().await;
    count as f64 / start.elapsed().as_secs_f64()
}

async fn by_guardian(launcher: &LocalLauncher, count: usize) {
    let workers: Vec<_> = (0..AT_A_TIME)
        .map(|worker| {
            let launcher = launcher.clone();
            let share = count / AT_A_TIME + usize::from(worker < count % AT_A_TIME);
            tokio::task::spawn_local(async move {
                for _ in 0..share {
                    finish(start(&launcher, &["/bin/true"]).await).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
}

async fn start(launcher: &LocalLauncher, argv: &[&str]) -> Launched {
    let command = Command {
        argv: argv.iter().map(|word| Arc::from(*word)).collect(),
        env: Arc::new(Environment { inherit: Inherit::Basic, set: Vec::new() }),
        cwd: Path::new("/").into(),
        stdin: Stdin::Null,
    };
    let request = LaunchRequest { cookie: "bench/1/1".into(), command, limits: TreeLimits::default() };
    launcher.launch(request).await.expect("it starts")
}

/// Returns the memory that it is said to have had at most, in KiB.
async fn finish(mut launched: Launched) -> u64 {
    while poll_fn(|context| launched.output.as_mut().poll_next(context)).await.is_some() {}
    let report = launched.exit.await.expect("an exit");
    launched.child.sweep().await.expect("a sweep");
    report.usage.max_rss_kib
}

/// The standard library's, which is posix_spawn: as many at a time, the oldest of which is waited for.
fn by_loop(count: usize) {
    let mut running: VecDeque<Child> = VecDeque::new();
    for number in 0..count + AT_A_TIME {
        if running.len() == AT_A_TIME || number >= count {
            let Some(mut child) = running.pop_front() else { return };
            let mut text = Vec::new();
            child.stdout.take().expect("a pipe").read_to_end(&mut text).expect("it is read");
            child.stderr.take().expect("a pipe").read_to_end(&mut text).expect("it is read");
            child.wait().expect("it ends");
        }
        if number < count {
            let mut process = Process::new("/bin/true");
            process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            running.push_back(process.spawn().expect("it starts"));
        }
    }
}

async fn memory(launcher: &LocalLauncher, extent: &Extent, table: &mut Table) {
    // Every page is written to: only then it is there.
    let ballast: Vec<u8> = (0..extent.ballast).map(|byte| byte.to_le_bytes()[0] | 1).collect();
    let ours = finish(start(launcher, &["/bin/true"]).await).await;
    assert!(ballast.iter().step_by(4096).all(|byte| *byte > 0), "it is still there");
    table.memory(extent.ballast >> 20, ours);
    assert!(ours < 20_000, "a small child is said to have had {ours} KiB");
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Seconds, from the scheduler's own account.
fn cpu_of(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.unwrap_or(0)).as_secs_f64()
}

/// The raw results, and what is shown of them.
struct Table {
    level: &'static str,
    csv: String,
}

impl Table {
    fn new(level: &'static str) -> Self {
        println!("{AT_A_TIME} at a time, containment {level}; medians");
        println!(
            "{:>6} {:>9} {:>14} {:>16} {:>20}",
            "live", "rate /s", "to posix_spawn", "to none that live", "guardian's CPU, us"
        );
        Self { level, csv: "level,live,what,value\n".to_owned() }
    }

    fn rate(&mut self, live: usize, [rate, to_loop, to_alone, cpu]: [f64; 4]) {
        println!("{live:>6} {rate:>9.0} {to_loop:>14.2} {to_alone:>16.2} {cpu:>20.0}");
        for (what, value) in [
            ("rate", rate),
            ("to_posix_spawn", to_loop),
            ("to_none_live", to_alone),
            ("guardian_cpu_us", cpu),
        ] {
            let _ = writeln!(self.csv, "{},{live},{what},{value:.3}", self.level);
        }
    }

    fn memory(&mut self, ballast_mib: usize, kib: u64) {
        println!("max RSS of /bin/true under a supervisor of {ballast_mib} MiB: {kib} KiB");
        let _ = writeln!(self.csv, "{},0,max_rss_kib_under_{ballast_mib}_mib,{kib}", self.level);
    }

    fn keep(&self) {
        if let Some(folder) = std::env::var_os("BENCHES_RUN") {
            fs::write(Path::new(&folder).join("spawn.csv"), &self.csv).expect("it can be written");
        }
    }
}

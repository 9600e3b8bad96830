//! SIGKILLs at random moments of a run, of provisor, of its guardian and of both, and the run is taken up each time: no
//! row that was told of is lost or made again, none is there twice, and nothing survives.
//!
//! A hundred kills in the suite; `PROVISOR_KILLS` says how many else, and `PROVISOR_SEED` makes the same choices again.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant, SystemTime};

use provisor::actors::store::Store;

use crate::common::ledger::{executions, lines, stored};
use crate::common::processes::stop;
use crate::common::{Desk, Ran, Started, send, wait_until};
use crate::harness::{contained, others, pids, status_of};

const QUERIES: usize = 200;

/// Short queries of different lengths, each of which notes that it was executed; some with children, some of which
/// escape and would live for minutes.
fn spec() -> String {
    let script = "echo $1 >> executions; case $(($1 % 5)) in 0) sleep 0.0$(($1 * 7 % 10)) & wait ;; \
        1) sleep 0.00$(($1 * 3 % 10)) ;; 2) setsid sleep 300 <&- >&- 2>&- & sleep 0.01 ;; esac; echo RESULT $1";
    format!(
        r#"Job(name: "kills", slots: 6, rules: [(on: Regex("^RESULT (\\d+)$"), verdict: "answered", value: Group(1))],
            matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}", command: ["sh", "-c", "{script}", "sh", "{{{{ n }}}}"])"#
    )
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any part of a whole, in thousandths.
    fn part(&mut self, whole: Duration) -> Duration {
        whole * u32::try_from(self.next() % 1000).expect("small") / 1000
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Provisor,
    Guardian,
    Both,
}

impl Victim {
    fn of(dice: &mut Dice) -> Self {
        match dice.next() % 5 {
            0 => Self::Guardian,
            1 => Self::Both,
            _ => Self::Provisor,
        }
    }

    /// False: who was to be killed is not there, or not there yet.
    fn kill(self, started: &Started<'_>) -> bool {
        let provisor = started.pid();
        let guardian = || {
            pids().find(|pid| {
                status_of(*pid, "PPid") == provisor.to_string() && status_of(*pid, "Name") == "pv-guardian"
            })
        };
        match self {
            Self::Provisor => send("KILL", provisor),
            Self::Guardian => guardian().is_some_and(|guardian| send("KILL", guardian)),
            Self::Both => {
                // Stopped first, so that neither sees the other die.
                stop(provisor);
                guardian().is_none_or(|guardian| send("KILL", guardian)) && send("KILL", provisor)
            }
        }
    }
}

/// What one job has told so far: its rows, which stand for ever, and how often each query had been executed by then.
#[derive(Default)]
struct Told(BTreeMap<String, (String, usize)>);

impl Told {
    /// Looks at the disk and holds it against all that was told before.
    fn compare(&mut self, desk: &Desk) {
        let (table, database, executed) = (lines(desk), stored(desk), executions(desk));
        for (id, (line, times)) in &self.0 {
            assert_eq!(table.get(id), Some(line), "{id} was told of and is changed, or lost");
            assert!(database.contains_key(id), "{id} was told of and is not in the database");
            assert_eq!(executed.get(id), Some(times), "{id} was done and is executed again");
        }
        for (id, line) in table {
            // What was lost with its guardian is done again.
            if line.split(',').nth(1) == Some("exited") {
                assert!(database.contains_key(&id), "{id} is in the table and not in the database");
                self.0.insert(id.clone(), (line, executed[&id]));
            }
        }
    }
}

/// Whether the last run has written down that it came to its end, though it was killed.
fn is_complete(desk: &Desk) -> bool {
    Store::read(&desk.file("out")).is_ok_and(|store| store.last_run_complete().unwrap_or(false))
}

fn assert_complete(desk: &Desk) {
    let rows = desk.results();
    assert_eq!((rows.len(), stored(desk).len()), (QUERIES, QUERIES));
    for (id, row) in rows {
        let told = (row["cause"].as_str(), row["verdict"].as_str(), format!("q{}", row["value"]));
        assert_eq!(told, ("exited", "answered", id), "{row:?}");
    }
}

/// One run that is killed after some time, and what is seen of it then. `None`: it had come to its end before.
fn killed_after(desk: &Desk, delay: Duration, victim: Victim) -> Option<Ran> {
    let started = desk.start(&spec(), &[]);
    // A moment nobody announces: that is the point.
    std::thread::sleep(delay);
    let mut struck = victim.kill(&started);
    if !struck && victim != Victim::Provisor {
        struck = Victim::Provisor.kill(&started);
    }
    let ran = started.wait();
    if victim != Victim::Both {
        // With both of them dead there may be something left that the next start ends.
        wait_until("nothing of the run survives", || others().is_empty());
    }
    (struck && ran.code != Some(0)).then_some(ran)
}

#[test]
fn row_15_16_17_kills_at_random_moments_lose_no_row_and_leave_no_process() {
    contained(|desk| {
        let kills = number("PROVISOR_KILLS").unwrap_or(100);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        let seed = number("PROVISOR_SEED").unwrap_or(now);
        println!("seed {seed}: PROVISOR_SEED={seed} makes the same choices again");
        let (mut dice, mut killed, mut jobs) = (Dice(seed), BTreeMap::<Victim, u64>::new(), 0);
        let start = Instant::now();
        desk.run(&spec(), &[]).with_code(0);
        let whole = start.elapsed();
        while killed.values().sum::<u64>() < kills {
            let _ = fs::remove_dir_all(desk.file("out"));
            let _ = fs::remove_file(desk.file("executions"));
            let mut told = Told::default();
            loop {
                let (victim, delay) = (Victim::of(&mut dice), dice.part(whole / 2));
                // If it hangs, this says where.
                print!("{victim:?} {delay:.1?}; ");
                let ran = killed_after(desk, delay, victim);
                told.compare(desk);
                let Some(ran) = ran else { break };
                assert!(matches!(ran.code, None | Some(70 | 2)), "{victim:?}: {ran:?}");
                *killed.entry(victim).or_default() += 1;
                if is_complete(desk) || killed.values().sum::<u64>() >= kills {
                    break;
                }
            }
            // A job that is done would rightly begin anew.
            if !is_complete(desk) {
                desk.run(&spec(), &[]).with_code(0);
                told.compare(desk);
            }
            assert_complete(desk);
            assert_eq!(others(), [""; 0], "processes outlive the last run");
            jobs += 1;
            println!();
        }
        let of = |victim| killed.get(&victim).copied().unwrap_or(0);
        let (provisor, guardian, both) = (of(Victim::Provisor), of(Victim::Guardian), of(Victim::Both));
        println!(
            "kills: provisor {provisor}, guardian {guardian}, both {both}; jobs of {QUERIES} queries: {jobs}; \
             every query once in each table, no row lost, nobody left"
        );
    });
}

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn watch(limits: TreeLimits) -> Watch {
    Watch { limits, ..Watch::default() }
}

fn limits(cpu_s: u64, memory: u64, processes: u32) -> TreeLimits {
    TreeLimits { cpu: Some(SECOND * cpu_s as u32), memory: Some(memory), processes: Some(processes) }
}

#[test]
fn what_is_at_its_limit_is_not_above_it() {
    let watch = watch(limits(2, 1000, 5));
    let at = Reading { cpu: SECOND * 2, memory: 1000, processes: 5, ..Reading::default() };
    assert_eq!(watch.excesses(&at).count(), 0);
    let above = Reading {
        cpu: SECOND * 2 + Duration::from_micros(1),
        memory: 1001,
        processes: 6,
        kills: Some(Seen { what: What::OthersKills, value: 1 }),
        refused: 3,
    };
    let seen: Vec<_> = watch.excesses(&above).map(|seen| (seen.what, seen.value)).collect();
    let expected = [
        (What::Cpu, 2_000_001),
        (What::Memory, 1001),
        (What::Processes, 6),
        (What::Refused, 3),
        (What::OthersKills, 1),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_has_no_limit_is_above_none() {
    let reading = Reading { cpu: SECOND * 1000, memory: u64::MAX, processes: u32::MAX, ..Reading::default() };
    assert_eq!(Watch::default().excesses(&reading).count(), 0);
    assert_eq!(Watch::default().next_look(&reading, 2), LATEST);
}

#[test]
fn the_nearer_the_limit_the_sooner_the_next_look() {
    let cpu = watch(TreeLimits { cpu: Some(SECOND * 60), ..TreeLimits::default() });
    let after = |cpu_used| cpu.next_look(&Reading { cpu: SECOND * cpu_used, ..Reading::default() }, 4);
    assert_eq!((after(0), after(52), after(59), after(70)), (LATEST, SECOND * 2, SECOND / 4, SOONEST));

    let memory = watch(TreeLimits { memory: Some(8 << 30), ..TreeLimits::default() });
    let with = |gib: u64| memory.next_look(&Reading { memory: gib << 30, ..Reading::default() }, 2);
    let near = |got: Duration, wanted: Duration| got.abs_diff(wanted) < wanted / 50;
    assert!(near(with(0), SECOND * 4) && near(with(6), SECOND) && with(8) == SOONEST, "{:?}", with(6));

    let processes = watch(TreeLimits { processes: Some(64), ..TreeLimits::default() });
    assert_eq!(processes.next_look(&Reading::default(), 2), SOONEST, "a tree can start them at once");
}

#[test]
fn what_the_kernel_holds_is_not_looked_at_more_often_than_told() {
    let held = Watch { kernel_holds_memory: true, kernel_holds_processes: true, limits: limits(3600, 1, 1) };
    assert_eq!(held.next_look(&Reading { memory: 1, processes: 1, ..Reading::default() }, 2), TOLD);
}

fn used(pid: i32, parent: i32, ticks: u64) -> Used {
    Used { pid, parent, ticks, start: 1, pages: 0 }
}

#[test]
fn the_time_of_an_orphan_that_is_gone_is_not_forgotten() {
    let mut spent = Spent::default();
    let (leader, guardian) = (10, 1);
    assert_eq!(spent.take_in(&[used(10, 1, 5), used(11, 10, 7)], leader, guardian), 12);
    // 11 was waited for by 10.
    assert_eq!(spent.take_in(&[used(10, 1, 13)], leader, guardian), 13);
    // 12 has become the guardian's, and goes.
    assert_eq!(spent.take_in(&[used(10, 1, 13), used(12, 1, 20)], leader, guardian), 33);
    assert_eq!(spent.take_in(&[used(10, 1, 14)], leader, guardian), 34);
    // Another one has got its number.
    assert_eq!(spent.take_in(&[used(10, 1, 14), Used { start: 9, ..used(12, 1, 1) }], leader, guardian), 35);
    assert_eq!(spent.take_in(&[used(10, 1, 14), Used { start: 11, ..used(12, 1, 0) }], leader, guardian), 35);
}

#[test]
fn time_never_goes_back() {
    let mut spent = Spent::default();
    spent.take_in(&[used(10, 1, 5), used(11, 10, 100)], 10, 1);
    assert_eq!(spent.take_in(&[used(10, 1, 5)], 10, 1), 105, "a child that nobody waited for");
}

proptest! {
    /// The law of the budget, whatever rounds cost and however often they are due.
    #[test]
    fn looking_takes_one_part_in_a_hundred(costs in proptest::collection::vec(0_u64..50_000, 1..60)) {
        let (mut budget, mut now, mut spent) = (Budget::new(), Duration::ZERO, Duration::ZERO);
        for cost in costs {
            now = budget.not_before(now);
            let cost = Duration::from_micros(cost);
            (spent, now) = (spent + cost, now + cost);
            budget.spend(now, cost);
        }
        prop_assert!(spent * PAUSE <= budget.not_before(now));
    }

    #[test]
    fn a_look_is_neither_too_soon_nor_too_late(
        cpu in 0_u64..100, memory: u64, processes: u32, used in 0_u64..200, bytes: u64, count: u32, cpus in 1_u32..512
    ) {
        let reading = Reading { cpu: SECOND * used as u32, memory: bytes, processes: count, ..Reading::default() };
        let next = watch(limits(cpu, memory, processes)).next_look(&reading, cpus);
        prop_assert!((SOONEST..=LATEST).contains(&next));
    }
}

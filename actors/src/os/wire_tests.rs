//! The codec: what is written is read again, and no bytes make it panic.

use proptest::prelude::*;

use std::time::Duration;

use super::super::evidence::What;
use super::*;

const LIMITS: TreeLimits = TreeLimits { cpu: Some(Duration::from_secs(3)), memory: None, processes: Some(7) };

fn seen() -> impl Strategy<Value = Seen> {
    let what = (1..=What::ALL.len() as u8).prop_map(|number| What::from_number(number).expect("one of all"));
    (what, any::<u64>()).prop_map(|(what, value)| Seen { what, value })
}

fn written(id: u64, stdin: bool, argv: &[Vec<u8>], env: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = SpawnWriter::new(id, stdin, LIMITS);
    for text in [&b"/bin/x"[..], b"/", b"A=1"] {
        writer.text(&[text]).expect("no NUL");
    }
    for list in [argv, env] {
        writer.list::<WireError>(|push| list.iter().try_for_each(|text| push(&[text]))).expect("no NUL");
    }
    writer.finish()
}

fn replies() -> impl Strategy<Value = Reply> {
    let step = (1..=11_i32).prop_map(|number| Step::from_number(number).expect("1 to 11 are steps"));
    prop_oneof![
        any::<i32>().prop_map(|errno| Reply::Ready { errno }),
        any::<u64>().prop_map(|id| Reply::Spawned { id }),
        (any::<u64>(), step, any::<i32>()).prop_map(|(id, step, errno)| Reply::SpawnFailed {
            id,
            step,
            errno
        }),
        (any::<u64>(), any::<bool>(), any::<i32>(), any::<u64>(), any::<u64>(), prop::option::of(seen()))
            .prop_map(|(id, signalled, status, cpu_us, max_rss_kib, refined)| Reply::Exited {
                id,
                signalled,
                status,
                cpu_us,
                max_rss_kib,
                refined
            }),
        (any::<u64>(), seen()).prop_map(|(id, seen)| Reply::Exceeded { id, seen }),
        (any::<u64>(), any::<u32>()).prop_map(|(id, leftovers)| Reply::Swept { id, leftovers }),
        (any::<u64>(), any::<i32>(), any::<bool>()).prop_map(|(id, pid, refused)| Reply::Stuck {
            id,
            pid,
            refused
        }),
        (any::<u32>(), any::<u32>(), any::<i32>()).prop_map(|(unattributed, left, pid)| Reply::Farewell {
            unattributed,
            left,
            pid
        }),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Request::decode(&bytes);
        let _ = Reply::decode(&bytes);
        let _ = Request::spawn_id(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(7, true, &[b"x".to_vec(), b"yy".to_vec()], &[b"B=2".to_vec()]);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(Request::Spawn(spawn)) = Request::decode(&bytes) {
            let mut pointers = Vec::new();
            spawn.argv.push_pointers(&mut pointers);
            prop_assert_eq!(pointers.len(), spawn.argv.count);
        }
    }

    #[test]
    fn a_spawn_is_read_as_written(
        id in any::<u64>(),
        stdin in any::<bool>(),
        argv in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..20), 0..8),
        env in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..20), 0..8),
    ) {
        let bytes = written(id, stdin, &argv, &env);
        let Ok(Request::Spawn(spawn)) = Request::decode(&bytes) else { panic!("not a spawn") };
        prop_assert_eq!((spawn.id, spawn.stdin, spawn.program.to_bytes()), (id, stdin, &b"/bin/x"[..]));
        prop_assert_eq!(spawn.limits, LIMITS);
        let read = |strings: Strings<'_>| -> Vec<Vec<u8>> {
            strings.bytes.split_inclusive(|b| *b == 0).map(|t| t[..t.len() - 1].to_vec()).collect()
        };
        prop_assert_eq!(read(spawn.argv), argv);
        prop_assert_eq!(read(spawn.env), env);
    }

    #[test]
    fn a_reply_is_read_as_written(reply in replies()) {
        let mut bytes = vec![1, 2, 3];
        reply.encode(&mut bytes);
        prop_assert_eq!(Reply::decode(&bytes), Ok(reply));
    }
}

#[test]
fn small_requests_are_read_as_written() {
    for request in [
        Request::Signal { id: 9, kill: true },
        Request::Sweep { id: u64::MAX },
        Request::Forget { id: 0 },
        Request::Hold,
        Request::Pause { stopped: false },
        Request::Large { id: 5, length: 77 },
    ] {
        assert_eq!(Request::decode(&request.encode_small()), Ok(request));
    }
}

#[test]
fn a_nul_is_refused_when_written() {
    assert_eq!(SpawnWriter::new(1, false, TreeLimits::default()).text(&[b"a\0b"]), Err(WireError::Nul));
}

use proptest::prelude::*;

use super::super::packet;
use super::*;

proptest! {
    /// Nonsense starts nothing, ends nothing, and at most it is refused.
    #[test]
    fn nonsense_is_survived(
        kind in prop::sample::select(b"SKWFPL?".to_vec()),
        rest in proptest::collection::vec(any::<u8>(), 0..60),
        descriptor in any::<bool>(),
        short in any::<bool>(),
    ) {
        let (ours, theirs) = packet::pair().expect("a pair");
        let mut keeper = Keeper::new(theirs, None, Beginning::default()).expect("a keeper");
        let fds = if descriptor { vec![File::open("/dev/null").expect("it is there").into()] } else { Vec::new() };
        let bytes = [&[kind], rest.as_slice()].concat();
        keeper.on_packet(Packet { bytes: &bytes, fds, short }).expect("the peer is there");
        prop_assert!(keeper.children.is_empty());
        let mut inbox = Inbox::new(64);
        if let Ok(packet) = inbox.receive(ours.as_fd()) {
            let reply = Reply::decode(packet.bytes);
            prop_assert!(matches!(reply, Ok(Reply::SpawnFailed { step: Step::Request, .. })), "{reply:?}");
        }
    }
}

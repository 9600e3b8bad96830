//! (feature `testing`) The guardian's words and its loop, laid open to whatever bytes somebody has: for the fuzzer, and for
//! the test that runs over what it found. The promises stand here, where the words are; each call panics where one is
//! broken. No child is ever started.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use super::begin::Beginning;
use super::contain::{Contain, decode_answer, encode_answer};
use super::keeper::Keeper;
use super::packet::{self, Inbox, Packet};
use super::wire::{Reply, Request, Spawn, SpawnWriter, Step, Strings, WireError};

/// No text of an answer of this length is cut.
const SHORT: usize = 512;

/// What is read as a request is read as the same one when it is written again.
///
/// # Panics
/// When it is not.
pub fn request(bytes: &[u8]) {
    let Ok(request) = Request::decode(bytes) else { return };
    let written = match &request {
        Request::Spawn(spawn) => spawn_again(spawn),
        small => small.encode_small(),
    };
    assert_eq!(Request::decode(&written), Ok(request));
    assert_eq!(written, bytes, "there is one way to write it");
}

/// The same for replies.
///
/// # Panics
/// When it is not.
pub fn reply(bytes: &[u8]) {
    let Ok(reply) = Reply::decode(bytes) else { return };
    let mut written = Vec::new();
    reply.encode(&mut written);
    assert_eq!(Reply::decode(&written), Ok(reply));
    assert_eq!(written, bytes, "there is one way to write it");
}

/// The same for what is said before the first child. What is too long for its packet is cut when it is written.
///
/// # Panics
/// When it is not.
pub fn first_words(bytes: &[u8]) {
    if let Ok(asked) = Contain::decode(bytes) {
        assert_eq!(Contain::decode(&asked.encode()), Ok(asked));
    }
    match decode_answer(bytes) {
        Ok(answer) if bytes.len() <= SHORT => assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer)),
        _ => {}
    }
}

/// A guardian that gets this packet is there afterwards; and what it is asked to start, and cannot, it refuses. A packet
/// that would start something is passed over.
///
/// # Panics
/// When it is not so.
pub fn packet(bytes: &[u8], descriptor: bool, short: bool) {
    // A short one is refused before it is read, whatever it is.
    if !short && matches!(Request::decode(bytes), Ok(Request::Spawn(_))) {
        return;
    }
    let (ours, theirs) = packet::pair().expect("a pair of sockets");
    let mut keeper = Keeper::new(theirs, None, Beginning::default()).expect("a guardian");
    let fds: Vec<OwnedFd> =
        if descriptor { vec![File::open("/dev/null").expect("it is there").into()] } else { Vec::new() };
    let spawn_id = Request::spawn_id(bytes);
    keeper.on_packet(Packet { bytes, fds, short }).expect("the peer is there");
    assert!(keeper.is_idle(), "it started something");
    let mut inbox = Inbox::new(64);
    match (inbox.receive(ours.as_fd()).map(|packet| Reply::decode(packet.bytes)), spawn_id) {
        (Ok(Ok(Reply::SpawnFailed { id, step: Step::Request, .. })), expected) => {
            assert!(expected.is_none_or(|expected| expected == id));
        }
        (Err(_), None) => {}
        (other, _) => panic!("it says {other:?}"),
    }
}

fn spawn_again(spawn: &Spawn<'_>) -> Vec<u8> {
    let mut writer = SpawnWriter::new(spawn.id, spawn.stdin, spawn.limits);
    for text in [spawn.program, spawn.cwd, spawn.cookie] {
        writer.text(&[text.to_bytes()]).expect("no NUL within");
    }
    for list in [spawn.argv, spawn.env] {
        let texts = || texts(list);
        writer.list::<WireError>(|push| texts().try_for_each(|text| push(&[text]))).expect("no NUL within");
    }
    writer.finish()
}

fn texts(list: Strings<'_>) -> impl Iterator<Item = &[u8]> {
    let texts = list.bytes.split_inclusive(|byte| *byte == 0);
    texts.map(|text| text.strip_suffix(b"\0").unwrap_or(text))
}

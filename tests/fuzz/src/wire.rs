//! What goes between the supervisor and its guardian: read as a request, as a reply, and taken in by a guardian at work.

use provisor_actors::os::strange;

/// Nothing that is read is read otherwise when it is written again; and a guardian survives it all, starts nothing that it
/// was not clearly asked for and loses nothing that it has. The first byte says what comes along with the packet.
///
/// # Panics
/// Where that is not so.
pub fn take(bytes: &[u8]) {
    strange::request(bytes);
    strange::reply(bytes);
    strange::first_words(bytes);
    if let Some((along, packet)) = bytes.split_first() {
        strange::request(packet);
        strange::packet(packet, along & 1 != 0, along & 2 != 0);
    }
}

//! What this process has of the machine's memory.

#![cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "what only glibc's allocator can be asked for"))]

/// Gives back what was freed and the allocator still holds: much was in use to plan a large job that is not while it runs.
///
/// Only glibc keeps as much as that, and can be told.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it touches nothing but what the allocator holds that nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}

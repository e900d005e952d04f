//! Ends the process at once. The only unsafe code of the crate.
#![allow(unsafe_code)]

/// Ends the process without tearing anything down: `std::process::exit` runs the destructors of
/// C++ statics, and an inference that still computes on another thread then reads freed memory.
pub(crate) fn at_once(status: i32) -> ! {
    // SAFETY: takes a number, touches no memory of ours and does not return.
    unsafe { libc::_exit(status) }
}

//! Leaving wide vector registers behind, on x86-64.
//!
//! The inference engine multiplies matrices with instructions for 256 or 512 bits where a processor has them, and
//! leaves the upper halves of the registers as they are. Until these are cleared (the instruction `VZEROUPPER`),
//! every instruction for 128 bits, which is what all other code here is built of, waits to keep them: such code
//! then takes two to three times as long.

/// Clears the upper halves of vector registers. Changes no value, and takes some nanoseconds.
///
/// The compiler ends every function that uses wide registers with that instruction. A search through a few bytes
/// by `memchr` is such a function, and one that may be called without `unsafe`.
pub(super) fn again() {
    #[cfg(target_arch = "x86_64")]
    std::hint::black_box(memchr::memchr(1, std::hint::black_box(&[0; 128])));
}

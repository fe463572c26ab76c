//! What this crate promises to the two programs and to whoever reads the log years later.

#![expect(clippy::unwrap_used, reason = "a test that fails there says where")]

mod badges;
mod claim;
mod frozen;
mod given;
mod interop;
mod mutants;
mod roster;
mod sealing;
mod topics;

//! Pixels to who.

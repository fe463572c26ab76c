//! The terminal at the door.

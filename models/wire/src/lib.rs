//! What terminals and the cloud say to each other.

//! From punches to pay.

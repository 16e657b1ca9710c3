//! Receipts (biên lai): numbered, signed, checkable by anybody.

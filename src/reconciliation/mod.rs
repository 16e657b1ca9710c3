//! Reconciliation (đối soát): what banks and partners say in their files meets what was booked.

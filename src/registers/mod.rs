//! The registers: which agency the money belongs to, what a procedure costs from which day on, who
//! asks and who collects.
//!
//! A ministry fills in CSV files; [`import`] takes a folder of them in whole or not at all. Entries
//! are versions: one holds from its `valid_from` until the next of the same key begins, and what
//! has begun is never rewritten. [`directory`] is the same as one snapshot in memory, which every
//! request reads; [`live`] keeps it fresh.
//!
//! ```text
//! agencies.csv ... ──csv_file──▶ cells ──rows──▶ entries ──changes──▶ what is new ──import──▶ database
//!                                                                       database ──live──▶ directory
//! ```

pub mod approve;
pub mod caller;
pub mod cells;
pub mod changes;
pub mod csv_file;
pub mod directory;
pub mod entries;
pub mod import;
pub mod live;
pub mod rows;
pub mod store;
pub mod versions;

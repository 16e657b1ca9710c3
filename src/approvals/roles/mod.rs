//! Other roles for a person who is approved: one admin proposes them, another decides.
//!
//! All roles are given at once, and the proposal names those that the person has: when they have
//! changed meanwhile it is not what was decided on. Nobody decides on their own roles, and the last
//! admin for everything stays one.

pub mod change;
pub mod http;

//! Banks and e-wallets: who they are, their keys, and the dialect each of them speaks.

pub mod dialects;

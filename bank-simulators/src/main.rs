//! payclear
fn main() {}

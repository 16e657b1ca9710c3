//! payclear
fn main(){}

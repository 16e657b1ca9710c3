//! payclear

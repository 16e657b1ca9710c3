//! Statements (sao kê) and reports (bảng kê đối soát): files that banks and partners send are taken
//! in, read, checked and kept; what they say is matched by `reconciliation`.

pub mod read;

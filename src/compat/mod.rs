//! Upstream doors (tương thích): systems that already speak another platform's messages connect by
//! configuration alone.
//!
//! A one-stop dossier system that speaks the national PaymentPlatform (message version 1.0.6) finds it
//! at `/compat/dvcqg`:
//!
//! ```text
//! INIT ──▶ an invoice is issued ──▶ UrlThanhToan: the invoice's pay page
//! QUERY ──▶ TrangThaiGD             GET_BILL ──▶ the receipt, once there is one
//!                paid ──▶ result message to the system's own address, until it answers MaLoi 00
//! ```
//!
//! ```text
//! open ──paid, and answered 00──▶ told
//! open ──after the last try──▶ parked ──by an operator's wish──▶ open
//! open ──cancelled, or unpaid long after its time──▶ closed
//! told ──what had paid it was taken back──▶ open, and a case: no message says so
//! ```
//!
//! A portal is made one of these by `payclear portal compat` and another person's approval; it stays a
//! portal like any other: the same registers, the same invoices, the same pay pages. INIT is the same
//! payment however often it comes, known by MaThamChieu. Whose money it is follows from the beneficiary
//! account (TKThuHuong), which must be a treasury account of the registers.
//!
//! Known from two public code bases that agree on every signed text; not known, and so settable: the
//! word of the result message, the values of TrangThaiGD but 4 (failed), which LoaiPhiLePhi is a lệ
//! phí. Ours alone: the codes of [`reply::Code`] but 00 and 99, and that our answers are signed. Clocks
//! of such systems are known to be twelve hours off, so ThoiGianGD refuses nothing.

pub mod approve;
pub mod configure;
pub mod http;
pub mod init;
pub mod message;
pub mod paygov;
pub mod peer;
pub mod question;
pub mod reply;
pub mod results;
pub mod retell;
pub mod reversed;
pub mod signature;
pub mod store;

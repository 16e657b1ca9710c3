//! PayGov (pay.gov.vn) through a provincial LGSP: the shape of its messages, switched off.
//!
//! ```text
//! create  POST {LGSP}/api/v1/PayGov/paygate: partnerCode, returnUrl, orderId {unit}-{dossier}-01,
//!         amount, orderInfo, requestCode, ipAddress (some units: accessKey, serviceCode, checksum)
//!         ──▶ {"data": {"url": …}}
//! result  amount, orderId, orderInfo, requestCode, transactionNo, payDate, payGate, errorCode (00 is
//!         paid), type, transactionCode, checksum ──▶ {"error_code": "SUCCESSFUL" | "FAILED", …}
//! ```
//!
//! No formula of `checksum` was found, and the names of the result's fields were seen in code only, so
//! nothing of it can be believed or signed: the door answers FAILED to whatever comes, and says why. It
//! opens once a unit gives its formula.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why nothing is taken here.
const OFF: &str = "PayGov is switched off here: the formula of its checksum is not known. \
                   Cổng PayGov chưa mở: chưa có công thức checksum.";

/// `POST /compat/paygov`
pub async fn off() -> Response {
    Json(json!({ "error_code": "FAILED", "error_message": OFF })).into_response()
}

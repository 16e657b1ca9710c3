//! `/receipts/{code}`: anybody who holds a receipt learns whether it holds, and gets a copy without
//! the payer's name. The code is random: nobody comes from one receipt to another.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::drawing;
use super::http::{Counter, Viewer, drawn, failed};
use super::page::MaskedName;
use super::receipt_page::{Found, render};
use super::words::Language;
use crate::receipts::http::{file, file_name};
use crate::receipts::receipt::Receipt;
use crate::receipts::signer::{SignError, Signed};
use crate::receipts::store::reads::receipt_of_code;

/// What the address asks for.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Asked {
    lang: Option<String>,
}

impl Counter {
    async fn check(&self, code: &str) -> Result<Option<(Receipt, Found)>, sqlx::Error> {
        let receipt = {
            let mut conn = self.pool.acquire().await?;
            receipt_of_code(&mut conn, code).await?
        };
        let Some(receipt) = receipt else { return Ok(None) };
        let holds = match &receipt.signature {
            None => None,
            Some(signature) => {
                let signed =
                    Signed { key_id: signature.key_id.clone(), signature: signature.bytes.clone() };
                match self.receipts.signer.holds(&signed, receipt.text.as_bytes()).await {
                    // A key that nobody knows vouches for nothing.
                    Ok(holds) => Some(holds.unwrap_or(false)),
                    Err(SignError::Store(error)) => return Err(error),
                    Err(error) => {
                        tracing::error!(%error, "a signature could not be checked");
                        None
                    }
                }
            }
        };
        let found = Found::of(receipt.status, holds);
        metrics::counter!("payclear_receipts_checked_total").increment(1);
        Ok(Some((receipt, found)))
    }
}

/// `GET /receipts/{code}`.
pub async fn show(
    State(counter): State<Counter>,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(refused) = counter.allow_view(&viewer) {
        return refused.into_response();
    }
    match counter.check(&code).await {
        Ok(Some((receipt, found))) => drawn(StatusCode::OK, render(&receipt, found, language), &[]),
        Ok(None) => drawn(StatusCode::NOT_FOUND, drawing::no_receipt(language), &[]),
        Err(error) => failed(language, &error),
    }
}

/// `GET /receipts/{code}/pdf`.
pub async fn download(
    State(counter): State<Counter>,
    Path(code): Path<String>,
    viewer: Viewer,
) -> Response {
    let language = Language::Vi;
    if let Err(refused) = counter.allow_view(&viewer) {
        return refused.into_response();
    }
    match counter.check(&code).await {
        Ok(Some((receipt, found))) if found != Found::Forged && receipt.signature.is_some() => {
            let (name, masked) = (file_name(&receipt), MaskedName::of(&receipt.content.payer_name));
            match counter.receipts.pdf(receipt, Some(masked.to_string())).await {
                Ok(pdf) => file("application/pdf", &name, pdf),
                Err(problem) => problem.into_response(),
            }
        }
        Ok(_) => drawn(StatusCode::NOT_FOUND, drawing::no_receipt(language), &[]),
        Err(error) => failed(language, &error),
    }
}

//! Finding invoices: by dossier, by status, by time of issue.

use chrono::{DateTime, Datelike, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::invoice::Invoice;
use super::status::Status;
use super::store;
use super::store::reads::{self, Wanted};
use crate::platform::problem::FieldError;

/// What is looked for.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// The dossier's code.
    pub dossier: Option<String>,
    /// `issued`, `pending`, `paid`, `expired` or `cancelled`.
    #[param(value_type = Option<String>)]
    pub status: Option<Status>,
    /// Issued at or after; 31 days back unless told.
    pub from: Option<DateTime<Utc>>,
    /// Issued before; now unless told, at most 92 days after `from`.
    pub to: Option<DateTime<Utc>>,
    /// At most so many, up to 500; 100 unless told.
    pub limit: Option<i64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A page of invoices and where the next begins.
#[derive(Debug)]
pub struct Page {
    /// The newest issued first.
    pub invoices: Vec<Invoice>,
    /// The cursor of the next page, when there is one.
    pub next: Option<String>,
}

/// Why nothing was looked for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Parameters that are wrong.
    #[error("wrong parameters")]
    Invalid(Vec<FieldError>),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Looks for invoices of a portal.
pub async fn search(
    conn: &mut PgConnection,
    portal: &str,
    search: &Search,
    now: DateTime<Utc>,
) -> Result<Page, SearchError> {
    let mut faults = Vec::new();
    let limit = search.limit.unwrap_or(100);
    if !(1..=500).contains(&limit) {
        faults.push(FieldError::new("limit", "must be 1 to 500"));
    }
    for (name, at) in [("from", search.from), ("to", search.to)] {
        if at.is_some_and(|at| !(1970..=9999).contains(&at.year())) {
            return Err(SearchError::Invalid(vec![FieldError::new(name, "must be of our time")]));
        }
    }
    let to = search.to.unwrap_or(now + Duration::seconds(1));
    let from = search.from.unwrap_or(if search.dossier.is_some() {
        DateTime::UNIX_EPOCH
    } else {
        to - Duration::days(31)
    });
    if search.dossier.is_none() && to - from > Duration::days(92) {
        faults.push(FieldError::new(
            "to",
            "must be at most 92 days after `from` unless `dossier` is given",
        ));
    }
    if search.dossier.as_ref().is_some_and(|d| d.contains('\0')) {
        faults.push(FieldError::new("dossier", "must not hold control characters"));
    }
    let cursor = match search.cursor.as_deref().map(read_cursor) {
        Some(None) => {
            faults.push(FieldError::new("cursor", "is not a cursor of this search"));
            None
        }
        other => other.flatten(),
    };
    if !faults.is_empty() {
        return Err(SearchError::Invalid(faults));
    }
    let wanted = Wanted {
        portal,
        status: search.status.map(Status::as_str),
        from,
        before: cursor.unwrap_or((to, Uuid::max())),
        // One more than the page tells whether there is another.
        limit: limit + 1,
    };
    let ids = match &search.dossier {
        Some(dossier) => reads::found_by_dossier(conn, dossier, &wanted).await?,
        None => reads::found_by_time(conn, &wanted).await?,
    };
    let shown = usize::try_from(limit).unwrap_or(500);
    let next = (ids.len() > shown)
        .then(|| ids.get(shown - 1))
        .flatten()
        .map(|(id, at)| format!("{}.{}", at.timestamp_micros(), id.simple()));
    let ids: Vec<Uuid> = ids.into_iter().take(shown).map(|(id, _)| id).collect();
    Ok(Page { invoices: store::invoices_read(conn, &ids).await?, next })
}

fn read_cursor(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    let at = Some(at).filter(|at| (1970..=9999).contains(&at.year()))?;
    Some((at, Uuid::parse_str(id).ok()?))
}

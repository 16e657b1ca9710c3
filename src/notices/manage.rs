//! What a portal does with its own endpoints and deliveries: one signed request, one transaction,
//! one stored answer.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use url::Url;

use super::listing::DeliveryRow;
use super::notice_id::{DeliveryKey, StepKey};
use super::status::{Step, WrongStep};
use super::store::{self, reads};
use super::views::{self, EndpointView};
use crate::approvals::endpoints::{self, AddError};
use crate::approvals::propose::{Maker, ProposeError};
use crate::platform::admission::{self, Admission, NotAdmitted, StoredAnswer};
use crate::platform::audit::{self, By};
use crate::platform::seal::{MasterKeys, OpenError};
use crate::portals::endpoint::{self, EndpointError, EndpointState, secret_text};
use crate::portals::store::endpoint_list;
use crate::vocabulary::ids::EndpointId;

/// While a secret rotates the old one signs as well.
const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// The most deliveries that one request makes due.
const RENEWED: i64 = 10_000;
/// Steps that are looked at in one statement, and statements of one request.
const STEPS: i64 = 2_000;
const PAGES: usize = 20;
/// A request that comes to its page limit tells where to go on; a little earlier, because events
/// lie in the order of their transactions, not quite of their times.
const BACK: TimeDelta = TimeDelta::minutes(1);
/// No work on the database after this.
const WORK_WITHIN: Duration = Duration::from_secs(15);

/// What a portal wants done.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A new endpoint at an address that was checked.
    Add(Url),
    /// A new secret.
    Rotate(EndpointId),
    /// No more notices for now; of one that is disabled already, for ever.
    Disable(EndpointId),
    /// Notices again.
    Enable(EndpointId),
    /// One delivery again.
    Redeliver(DeliveryKey),
    /// What an endpoint has missed since a time.
    RedeliverSince(EndpointId, DateTime<Utc>),
}

impl Deed {
    /// The answer shows a secret: it is stored sealed.
    const fn shows_a_secret(&self) -> bool {
        matches!(self, Self::Add(_) | Self::Rotate(_))
    }

    /// The directory must be read again.
    pub const fn changes_the_directory(&self) -> bool {
        !matches!(self, Self::Redeliver(_) | Self::RedeliverSince(..))
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// Used nonce or key.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// The portal has no such delivery.
    #[error("the portal has no such delivery")]
    NoDelivery,
    /// The endpoint is not open.
    #[error("the endpoint is disabled: enable it first")]
    NotOpen,
    /// A delivery has no such step.
    #[error(transparent)]
    WrongStep(#[from] WrongStep),
    /// The endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// A stored answer does not open.
    #[error("the stored answer does not open: {0}")]
    Sealed(#[from] OpenError),
    /// It took too long.
    #[error("the database took too long")]
    TooLong,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<AddError> for ManageError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Endpoint(error) => Self::Endpoint(error),
            AddError::Propose(error) => Self::Propose(error),
            AddError::Store(error) => Self::Store(error),
        }
    }
}

/// What the deeds stand on.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The database.
    pub pool: &'a PgPool,
    /// The keys that seal secrets.
    pub keys: &'a MasterKeys,
    /// When.
    pub now: DateTime<Utc>,
}

/// Does it once, whatever is repeated, and answers with the same bytes each time.
pub async fn manage(
    ground: Ground<'_>,
    admission: &Admission,
    portal: &str,
    deed: &Deed,
) -> Result<StoredAnswer, ManageError> {
    let context = format!("answer/{}/{}", admission.caller, admission.key);
    let mut tx = ground.pool.begin().await?;
    if let Some(mut answer) = admission::admit_one_in(&mut tx, admission).await? {
        if deed.shows_a_secret() {
            answer.body = ground.keys.open(&context, &answer.body)?.expose().to_vec();
        }
        tx.commit().await?;
        return Ok(answer);
    }
    let by = By { actor: &admission.caller, at: ground.now };
    let doing = perform_in(&mut tx, ground.keys, by, portal, deed);
    let answer =
        tokio::time::timeout(WORK_WITHIN, doing).await.map_err(|_| ManageError::TooLong)??;
    let stored = StoredAnswer {
        status: answer.status,
        body: if deed.shows_a_secret() {
            ground.keys.seal(&context, &answer.body)
        } else {
            answer.body.clone()
        },
    };
    admission::store_in(&mut tx, &[(admission, &stored)], ground.now).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn perform_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    portal: &str,
    deed: &Deed,
) -> Result<StoredAnswer, ManageError> {
    match deed {
        Deed::Add(url) => {
            let maker = Maker::pending(by);
            let (made, approval) = endpoints::add_in(conn, keys, maker, portal, url).await?;
            let mut view = EndpointView::of(&made).with_secret(secret_text(&made.secret));
            view.approval = approval;
            Ok(views::answer(201, &view))
        }
        Deed::Rotate(id) => {
            let made = endpoint::rotate_in(conn, keys, by, (portal, *id), OVERLAP).await?;
            let view = EndpointView::of(&made).with_secret(secret_text(&made.secret));
            Ok(views::answer(200, &view))
        }
        Deed::Disable(id) => Ok(views::answer(200, &disable_in(conn, by, portal, *id).await?)),
        Deed::Enable(id) => {
            endpoint::step_in(conn, by, (portal, *id), EndpointState::Open, "").await?;
            Ok(views::answer(200, &endpoint_in(conn, portal, *id).await?))
        }
        Deed::Redeliver(key) => {
            let row = redeliver_in(conn, by, portal, *key).await?;
            Ok(views::answer(202, &views::DeliveryView::from(row)))
        }
        Deed::RedeliverSince(id, since) => {
            let made = redeliver_since_in(conn, by, (portal, *id), *since).await?;
            Ok(views::answer(202, &made))
        }
    }
}

/// Disables an endpoint, or takes one away that is disabled.
async fn disable_in(
    conn: &mut PgConnection,
    by: By<'_>,
    portal: &str,
    id: EndpointId,
) -> Result<EndpointView, ManageError> {
    let mut view = endpoint_in(conn, portal, id).await?;
    let (to, why) = match view.state {
        EndpointState::Open => (EndpointState::Disabled, "disabled by the portal"),
        // What waits to be approved, or is disabled already, goes for good.
        _ => (EndpointState::Gone, "taken away by the portal"),
    };
    endpoint::step_in(conn, by, (portal, id), to, why).await?;
    view.state = to;
    why.clone_into(&mut view.state_reason);
    Ok(view)
}

/// The portal's endpoint.
pub async fn endpoint_in(
    conn: &mut PgConnection,
    portal: &str,
    id: EndpointId,
) -> Result<EndpointView, ManageError> {
    let all = endpoint_list(conn, Some(portal)).await?;
    let row = all.into_iter().find(|row| row.endpoint_id == id);
    Ok(row.map(EndpointView::from).ok_or(EndpointError::NotFound { id })?)
}

async fn open_in(
    conn: &mut PgConnection,
    portal: &str,
    id: EndpointId,
) -> Result<EndpointView, ManageError> {
    let view = endpoint_in(conn, portal, id).await?;
    if view.state == EndpointState::Open { Ok(view) } else { Err(ManageError::NotOpen) }
}

/// Has a notice sent again for whoever looks after a portal's notices.
pub async fn redeliver(
    pool: &PgPool,
    by: By<'_>,
    portal: &str,
    key: DeliveryKey,
) -> Result<(), ManageError> {
    let mut tx = pool.begin().await?;
    redeliver_in(&mut tx, by, portal, key).await?;
    tx.commit().await?;
    Ok(())
}

async fn redeliver_in(
    conn: &mut PgConnection,
    by: By<'_>,
    portal: &str,
    key: DeliveryKey,
) -> Result<DeliveryRow, ManageError> {
    let from = store::delivery_lock(conn, portal, key).await?.ok_or(ManageError::NoDelivery)?;
    open_in(conn, portal, key.endpoint).await?;
    from.after(Step::Redeliver)?;
    store::delivery_renew(conn, key, from, by.at).await?;
    let detail = serde_json::json!({ "portal": portal, "from": from });
    audit::record_in(conn, by, "delivery.redelivered", &key.notice_id(), &detail).await?;
    let mut rows = reads::deliveries_of(conn, &[key.step], None, Some(key.endpoint)).await?;
    rows.pop().ok_or(ManageError::NoDelivery)
}

/// Makes due what is parked, and what was never tried because the endpoint was disabled or not
/// there yet.
async fn redeliver_since_in(
    conn: &mut PgConnection,
    by: By<'_>,
    whose: (&str, EndpointId),
    since: DateTime<Utc>,
) -> Result<views::Redelivered, ManageError> {
    let (portal, id) = whose;
    open_in(conn, portal, id).await?;
    let parked = store::delivery_renew_parked(conn, whose, (since, by.at), RENEWED).await?;
    let mut scheduled = parked;
    let mut next_since = (parked >= RENEWED.unsigned_abs()).then_some(since);
    let mut place = (reads::transaction_at(conn, since - BACK).await?, 0);
    for page in 1..=PAGES {
        let steps = reads::steps_on(conn, portal, place, STEPS).await?;
        let Some(last) = steps.last() else {
            break;
        };
        place = last.place;
        let missing: Vec<(StepKey, _)> =
            steps.iter().filter(|s| s.made_at >= since).map(|s| (s.step, s.kind)).collect();
        scheduled += store::delivery_insert_missing(conn, whose, &missing, by.at).await?;
        let full = i64::try_from(steps.len()).is_ok_and(|steps| steps >= STEPS);
        if full && (page == PAGES || scheduled >= RENEWED.unsigned_abs()) {
            // What is parked begins anew from `since`, when not all of it was taken.
            next_since = next_since.or(Some((last.made_at - BACK).max(since)));
            break;
        }
    }
    let detail = serde_json::json!({ "portal": portal, "since": since, "scheduled": scheduled });
    audit::record_in(conn, by, "endpoint.redelivered", &id.to_string(), &detail).await?;
    Ok(views::Redelivered { scheduled, next_since })
}

//! The doors of the service: every room's routes, put together, and what tells that it is well.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{App, Role, policy};
use crate::breaks::care::Caring;
use crate::breaks::http::BreakDoors;
use crate::breaks::shared::answer::Answering;
use crate::breaks::shared::http::SharedDoors;
use crate::callers::doors::spend_refused;
use crate::days::http::DayDoors;
use crate::desk::rooms::Rooms;
use crate::dispatch::start::Starting;
use crate::invoices::cancel::Cancelling;
use crate::payover::http::PayoverDoors;
use crate::platform::{broker, database, http, lease, openapi, problem_page, telemetry};
use crate::reconciliation::http::MatchDoors;
use crate::refunds::name_account::Naming;
use crate::refunds::officers::Desk;
use crate::refunds::officers::http::OfficerDoors;
use crate::resolutions::http::ResolutionDoors;
use crate::settlements::reverse::Reversing;
use crate::{
    approvals, breaks, compat, counter, days, desk, dispatch, invoices, notices, operations,
    payover, people, receipts, reconciliation, refunds, resolutions, settlements, statements,
    statistics,
};

/// The description of the whole API; each room adds its routes.
#[derive(OpenApi)]
#[openapi(info(
    title = "payclear",
    description = "Online payment clearing for government fees. Signatures, idempotency and errors: docs/api.md."
))]
struct ApiDoc;

impl App {
    /// The doors, as one router.
    pub fn router(&self) -> Router {
        let settings = &self.settings;
        let api = self.api();
        let pages = self
            .health(&[Role::Api])
            .merge(settlements::partner_http::routes(self.partner_doors.clone()))
            .merge(compat::http::routes(compat::http::CompatDoors {
                doors: self.doors.clone(),
                pool: self.pool.clone(),
                receipts: self.receipts(),
                issuing: self.issuing.clone(),
                keys: Arc::clone(&self.keys),
                settings: Arc::new(settings.clearing.clone()),
            }))
            .merge(counter::http::routes(counter::http::Counter {
                doors: self.doors.clone(),
                pool: self.pool.clone(),
                starting: Starting {
                    pool: self.pool.clone(),
                    clock: self.clock.clone(),
                    minutes: settings.clearing.attempt_minutes,
                },
                naming: Naming {
                    pool: self.pool.clone(),
                    clock: self.clock.clone(),
                    keys: Arc::clone(&self.keys),
                },
                receipts: self.receipts(),
                mailing: self.mailing(),
                limits: Arc::clone(&self.counter_limits),
                realm: settings.realm,
                client_address_header: settings.http.client_address_header.clone(),
            }))
            .merge(statistics::http::page_routes(self.statistics_doors()))
            .merge(desk::http::routes(self.desk(api.clone())))
            .merge(problem_page::routes())
            .merge(days::public::routes(self.pool.clone()))
            .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", document()));
        self.dress(api.merge(pages))
    }

    /// The signed API.
    pub(super) fn api(&self) -> Router {
        let settings = &self.settings;
        let invoices = invoices::http::routes().with_state(invoices::http::InvoiceDoors {
            doors: self.doors.clone(),
            pool: self.pool.clone(),
            issuing: self.issuing.clone(),
            cancelling: Cancelling {
                pool: self.pool.clone(),
                clock: self.clock.clone(),
                accounts: Arc::clone(&self.accounts),
                public_url: settings.http.public_url.clone(),
            },
            keys: Arc::clone(&self.keys),
            settings: Arc::new(settings.clearing.clone()),
            cut_off: settings.cut_off().unwrap_or(None),
        });
        let settlements =
            settlements::http::routes().with_state(settlements::http::SettlementDoors {
                doors: self.doors.clone(),
                settling: self.settling.clone(),
                reversing: Reversing {
                    pool: self.pool.clone(),
                    clock: self.clock.clone(),
                    accounts: Arc::clone(&self.accounts),
                },
            });
        let notices = notices::http::routes().with_state(notices::http::NoticesDoor {
            doors: self.doors.clone(),
            pool: self.pool.clone(),
            directory: self.directory.clone(),
            keys: Arc::clone(&self.keys),
            policy: policy(settings.mode),
        });
        let people = people::http::routes().with_state(self.people.clone());
        let approvals = approvals::http::routes().with_state(approvals::http::ApprovalDoors {
            people: self.people.clone(),
            kinds: self.kinds.clone(),
        });
        let roles = approvals::roles::http::routes().with_state(self.people.clone());
        let delegations = approvals::delegations_http::routes().with_state(self.people.clone());
        let refunds = refunds::http::routes().with_state(refunds::http::RefundDoors {
            doors: self.doors.clone(),
            refunding: self.refunding(),
            people: self.people.clone(),
        });
        let desk = refunds::officers::http::routes().with_state(OfficerDoors {
            people: self.people.clone(),
            desk: Desk { refunding: self.refunding(), keys: Arc::clone(&self.keys) },
        });
        let statement_settings = Arc::new(settings.statements.clone());
        let files = statements::http::routes().with_state(statements::http::StatementDoors {
            doors: self.doors.clone(),
            intake: self.intake(),
            settings: Arc::clone(&statement_settings),
        });
        let bench = statements::officers::http::routes().with_state(
            statements::officers::http::FileDoors {
                people: self.people.clone(),
                intake: self.intake(),
                settings: statement_settings,
            },
        );
        let attempts = dispatch::http::routes().with_state(self.people.clone());
        let reversals = settlements::officers_http::routes().with_state(self.people.clone());
        let operations = operations::http::routes().with_state(operations::http::OperatorDoors {
            people: self.people.clone(),
            sweeping: self.sweeping(),
        });
        let payovers = payover::http::routes().with_state(PayoverDoors {
            people: self.people.clone(),
            doors: self.doors.clone(),
            paying: self.paying_over(),
        });
        let days = days::http::routes()
            .with_state(DayDoors { people: self.people.clone(), days: self.days() });
        let receipts = receipts::http::routes().with_state(receipts::http::ReceiptDoors {
            doors: self.doors.clone(),
            people: self.people.clone(),
            receipts: self.receipts(),
        });
        let api = OpenApiRouter::new().merge(invoices).merge(settlements).merge(notices);
        let matches = reconciliation::http::routes().with_state(MatchDoors {
            people: self.people.clone(),
            matching: self.matching.clone(),
        });
        let statistics = statistics::http::routes().with_state(self.statistics_doors());
        let api = api.merge(receipts).merge(statistics).merge(matches).merge(files).merge(bench);
        let cases = breaks::http::routes().with_state(BreakDoors {
            people: self.people.clone(),
            caring: Caring { pool: self.pool.clone(), clock: self.clock.clone() },
        });
        let shared = breaks::shared::http::routes().with_state(SharedDoors {
            doors: self.doors.clone(),
            answering: Answering { pool: self.pool.clone(), clock: self.clock.clone() },
        });
        let resolutions = resolutions::http::routes().with_state(ResolutionDoors {
            people: self.people.clone(),
            resolving: self.resolving.clone(),
        });
        let api = api.merge(refunds).merge(desk).merge(cases).merge(shared).merge(resolutions);
        let api = api.merge(people).merge(approvals).merge(roles).merge(delegations);
        let api = api.merge(payovers).merge(days);
        let api: Router = api.merge(attempts).merge(operations).merge(reversals).into();
        api.layer(from_fn_with_state(self.pool.clone(), spend_refused))
    }

    /// The officers' pages.
    pub(super) fn desk(&self, api: Router) -> desk::http::Desk {
        desk::http::Desk {
            rooms: Rooms::new(api, self.settings.http.public_url.as_str()),
            people: self.people.clone(),
            kinds: self.kinds.clone(),
            refunds: Desk { refunding: self.refunding(), keys: Arc::clone(&self.keys) },
            directory: self.directory.clone(),
            sweeping: self.sweeping(),
            caller: self.dispatching.caller.clone(),
            intake: self.intake(),
            statements: Arc::new(self.settings.statements.clone()),
            answering: Answering { pool: self.pool.clone(), clock: self.clock.clone() },
            realm: self.settings.realm,
        }
    }

    pub(super) fn statistics_doors(&self) -> statistics::http::StatisticsDoors {
        let header = &self.settings.http.client_address_header;
        statistics::http::StatisticsDoors::new(self.doors.clone(), self.statistics(), header)
    }

    /// What tells whether a process is well: all there is without the doors.
    pub(super) fn health(&self, roles: &[Role]) -> Router {
        // Who takes invoices and settlements does without the broker; who does nothing but carry
        // messages does not.
        let carries = !roles.contains(&Role::Api)
            && roles.iter().any(|r| matches!(r, Role::Relay | Role::Dispatch | Role::Notices));
        let (app, metrics, leads) = (self.clone(), self.metrics.clone(), Arc::clone(&self.leads));
        let page = move || {
            let rendered = metrics.render();
            // Every gauge is told by whoever leads: what stays of the time when it was us is old.
            let leads = leads.load(Ordering::Relaxed);
            metrics_page(if leads { rendered } else { telemetry::without_gauges(&rendered) })
        };
        Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(move || ready(app.clone(), carries)))
            .route("/metrics", get(move || std::future::ready(page())))
    }

    /// Can a row be written and committed now? Whoever asks must not wait long.
    pub(super) async fn writes(&self) -> bool {
        let written = async {
            let mut conn = self.pool.acquire().await?;
            lease::be_present(&mut conn, "readyz", &self.holder).await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), written).await, Ok(Ok(_)))
    }

    pub(super) fn dress(&self, routes: Router) -> Router {
        http::dress(routes, Duration::from_secs(self.settings.http.request_seconds))
    }
}

/// The OpenAPI document: what each room says of its routes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = ApiDoc::openapi();
    document.merge(invoices::http::routes().into_openapi());
    document.merge(settlements::http::routes().into_openapi());
    document.merge(notices::http::routes().into_openapi());
    document.merge(people::http::routes().into_openapi());
    document.merge(approvals::http::routes().into_openapi());
    document.merge(approvals::roles::http::routes().into_openapi());
    document.merge(approvals::delegations_http::routes().into_openapi());
    document.merge(refunds::http::routes().into_openapi());
    document.merge(refunds::officers::http::routes().into_openapi());
    document.merge(receipts::http::routes().into_openapi());
    document.merge(statistics::http::routes().into_openapi());
    document.merge(breaks::http::routes().into_openapi());
    document.merge(breaks::shared::http::routes().into_openapi());
    document.merge(resolutions::http::routes().into_openapi());
    document.merge(reconciliation::http::routes().into_openapi());
    document.merge(statements::http::routes().into_openapi());
    document.merge(statements::officers::http::routes().into_openapi());
    document.merge(settlements::officers_http::routes().into_openapi());
    document.merge(dispatch::http::routes().into_openapi());
    document.merge(operations::http::routes().into_openapi());
    document.merge(payover::http::routes().into_openapi());
    document.merge(days::http::routes().into_openapi());
    openapi::complete(&mut document);
    document
}

/// Red only when the database cannot be written, or for a process that only carries messages when
/// the broker does not answer: elsewhere broker and outbox are alarms, never a reason to take down
/// what still takes invoices.
async fn ready(app: App, carries: bool) -> impl IntoResponse {
    let told = StatusCode::SERVICE_UNAVAILABLE;
    if !database::is_writable(&app.pool).await || !app.writes().await {
        return (told, "the database cannot be written to\n");
    }
    let (disk, least) =
        (&app.settings.database.disk_path, app.settings.database.disk_free_mebibytes);
    // A path that cannot be looked at says nothing of the database: it is told in the log.
    if !disk.is_empty() {
        match database::disk_free(disk) {
            Some(free) if free < least => {
                return (told, "the disk of the database is nearly full\n");
            }
            Some(_) => {}
            None => tracing::warn!(path = disk, "database.disk_path cannot be looked at"),
        }
    }
    if carries && !broker::answers(&app.settings.broker).await {
        return (told, "the broker does not answer\n");
    }
    (StatusCode::OK, "ready\n")
}

fn metrics_page(rendered: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], rendered)
}

//! The wiring: opens pools, merges every room's routes, starts every room's work. No rules here.

mod front;
mod sandbox;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::approvals::delegations::DelegationKind;
use crate::approvals::endpoints::EndpointKind;
use crate::approvals::expire::expire_overdue;
use crate::approvals::kinds::{Kind, Kinds};
use crate::approvals::partners::PartnerKind;
use crate::approvals::people::PersonKind;
use crate::approvals::roles::change::RolesKind;
use crate::breaks::care::Caring;
use crate::breaks::http::BreakDoors;
use crate::breaks::shared::answer::Answering;
use crate::breaks::shared::http::SharedDoors;
use crate::callers::approve::KeyKind;
use crate::callers::doors::{Doors, spend_refused};
use crate::compat::approve::CompatKind;
use crate::compat::results::Results;
use crate::days::http::DayDoors;
use crate::days::kind::Closing;
use crate::days::{Days, Hours};
use crate::desk::rooms::Rooms;
use crate::dispatch::consumer::{Dispatching, Orders};
use crate::dispatch::find::Finder;
use crate::dispatch::query::Querying;
use crate::dispatch::resolve::ResolveKind;
use crate::dispatch::start::Starting;
use crate::dispatch::steps::Stepping;
use crate::invoices::cancel::Cancelling;
use crate::invoices::expire::Expiring;
use crate::invoices::issue::Issuing;
use crate::ledger::accounts::Accounts;
use crate::ledger::chart::AccountKind;
use crate::mail::Mailing;
use crate::notices::consumer::PREFETCH;
use crate::notices::room::{Notices, Parts};
use crate::operations::gauges;
use crate::operations::sweeps::Sweeping;
use crate::partners::call::Caller;
use crate::partners::exchange::exchange_prune;
use crate::payover::PayingOver;
use crate::payover::http::PayoverDoors;
use crate::people::officer::PeopleDoor;
use crate::people::password::Hasher;
use crate::people::store::session_prune;
use crate::platform::egress::{self, Egress, Policy};
use crate::platform::group::Writer;
use crate::platform::relay::{Relay, Search};
use crate::platform::seal::MasterKeys;
use crate::platform::settings::{Mode, Settings};
use crate::platform::{
    admission, broker, database, due, http, lease, openapi, outbox, problem_page, sequencer, serve,
    telemetry,
};
use crate::receipts::Receipts;
use crate::receipts::officers::{About as ReceiptAbout, ReceiptKind};
use crate::receipts::signer::BuiltIn;
use crate::reconciliation::calendar::WorkingDays;
use crate::reconciliation::hand::ByHandKind;
use crate::reconciliation::http::MatchDoors;
use crate::reconciliation::run::{CHUNK, Matching};
use crate::reconciliation::terms::TermsKind;
use crate::refunds::account_approval::RefundAccountKind;
use crate::refunds::consumer::Refunds;
use crate::refunds::door::Refunding;
use crate::refunds::name_account::Naming;
use crate::refunds::officers::Desk;
use crate::refunds::officers::http::OfficerDoors;
use crate::refunds::send::Carrying;
use crate::registers::live::LiveDirectory;
use crate::resolutions::Resolving;
use crate::resolutions::http::ResolutionDoors;
use crate::resolutions::kind::ResolutionKind;
use crate::settlements::banked::Telling;
use crate::settlements::group::Settling;
use crate::settlements::partner_http::PartnerDoors;
use crate::settlements::reverse::Reversing;
use crate::settlements::told_back::ReverseKind;
use crate::statements::accept::AcceptKind;
use crate::statements::folder::Watching;
use crate::statements::intake::Intake;
use crate::statements::opening::OpeningKind;
use crate::statistics::Statistics;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::realm::Realm;
use crate::{
    approvals, breaks, callers, compat, counter, days, desk, dispatch, invoices, ledger, mail,
    notices, operations, payover, people, receipts, reconciliation, refunds, resolutions,
    settlements, statements, statistics,
};

crate::text_enum! {
    /// What a process does. Every role runs in any number of replicas.
    pub enum Role ("role") {
        /// The doors.
        Api = "api",
        /// From the outbox to the broker.
        Relay = "relay",
        /// Orders to partners.
        Dispatch = "dispatch",
        /// Notices to portals.
        Notices = "notices",
        /// Sweeps, the sequencer, pruning.
        Clock = "clock",
    }
}

/// Exchanges with partners are kept so long for disputes.
const EXCHANGES_KEPT_DAYS: i32 = 400;
/// So many questions to partners are under way at once; more wait for their turn.
const ASKED_AT_ONCE: usize = 1000;
/// Lines whose window is over, and settlements that nobody told of, are looked for so often.
const ALL_MATCHED_EVERY: Duration = Duration::from_mins(10);
/// Under this name processes that take calls tell that they live.
const REPLICAS: &str = "api";

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
    /// A statement.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The database is the other realm's.
    #[error(
        "this database is not {0}'s: it holds keys of the other realm; sandbox.database_url and \
         database.url must not be exchanged"
    )]
    OtherRealm(&'static str),
    /// Both addresses lead to one database.
    #[error("sandbox.database_url leads to the live database: the sandbox stays shut")]
    OneDatabase,
    /// The HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The port.
    #[error("cannot listen on {address}: {error}; is something else using the port?")]
    Listen {
        /// The address of the settings.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Everything that a process is made of.
#[derive(Clone)]
pub struct App {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Keys at rest.
    pub keys: Arc<MasterKeys>,
    /// The registers.
    pub directory: LiveDirectory,
    /// Account numbers.
    pub accounts: Arc<Accounts>,
    /// The sender of notices.
    pub notices: Arc<Notices>,
    /// Tells results in the platform's words.
    pub results: Arc<Results>,
    /// Orders to partners.
    pub dispatching: Dispatching,
    /// The doors of partners.
    pub partner_doors: PartnerDoors,
    /// Ends everything.
    pub stop: CancellationToken,
    /// What can be approved.
    pub kinds: Kinds,
    /// Ways out of cases.
    pub resolving: Resolving,
    /// Statements and what they tell of.
    pub matching: Matching,
    doors: Doors,
    people: PeopleDoor,
    counter_limits: Arc<counter::limits::Limits>,
    settling: Writer<Settling>,
    issuing: Writer<Issuing>,
    metrics: PrometheusHandle,
    holder: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// The description of the whole API; each room adds its routes.
#[derive(OpenApi)]
#[openapi(info(
    title = "payclear",
    description = "Online payment clearing for government fees. Signatures, idempotency and errors: docs/api.md."
))]
struct ApiDoc;

impl App {
    /// Opens everything; runs nothing yet.
    pub async fn open(
        settings: Settings,
        keys: MasterKeys,
        clock: SharedClock,
    ) -> Result<Self, StartError> {
        let pool = database::open(&settings.database.url, settings.database.connections).await?;
        database::check(&pool).await?;
        let realm = keys.realm();
        if callers::store::key_of_other_realm(&mut *pool.acquire().await?, realm).await? {
            return Err(StartError::OtherRealm(realm.name()));
        }
        let keys = Arc::new(keys);
        let directory = LiveDirectory::load(pool.clone(), Arc::clone(&keys)).await?;
        let accounts = Arc::new(Accounts::new(settings.cut_off().unwrap_or(None)));
        let doors = Doors::new(directory.clone(), clock.clone(), &settings.http);
        let settling = Writer::start(
            pool.clone(),
            Settling { pool: pool.clone(), clock: clock.clone(), accounts: Arc::clone(&accounts) },
        );
        let issuing = Writer::start(
            pool.clone(),
            Issuing { clock: clock.clone(), public_url: settings.http.public_url.clone() },
        );
        let partner_doors = PartnerDoors {
            doors: doors.clone(),
            pool: pool.clone(),
            settling: settling.clone(),
            keys: Arc::clone(&keys),
            client_address_header: settings.http.client_address_header.as_str().into(),
        };
        let call_within = Duration::from_secs(settings.clearing.partner_call_seconds);
        let dispatching = Dispatching {
            pool: pool.clone(),
            clock: clock.clone(),
            directory: directory.clone(),
            finder: Finder::start(pool.clone()),
            caller: Caller::new(egress::partner_client()?, call_within),
            steps: Writer::start(pool.clone(), Stepping { clock: clock.clone() }),
            public_url: settings.http.public_url.clone(),
        };
        let notices = Notices::start(Parts {
            pool: pool.clone(),
            clock: clock.clone(),
            directory: directory.clone(),
            egress: Egress::new(policy(settings.mode))?,
            settings: settings.notices.clone(),
        });
        let results = Arc::new(Results::new(
            pool.clone(),
            clock.clone(),
            Arc::clone(&keys),
            Egress::new(policy(settings.mode))?,
            &settings.notices,
        ));
        let people = PeopleDoor {
            pool: pool.clone(),
            clock: clock.clone(),
            keys: Arc::clone(&keys),
            public_url: settings.http.public_url.as_str().into(),
            client_address_header: settings.http.client_address_header.as_str().into(),
            settings: Arc::new(settings.people.clone()),
            hasher: Hasher::default(),
            limits: Arc::default(),
        };
        let resolving = Resolving {
            pool: pool.clone(),
            clock: clock.clone(),
            accounts: Arc::clone(&accounts),
            orders: refunds::send::Orders {
                directory: directory.clone(),
                public_url: settings.http.public_url.clone(),
            },
            limits: resolutions::Limits {
                most: settings.clearing.write_off_most,
                day: settings.clearing.write_off_day,
            },
        };
        let matching = Matching {
            pool: pool.clone(),
            clock: clock.clone(),
            accounts: Arc::clone(&accounts),
            directory: directory.clone(),
            days: working_days(&directory, &accounts, &clock),
            chunk: CHUNK,
        };
        let closing = closing(&settings, &directory, &keys);
        let kinds =
            kinds(&accounts, &matching, &closing).with(Arc::new(ResolutionKind(resolving.clone())));
        Ok(Self {
            settings: Arc::new(settings),
            pool,
            clock,
            keys,
            directory,
            accounts,
            notices,
            results,
            dispatching,
            partner_doors,
            stop: CancellationToken::new(),
            kinds,
            resolving,
            matching,
            doors,
            people,
            counter_limits: Arc::default(),
            settling,
            issuing,
            metrics: telemetry::start_metrics(),
            holder: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
        })
    }

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

    /// Can a row be written and committed now? Whoever asks must not wait long.
    async fn writes(&self) -> bool {
        let written = async {
            let mut conn = self.pool.acquire().await?;
            lease::be_present(&mut conn, "readyz", &self.holder).await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), written).await, Ok(Ok(_)))
    }

    /// The officers' pages.
    fn desk(&self, api: Router) -> desk::http::Desk {
        desk::http::Desk {
            rooms: Rooms::new(api, self.settings.http.public_url.as_str()),
            people: self.people.clone(),
            kinds: self.kinds.clone(),
            refunds: Desk { refunding: self.refunding(), keys: Arc::clone(&self.keys) },
            directory: self.directory.clone(),
            sweeping: self.sweeping(),
            caller: self.dispatching.caller.clone(),
            realm: self.settings.realm,
        }
    }

    /// What tells whether a process is well: all there is without the doors.
    fn health(&self, roles: &[Role]) -> Router {
        // Who takes invoices and settlements does without the broker; who does nothing but carry
        // messages does not.
        let carries = !roles.contains(&Role::Api)
            && roles.iter().any(|r| matches!(r, Role::Relay | Role::Dispatch | Role::Notices));
        let (app, metrics) = (self.clone(), self.metrics.clone());
        Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(move || ready(app.clone(), carries)))
            .route("/metrics", get(move || std::future::ready(metrics_page(metrics.render()))))
    }

    fn dress(&self, routes: Router) -> Router {
        http::dress(routes, Duration::from_secs(self.settings.http.request_seconds))
    }

    /// The signed API.
    fn api(&self) -> Router {
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

    /// Starts the work of roles; it goes on until `stop`.
    fn start(&self, roles: &[Role], work: &TaskTracker) {
        work.spawn(
            self.directory
                .clone()
                .keep_fresh(Duration::from_secs(1), self.stop.clone().cancelled_owned()),
        );
        if roles.contains(&Role::Relay) {
            work.spawn(self.clone().relay());
        }
        if roles.contains(&Role::Dispatch) {
            work.spawn(self.clone().dispatch());
        }
        if roles.contains(&Role::Notices) {
            work.spawn(self.clone().consume_notices());
            let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
            work.spawn(Arc::clone(&self.results).run(every, self.stop.clone()));
            if let Some(mailing) = self.mailing() {
                work.spawn(mailing.run(every, self.stop.clone()));
            }
        }
        if roles.contains(&Role::Clock) {
            work.spawn(self.clone().clock_role());
            let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
            let (directory, stop) = (self.directory.clone(), self.stop.clone());
            work.spawn(self.receipts().run(directory, self.holder.clone(), every, stop.clone()));
            work.spawn(self.statistics().run(self.holder.clone(), every, stop));
            work.spawn(self.clone().match_statements());
            let watching = Watching {
                intake: self.intake(),
                settings: Arc::new(self.settings.statements.clone()),
                pool: self.pool.clone(),
                holder: self.holder.clone(),
            };
            work.spawn(watching.run(self.stop.clone()));
            work.spawn(sequencer::run(
                self.pool.clone(),
                self.clock.clone(),
                self.holder.clone(),
                self.stop.clone(),
            ));
        }
        if roles.contains(&Role::Api) {
            work.spawn(self.clone().forget_idle_callers());
            work.spawn(self.clone().count_replicas());
        }
    }

    /// Runs roles until `stop`, then lets what is under way finish. With a sandbox in the settings
    /// it runs beside, behind the same address.
    pub async fn run(self, roles: &[Role]) -> Result<(), StartError> {
        let work = TaskTracker::new();
        self.start(roles, &work);
        let mut routes =
            if roles.contains(&Role::Api) { self.router() } else { self.dress(self.health(roles)) };
        if let Some(settings) = self.settings.for_sandbox() {
            let opened = Arc::new(OnceLock::new());
            let (live, own) = (self.clone(), roles.to_vec());
            work.spawn(sandbox::open(live, settings, own, work.clone(), Arc::clone(&opened)));
            if roles.contains(&Role::Api) {
                routes = front::routes(routes, opened);
            }
        }
        let address = self.settings.http.listen;
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| StartError::Listen { address, error })?;
        tracing::info!(%address, "serving");
        serve::serve(listener, routes, self.stop.clone()).await;
        work.close();
        work.wait().await;
        tracing::info!("stopped");
        Ok(())
    }

    async fn forget_idle_callers(self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_mins(1)) => {
                    self.doors.forget_idle();
                    self.people.limits.forget_idle();
                    self.counter_limits.forget_idle();
                }
            }
        }
    }

    /// What a caller may do in a second is shared out among the processes that take calls.
    async fn count_replicas(self) {
        const EVERY: Duration = Duration::from_secs(2);
        while !self.stop.is_cancelled() {
            let counted = async {
                let mut conn = self.pool.acquire().await?;
                lease::be_present(&mut conn, REPLICAS, &self.holder).await
            };
            match counted.await {
                Ok(count) => self.doors.share_among(count),
                Err(error) => tracing::warn!(%error, "replicas cannot be counted"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Ok(mut conn) = self.pool.acquire().await {
            drop(lease::leave(&mut conn, REPLICAS, &self.holder).await);
        }
    }

    fn partners(&self) -> Vec<String> {
        let directory = self.directory.current();
        let mut codes: Vec<String> = directory.partners().iter().map(|p| p.code.clone()).collect();
        codes.sort();
        codes
    }

    async fn relay(self) {
        let relay = Relay {
            pool: self.pool.clone(),
            broker: self.settings.broker.clone(),
            holder: self.holder.clone(),
            lost_after: self.lost_after(),
            is_woken: self.settings.realm == Realm::Live,
        };
        let (app, stop) = (self.clone(), self.stop.clone());
        let recovered = move |search: Search| {
            let app = app.clone();
            async move {
                if let Err(error) = app.recover(&search).await {
                    tracing::warn!(%error, "lost messages could not be looked for");
                }
            }
        };
        relay.run(move || self.partners(), recovered, stop).await;
    }

    fn lost_after(&self) -> Duration {
        Duration::from_secs(self.settings.clearing.lost_after_seconds)
    }

    /// What should have had an effect and had none is sent again, where the queue is empty.
    async fn recover(&self, search: &Search) -> Result<(), sqlx::Error> {
        // What is younger may still be on its way.
        let now = self.clock.now();
        let until = now - self.lost_after();
        let since = search.reach.map(|reach| until - reach);
        let empty = &search.queues;
        let of = |queue: fn(&str) -> String| -> Vec<String> {
            self.partners().into_iter().filter(|p| empty.contains(&queue(p))).collect()
        };
        let partners = of(broker::collect_queue);
        let orders =
            dispatch::recover::resend_lost(&self.pool, &partners, (since, until), now).await?;
        let partners = of(broker::refund_queue);
        let refunds =
            refunds::recover::resend_lost(&self.pool, &partners, (since, until), now).await?;
        let told = if empty.iter().any(|queue| queue == broker::NOTICES_QUEUE) {
            notices::recover::resend_lost(&self.pool, (since, until), now).await?
        } else {
            0
        };
        if orders > 0 || told > 0 || refunds > 0 {
            tracing::warn!(
                orders,
                refunds,
                notices = told,
                "messages were lost and are sent again"
            );
        }
        Ok(())
    }

    async fn dispatch(self) {
        let running = TaskTracker::new();
        let mut known: Vec<String> = Vec::new();
        while !self.stop.is_cancelled() {
            for partner in self.partners() {
                if known.contains(&partner) {
                    continue;
                }
                let orders = Arc::new(Orders {
                    dispatching: self.dispatching.clone(),
                    querying: self.querying(),
                });
                running.spawn(broker::consume(
                    self.settings.broker.clone(),
                    broker::collect_queue(&partner),
                    16,
                    orders,
                    self.partners(),
                    self.stop.clone(),
                ));
                running.spawn(broker::consume(
                    self.settings.broker.clone(),
                    broker::refund_queue(&partner),
                    8,
                    Arc::new(Refunds { carrying: self.carrying() }),
                    self.partners(),
                    self.stop.clone(),
                ));
                known.push(partner);
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        running.close();
        running.wait().await;
    }

    /// Carrying refunds out.
    pub fn carrying(&self) -> Carrying {
        Carrying {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            caller: self.dispatching.caller.clone(),
            orders: refunds::send::Orders {
                directory: self.directory.clone(),
                public_url: self.settings.http.public_url.clone(),
            },
        }
    }

    /// Telling portals of what was seen in the bank.
    pub fn telling(&self) -> Telling {
        Telling { pool: self.pool.clone(), clock: self.clock.clone() }
    }

    /// Writing to payers; none without a server.
    pub fn mailing(&self) -> Option<Mailing> {
        self.settings.mail.is_on().then(|| Mailing {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            keys: Arc::clone(&self.keys),
            settings: Arc::new(self.settings.mail.clone()),
            public_url: self.settings.http.public_url.as_str().into(),
        })
    }

    /// Making receipts, and showing them.
    pub fn receipts(&self) -> Receipts {
        Receipts {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            signer: Arc::new(BuiltIn {
                pool: self.pool.clone(),
                clock: self.clock.clone(),
                keys: Arc::clone(&self.keys),
            }),
            realm: self.settings.realm,
            public_url: self.settings.http.public_url.as_str().into(),
        }
    }

    /// Counting.
    pub fn statistics(&self) -> Statistics {
        Statistics { pool: self.pool.clone(), clock: self.clock.clone() }
    }

    fn statistics_doors(&self) -> statistics::http::StatisticsDoors {
        let header = &self.settings.http.client_address_header;
        statistics::http::StatisticsDoors::new(self.doors.clone(), self.statistics(), header)
    }

    /// What portals do with refunds.
    pub fn refunding(&self) -> Refunding {
        let Carrying { pool, clock, accounts, orders, .. } = self.carrying();
        Refunding { pool, clock, accounts, orders }
    }

    /// Asking partners after orders.
    pub fn querying(&self) -> Querying {
        Querying { dispatching: self.dispatching.clone(), doors: self.partner_doors.clone() }
    }

    async fn consume_notices(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let retries =
            tokio::spawn(notices::retry::run(Arc::clone(&self.notices), every, self.stop.clone()));
        broker::consume(
            self.settings.broker.clone(),
            broker::NOTICES_QUEUE.to_owned(),
            PREFETCH,
            Arc::clone(&self.notices),
            self.partners(),
            self.stop.clone(),
        )
        .await;
        drop(retries.await);
    }

    /// The sweeps, by whoever leads.
    async fn clock_role(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let mut pruned = None;
        // What partners are being asked; left alone at the end, since all of it comes back.
        let asking = TaskTracker::new();
        while !self.stop.is_cancelled() {
            match self.sweep(&asking, &mut pruned).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a sweep failed; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Matches what was staged, by whoever leads, beside the sweeps: a large file takes its time.
    async fn match_statements(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let mut all_at: Option<tokio::time::Instant> = None;
        while !self.stop.is_cancelled() {
            let due = all_at.is_none_or(|at| at.elapsed() > ALL_MATCHED_EVERY);
            match self.matching.tick(&self.holder, due).await {
                Ok(true) => all_at = Some(tokio::time::Instant::now()),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "matching stopped; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(every.max(Duration::from_millis(500))) => {}
            }
        }
    }

    async fn sweep(
        &self,
        asking: &TaskTracker,
        pruned: &mut Option<tokio::time::Instant>,
    ) -> Result<(), sqlx::Error> {
        {
            let mut conn = self.pool.acquire().await?;
            if lease::take(&mut conn, "clock", &self.holder).await?.is_none() {
                return Ok(());
            }
        }
        let now = self.clock.now();
        // Each for itself: one that fails keeps none of the others.
        let heard = |what: &str, error: &dyn std::fmt::Display| {
            tracing::warn!(what, %error, "a sweep failed; trying again");
        };
        if let Err(error) = self.expiring().sweep().await {
            heard("expiry", &error);
        }
        if let Err(error) = self.telling().sweep().await {
            heard("what was seen in the bank", &error);
        }
        if let Err(error) = dispatch::recover::resend_due(&self.pool, now).await {
            heard("orders put off", &error);
        }
        if asking.len() < ASKED_AT_ONCE {
            if let Err(error) = self.querying().sweep(&self.pool, asking).await {
                heard("asking partners", &error);
            }
            if let Err(error) = self.querying().cancel_sweep(&self.pool, asking).await {
                heard("taking orders back", &error);
            }
            if let Err(error) = self.carrying().sweep_queries(asking).await {
                heard("asking after refunds", &error);
            }
        }
        if let Err(error) = expire_overdue(&self.pool, &self.kinds, &self.clock).await {
            heard("approvals", &error);
        }
        let carrying = self.carrying();
        if let Err(error) = carrying.sweep_due_back().await {
            heard("refunds of what is due back", &error);
        }
        if let Err(error) = carrying.sweep_reversed().await {
            heard("refunds of what was taken back", &error);
        }
        if let Err(error) = carrying.sweep_waiting().await {
            heard("refunds that wait for a yes or no", &error);
        }
        if let Err(error) = refunds::recover::resend_due(&self.pool, now).await {
            heard("refunds put off", &error);
        }
        if let Err(error) = self.paying_over().sweep_debits().await {
            heard("transfers that statements show", &error);
        }
        if let Err(error) = self.gauges().await {
            heard("gauges", &error);
        }
        if pruned.is_none_or(|at| at.elapsed() > Duration::from_mins(1)) {
            *pruned = Some(tokio::time::Instant::now());
            let keep = self.settings.clearing.answers_kept_days;
            if let Err(error) = admission::empty_nonces(&self.pool).await {
                heard("nonces", &error);
            }
            if let Err(error) = admission::prune(&self.pool, keep).await {
                heard("answers", &error);
            }
            if let Err(error) = session_prune(&mut *self.pool.acquire().await?, now).await {
                heard("sessions", &error);
            }
            if let Err(error) = exchange_prune(&self.pool, EXCHANGES_KEPT_DAYS).await {
                heard("exchanges", &error);
            }
            if let Some(mailing) = self.mailing()
                && let Err(error) = mailing.prune().await
            {
                heard("mail", &error);
            }
            if let Err(error) = self.balances().await {
                heard("balances", &error);
            }
            if let Err(error) = self.days().sweep().await {
                heard("days", &error);
            }
            let files_by = self.days().hours.files_by;
            if let Err(error) = self.paying_over().sweep_overdue(files_by).await {
                heard("transfers to the Treasury", &error);
            }
            if self.settings.realm != Realm::Sandbox
                && let Err(error) = self.days().tell().await
            {
                heard("gauges of days", &error);
            }
        }
        Ok(())
    }

    /// Snapshots of balances, once an hour, and the gauges of suspense and of states.
    async fn balances(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        if self.settings.realm != Realm::Sandbox {
            gauges::tell_states(&self.pool, now).await?;
        }
        if now - due::watermark(&self.pool, "ledger.snapshot").await? > chrono::Duration::hours(1) {
            let mut conn = self.pool.acquire().await?;
            ledger::store::snapshot_balances(&mut conn).await?;
            due::watermark_set(&self.pool, "ledger.snapshot", now).await?;
        }
        if self.settings.realm == Realm::Sandbox {
            return Ok(());
        }
        gauges::tell_cases(&self.pool, now).await?;
        let mut conn = self.pool.acquire().await?;
        let scopes = [crate::people::role::EVERYTHING.to_owned()];
        let waiting = receipts::store::reads::payments_waiting(&mut conn, &scopes).await?;
        let waiting: i64 = waiting.iter().map(|unit| unit.payments).sum();
        metrics::gauge!("payclear_receipts_waiting")
            .set(f64::from(i32::try_from(waiting).unwrap_or(i32::MAX)));
        for balance in ledger::store::balances_of(&mut conn, AccountKind::Suspense).await? {
            // Shown, not reckoned with: a gauge has no other form.
            let held = f64::try_from(-balance.amount).unwrap_or(f64::NAN);
            metrics::gauge!("payclear_suspense_amount",
                "partner" => balance.owner, "currency" => balance.currency)
            .set(held);
        }
        Ok(())
    }

    /// Days.
    pub fn days(&self) -> Days {
        let Closing { directory, keys, hours } =
            closing(&self.settings, &self.directory, &self.keys);
        Days {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            directory,
            keys,
            kinds: self.kinds.clone(),
            hours,
        }
    }

    /// Paying over to the Treasury.
    pub fn paying_over(&self) -> PayingOver {
        PayingOver {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            directory: self.directory.clone(),
            kinds: self.kinds.clone(),
        }
    }

    /// What waits, and running it now.
    pub fn sweeping(&self) -> Sweeping {
        Sweeping {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
            kinds: self.kinds.clone(),
            days: self.days(),
            paying_over: self.paying_over(),
        }
    }

    /// Taking statements and reports in.
    pub fn intake(&self) -> Intake {
        Intake {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            directory: self.directory.clone(),
        }
    }

    /// Expiry.
    pub fn expiring(&self) -> Expiring {
        Expiring {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
        }
    }

    async fn gauges(&self) -> Result<(), sqlx::Error> {
        // The sandbox's would overwrite those that alarms stand on.
        if self.settings.realm == Realm::Sandbox {
            return Ok(());
        }
        let (waiting, age) = outbox::depth(&self.pool).await?;
        let gauge = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
        metrics::gauge!("payclear_outbox_waiting").set(gauge(waiting));
        metrics::gauge!("payclear_outbox_oldest_seconds").set(gauge(age));
        gauges::tell_waiting(&self.sweeping()).await?;
        if self.settings.mail.is_on() {
            let (waiting, overdue) =
                mail::store::mails_waiting(&self.pool, self.clock.now()).await?;
            metrics::gauge!("payclear_mail_waiting").set(gauge(waiting));
            metrics::gauge!("payclear_mail_overdue_seconds").set(gauge(overdue));
        }
        Ok(())
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

/// The working days of the registers as they stand, read anew when they change.
pub fn working_days(
    directory: &LiveDirectory,
    accounts: &Arc<Accounts>,
    clock: &SharedClock,
) -> WorkingDays {
    let (directory, accounts, clock) = (directory.clone(), Arc::clone(accounts), clock.clone());
    let known = std::sync::Mutex::new(None);
    WorkingDays::new(move |day| {
        let registers = directory.current();
        let today = accounts.day_of(clock.now());
        let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (_, _, calendar) = match known.take() {
            Some((of, on, calendar)) if Arc::ptr_eq(&of, &registers) && on == today => {
                known.insert((of, on, calendar))
            }
            _ => {
                let calendar = registers.calendar(today);
                known.insert((registers, today, calendar))
            }
        };
        calendar.is_working_day(day)
    })
}

/// What closing a day needs of an installation.
pub fn closing(settings: &Settings, directory: &LiveDirectory, keys: &Arc<MasterKeys>) -> Closing {
    let hours = Hours {
        cut_off: settings.cut_off().unwrap_or(None),
        files_by: settings.files_by().unwrap_or_default(),
    };
    Closing { directory: directory.clone(), keys: Arc::clone(keys), hours }
}

/// What can be approved: each room brings its kinds, here they come together.
pub fn kinds(books: &Arc<Accounts>, matching: &Matching, closing: &Closing) -> Kinds {
    let plain = [
        Arc::new(PersonKind::Add) as Arc<dyn Kind>,
        Arc::new(PersonKind::Reset),
        Arc::new(RolesKind),
        Arc::new(EndpointKind),
        Arc::new(DelegationKind),
        Arc::new(PartnerKind),
        Arc::new(KeyKind),
        Arc::new(ResolveKind) as Arc<dyn Kind>,
        Arc::new(ReceiptKind(ReceiptAbout::Cancel)),
        Arc::new(ReceiptKind(ReceiptAbout::Replace)),
        Arc::new(RefundAccountKind),
        Arc::new(ByHandKind(Arc::new(matching.clone()))),
        Arc::new(TermsKind),
        Arc::new(AcceptKind),
        Arc::new(OpeningKind),
        Arc::new(ReverseKind { books: Arc::clone(books) }),
        Arc::new(CompatKind),
    ];
    let kinds = plain.into_iter().chain(refunds::officers::kind::kinds(books));
    let kinds = kinds.chain(payover::kind::kinds(books, &closing.directory));
    Kinds::new(kinds.chain(days::kind::kinds(closing)))
}

/// Which addresses notices may go to.
pub const fn policy(mode: Mode) -> Policy {
    match mode {
        Mode::Production => Policy::Public,
        Mode::Development => Policy::LoopbackToo,
    }
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

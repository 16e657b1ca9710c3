//! The wiring: opens pools, merges every room's routes, starts every room's work. No rules here.

mod clock;
mod doors;
mod front;
mod parts;
mod sandbox;
mod work;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::approvals::kinds::Kinds;
use crate::callers::doors::Doors;
use crate::compat::results::Results;
use crate::dispatch::consumer::Dispatching;
use crate::dispatch::find::Finder;
use crate::dispatch::steps::Stepping;
use crate::invoices::issue::Issuing;
use crate::ledger::accounts::Accounts;
use crate::notices::room::{Notices, Parts};
use crate::partners::call::Caller;
use crate::partners::record::Recorder;
use crate::people::officer::PeopleDoor;
use crate::people::password::Hasher;
use crate::platform::egress::{self, Egress};
use crate::platform::group::Writer;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::Settings;
use crate::platform::{database, serve, telemetry};
use crate::reconciliation::run::{CHUNK, Matching};
use crate::registers::live::LiveDirectory;
use crate::resolutions::kind::ResolutionKind;
use crate::resolutions::{self, Resolving};
use crate::settlements::group::Settling;
use crate::settlements::partner_http::PartnerDoors;
use crate::vocabulary::clock::SharedClock;
use crate::{callers, counter, refunds};

pub use self::doors::document;
pub use self::parts::{closing, kinds, policy, working_days};

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
    /// Keeps what is said to partners.
    pub recorder: Recorder,
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
    /// The clock's work is done here.
    leads: Arc<AtomicBool>,
    holder: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("holder", &self.holder).finish_non_exhaustive()
    }
}

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
        let recorder = Recorder::new(pool.clone(), clock.clone());
        let call_within = Duration::from_secs(settings.clearing.partner_call_seconds);
        let dispatching = Dispatching {
            pool: pool.clone(),
            clock: clock.clone(),
            directory: directory.clone(),
            finder: Finder::start(pool.clone()),
            caller: Caller::new(egress::partner_client()?, call_within).kept_by(recorder.clone()),
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
            recorder,
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
            leads: Arc::default(),
            holder: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
        })
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
        // What was called to the very end.
        self.recorder.flush().await;
        tracing::info!("stopped");
        Ok(())
    }
}

//! Wiring only: what all partners share, every route, start and stop.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get, serve::ListenerExt};
use tokio::net::TcpListener;

use crate::{
    behaviour::Behaviours, clock, control, courier::Courier, directbank, dossier, journal::Journal,
    momo, payos, portal, sepay, settings::Settings, vnpay, zalopay,
};

/// What every call gets.
pub type Shared = Arc<World>;

/// All partners, the portal and what they share.
pub struct World {
    /// As given at start.
    pub settings: Settings,
    /// Where payers reach the pages.
    pub public_url: String,
    /// What the banks truly did.
    pub journal: Arc<Journal>,
    /// Brings the callbacks.
    pub courier: Arc<Courier>,
    /// How calls misbehave.
    pub behaviours: Behaviours,
    /// Numbers for transactions.
    pub numbers: Numbers,
    /// The payOS-shaped bank.
    pub payos: payos::Bank,
    /// The VNPAY-shaped gateway.
    pub vnpay: vnpay::Gateway,
    /// The MoMo-shaped wallet.
    pub momo: momo::Wallet,
    /// The ZaloPay-shaped wallet.
    pub zalopay: zalopay::Wallet,
    /// The account that SePay watches.
    pub sepay: sepay::Account,
    /// The bank that speaks the plain signed API.
    pub direct: directbank::Bank,
    /// The dossier system that speaks the national platform's messages.
    pub dossier: dossier::System,
    /// The reference portal.
    pub portals: portal::Portals,
}

/// Transaction numbers of at most 15 digits that never repeat, not even after a restart: they
/// start at the time, and no simulator makes a hundred per millisecond.
pub struct Numbers(AtomicU64);

impl Numbers {
    fn from_now() -> Self {
        let milliseconds = u64::try_from(clock::now().timestamp_millis()).unwrap_or_default();
        Self(AtomicU64::new(milliseconds * 100))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Why the simulators cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// A port, a journal or a connection failed.
    #[error("input or output failed: {0}")]
    Io(#[from] io::Error),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The plain bank's secret is not base64.
    #[error("SIM_BANK_SECRET is not base64")]
    BankSecret(#[from] base64::DecodeError),
}

impl World {
    /// Opens the journals and makes all partners; `public_url` is where payers reach them.
    pub fn new(settings: Settings, public_url: String) -> Result<Shared, CannotStart> {
        std::fs::create_dir_all(&settings.journal_dir)?;
        let journal = Arc::new(Journal::open(&settings.journal_dir.join("banks.jsonl"))?);
        let courier = Courier::new(
            Arc::clone(&journal),
            settings.retry_scale,
            settings.callback_timeout_ms,
            settings.callbacks_at_once,
        )?;
        Ok(Arc::new(Self {
            public_url,
            journal,
            courier: Arc::new(courier),
            behaviours: Behaviours::default(),
            numbers: Numbers::from_now(),
            payos: payos::Bank::new(&settings),
            vnpay: vnpay::Gateway::default(),
            momo: momo::Wallet::default(),
            zalopay: zalopay::Wallet::default(),
            sepay: sepay::Account::default(),
            direct: directbank::Bank::new(&settings)?,
            dossier: dossier::System::default(),
            portals: portal::Portals::open(&settings.journal_dir.join("portals.jsonl"))?,
            settings,
        }))
    }
}

/// Every route.
pub fn router(world: Shared) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .nest("/payos", payos::routes())
        .nest("/vnpay", vnpay::routes())
        .nest("/momo", momo::routes())
        .nest("/zalopay", zalopay::routes())
        .nest("/sepay", sepay::routes())
        .nest("/dossier", dossier::routes())
        .nest("/control", control::routes())
        .nest("/portal", portal::routes())
        .with_state(world)
}

/// Serves until `stop` resolves; requests under way get five seconds to end.
pub async fn serve(
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CannotStart> {
    // A second call in one process finds the provider installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    clock::stand_behind(settings.clock_behind);
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let public_url = settings.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let world = World::new(settings, public_url.trim_end_matches('/').to_owned())?;
    tracing::info!(%address, payclear = world.settings.payclear_url, "simulators are serving");
    let listener = listener.tap_io(|stream| {
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, router(world)).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    let last_call = async {
        if stopped.await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        served = server.into_future() => served?,
        // Silent connections made on command must not keep the process alive.
        () = last_call => {}
    }
    tracing::info!("simulators stopped");
    Ok(())
}

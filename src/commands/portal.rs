//! `payclear portal`: keys and endpoints of portals.

use std::path::PathBuf;

use serde_json::json;
use sqlx::PgPool;

use super::keys;
use crate::approvals::endpoints::{self, AddError};
use crate::callers::keys::KeyError;
use crate::compat::configure::{ConfigureError, configure};
use crate::compat::retell::{RetellError, retell};
use crate::platform::audit::By;
use crate::platform::egress::Policy;
use crate::platform::seal::MasterKeys;
use crate::portals::endpoint::{self, EndpointError};
use crate::portals::store;
use crate::registers::caller::{Caller, CallerKind};
use crate::vocabulary::clock::Clock;

/// Keys and endpoints of portals.
#[derive(Debug, clap::Subcommand)]
pub enum Portal {
    /// Makes a key that the portal signs its requests with. It is shown this once, and good once
    /// another has approved it.
    Key(keys::Make),
    /// Lists a portal's keys.
    Keys(keys::List),
    /// Revokes a key.
    Revoke(keys::Revoke),
    /// Makes an endpoint where the portal is told of results. Its secret is shown this once; it is
    /// told nothing before another has approved it.
    Endpoint(Endpoint),
    /// Lists a portal's endpoints.
    Endpoints(keys::List),
    /// Lets a portal speak the messages of the national PaymentPlatform at /compat/dvcqg, once another
    /// has approved it.
    Compat(Compat),
    /// Has a parked result told to such a portal again.
    Retell(Retell),
}

/// The endpoint to make.
#[derive(Debug, clap::Args)]
pub struct Endpoint {
    /// The portal's code.
    portal: String,
    /// An https address.
    url: String,
    #[command(flatten)]
    making: keys::Making,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was agreed with such a portal.
#[derive(Debug, clap::Args)]
pub struct Compat {
    /// The portal's code.
    portal: String,
    /// A file with a JSON object: partner_code (MaDoiTac), secret, result_url, and more; - reads
    /// standard input.
    file: PathBuf,
    #[command(flatten)]
    making: keys::Making,
}

/// Which result.
#[derive(Debug, clap::Args)]
pub struct Retell {
    /// The portal's code.
    portal: String,
    /// MaThamChieu.
    reference: String,
}

/// Why a command on portals failed.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// Keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Endpoints.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The platform's messages.
    #[error(transparent)]
    Compat(#[from] ConfigureError),
    /// A parked result.
    #[error(transparent)]
    Retell(#[from] RetellError),
    /// The file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Making an endpoint.
    #[error(transparent)]
    Add(#[from] AddError),
}

/// Runs the sub-command.
pub async fn run(
    command: &Portal,
    pool: &PgPool,
    (master, policy): (&MasterKeys, Policy),
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), PortalError> {
    let by = By { actor, at: clock.now() };
    let caller = |code: &String| Caller { kind: CallerKind::Portal, code: code.clone() };
    match command {
        Portal::Key(args) => keys::make(args, pool, master, by, &caller(&args.caller)).await?,
        Portal::Keys(args) => keys::list(args, pool, &caller(&args.caller)).await?,
        Portal::Revoke(args) => keys::revoke(args, pool, by, &caller(&args.caller)).await?,
        Portal::Endpoint(args) => {
            let url = endpoint::address(&args.url, policy)?;
            let maker = args.making.maker(by);
            let (made, approval) = endpoints::add(pool, master, maker, &args.portal, &url).await?;
            let secret = endpoint::secret_text(&made.secret);
            if args.json {
                println!("{}", json!({ "id": made.id, "secret": secret, "approval": approval }));
            } else {
                println!("endpoint {} at {}", made.id, made.url);
                println!("secret   {secret}");
                println!("The secret is shown this once; the portal checks its messages with it.");
                keys::waits(approval);
            }
        }
        Portal::Retell(args) => {
            retell(pool, by, &args.portal, &args.reference).await?;
            println!("the result of {} is told again", args.reference);
        }
        Portal::Compat(args) => {
            let settings = super::partner::read(&args.file)
                .map_err(|source| PortalError::Unreadable { path: args.file.clone(), source })?;
            let maker = args.making.maker(by);
            let configured = configure(pool, (master, policy), maker, &args.portal, &settings);
            let (peer, approval) = configured.await?;
            println!("{} speaks as {}; its settings are sealed", args.portal, peer.partner_code);
            println!("results go to {}", peer.result_url);
            keys::waits(approval);
        }
        Portal::Endpoints(args) => list_endpoints(args, pool).await?,
    }
    Ok(())
}

async fn list_endpoints(args: &keys::List, pool: &PgPool) -> Result<(), EndpointError> {
    let mut conn = pool.acquire().await?;
    let portal = args.caller.as_str();
    if !store::portal_exists(&mut conn, portal).await? {
        return Err(EndpointError::UnknownPortal { portal: portal.to_owned() });
    }
    let rows = store::endpoint_list(&mut conn, Some(portal)).await?;
    if args.json {
        let shown = rows.iter().map(|row| {
            json!({
                "id": row.endpoint_id, "url": row.url, "state": row.state,
                "state_reason": row.state_reason, "made_at": row.made_at,
            })
        });
        println!("{}", shown.collect::<serde_json::Value>());
    } else if rows.is_empty() {
        println!("{portal} has no endpoints");
    } else {
        for row in rows {
            println!("{}  {}  {} {}", row.endpoint_id, row.url, row.state, row.state_reason);
        }
    }
    Ok(())
}

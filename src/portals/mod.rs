//! Portals (cổng dịch vụ công): who may ask for invoices, where a payer may be sent back to, and
//! where a portal is told of results.
//!
//! A portal is entered from the registers; its keys are the room of the callers. An endpoint is a
//! portal's own: made, changed and taken away by the portal, told nothing until somebody has approved
//! its address, then open until it answers 410 or is taken away.
//!
//! ```text
//! pending ──approved──▶ open           pending ──rejected, or taken away──▶ gone
//! open ──410, or by hand──▶ disabled ──opened again──▶ open
//! open | disabled ──taken away──▶ gone
//! ```

pub mod endpoint;
pub mod store;

use crate::vocabulary::origin::Origin;

/// A system that files dossiers and asks for invoices.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Portal {
    /// Its name in addresses, keys and events.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// Where a payer may be sent back to.
    pub return_origins: Vec<Origin>,
    /// Origins, besides our own, under which the portal may see this service.
    pub seen_as: Vec<Origin>,
    /// So many calls a second, over all replicas.
    pub calls_per_second: u32,
    /// A portal that is not open issues nothing; it still reads.
    pub open: bool,
}

impl Portal {
    /// May a payer be sent to this address?
    pub fn takes_payers_at(&self, url: &url::Url) -> bool {
        self.return_origins.iter().any(|origin| origin.holds(url))
    }
}

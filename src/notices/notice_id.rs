//! The id of a notice: the same at every try, and the way back to its row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::vocabulary::ids::EndpointId;

const PREFIX: &str = "ntc_";

/// A step of an invoice: what a message points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey {
    /// The invoice.
    pub invoice: Uuid,
    /// The place of the step in its life.
    pub sequence: i32,
}

/// A step and the endpoint that is told of it. Ordered as the rows are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey {
    /// The step.
    pub step: StepKey,
    /// The endpoint.
    pub endpoint: EndpointId,
}

impl DeliveryKey {
    /// The `webhook-id` of the notice and the delivery's id in the API.
    ///
    /// It is made of the key alone, so that two replicas that send one notice send one id, and it
    /// can be read back, so that no index is needed to find the row. It holds no full stop: what
    /// is signed is `id.timestamp.body`.
    pub fn notice_id(&self) -> String {
        let mut bytes = [0; 36];
        bytes[..16].copy_from_slice(self.step.invoice.as_bytes());
        bytes[16..20].copy_from_slice(&self.step.sequence.to_be_bytes());
        bytes[20..].copy_from_slice(self.endpoint.0.as_bytes());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an id back.
    pub fn parse(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id.strip_prefix(PREFIX)?).ok()?;
        let bytes: [u8; 36] = bytes.try_into().ok()?;
        let invoice = Uuid::from_slice(&bytes[..16]).ok()?;
        let sequence = i32::from_be_bytes(bytes[16..20].try_into().ok()?);
        let endpoint = EndpointId(Uuid::from_slice(&bytes[20..]).ok()?);
        (sequence > 0).then_some(Self { step: StepKey { invoice, sequence }, endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_key_and_holds_no_full_stop() {
        let key = DeliveryKey {
            step: StepKey { invoice: Uuid::from_u128(7 << 100 | 0xff_ff_fe), sequence: 3 },
            endpoint: EndpointId(Uuid::from_u128(u128::MAX)),
        };
        let id = key.notice_id();
        assert_eq!(DeliveryKey::parse(&id), Some(key));
        assert!(id.starts_with("ntc_") && !id.contains('.') && id.len() == 52, "{id}");
        let other = DeliveryKey { endpoint: EndpointId(Uuid::from_u128(1)), ..key };
        assert_ne!(other.notice_id(), id);
        for wrong in ["", "ntc_", "ntc_AAAA", &id[1..], &id[..51], &format!("{id}A")] {
            assert_eq!(DeliveryKey::parse(wrong), None, "{wrong}");
        }
    }
}

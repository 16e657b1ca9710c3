//! The form of SePay's payment gateway and its signature. No order goes through that gateway here;
//! the codec stands ready for a partner that wants it.

use crate::partners::dialects::key::Key;

/// What is signed of a form; what else it holds is not.
pub const SIGNED: &[&str] = &[
    "merchant",
    "env",
    "operation",
    "payment_method",
    "order_amount",
    "currency",
    "order_invoice_number",
    "order_description",
    "customer_id",
    "agreement_id",
    "agreement_name",
    "agreement_type",
    "agreement_payment_frequency",
    "agreement_amount_per_payment",
    "success_url",
    "error_url",
    "cancel_url",
    "order_id",
];

/// `name=value` joined by commas, in the order of the form, nothing encoded.
pub fn form_text<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let signed = fields.into_iter().filter(|(name, _)| SIGNED.contains(name));
    signed.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// The field `signature`: HMAC-SHA256 in base64.
pub fn form_signature<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    key: &Key,
) -> String {
    key.sha256_base64(&form_text(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_counts_and_what_is_not_listed_does_not() {
        let fields = [("order_amount", "10000"), ("custom_data", "x"), ("merchant", "M,=1")];
        assert_eq!(form_text(fields), "order_amount=10000,merchant=M,=1");
        let turned = [fields[2], fields[1], fields[0]];
        assert_ne!(form_signature(fields, &Key::new("k")), form_signature(turned, &Key::new("k")));
    }
}

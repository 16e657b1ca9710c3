//! The two texts that are signed, values joined by `|`.

/// The version of the messages.
pub const VERSION: &str = "3.0";

/// What is signed of a new order.
pub fn create_text(
    addition_fee: &str,
    client_id: &str,
    command: &str,
    trans_amount: &str,
    transaction_id: &str,
    version: &str,
) -> String {
    [addition_fee, client_id, command, trans_amount, transaction_id, version].join("|")
}

/// What is signed of a question.
pub fn detail_text(client_id: &str, command: &str, transaction_id: &str) -> String {
    [client_id, command, transaction_id].join("|")
}

//! What is booked for each business act: the table of the design, one function for each row.
//!
//! | act | debit | credit |
//! |---|---|---|
//! | settlement | partner receivable, part payments held | agency payable for each line, refund due for what is too much |
//! | part payment | partner receivable | part payments held |
//! | surplus | partner receivable | refund due |
//! | suspense | partner receivable | suspense |
//! | parts given up (the invoice expired or was cancelled) | part payments held | refund due |
//! | carried in | bank account | carried in |
//! | banked | bank account | partner receivable |
//! | partner fee | claim on agency | partner receivable |
//! | refund approved | refund due, agency payable, or claim on the Treasury | refunds in transit |
//! | refund confirmed | refunds in transit | partner receivable, bank account, or claim on the Treasury |
//! | pay-over | agency payable | bank account |
//! | refund failed | the mirror of its approval | |
//! | reversal | the mirror of the entry it takes back | |

mod mirror;
mod move_money;
mod settle;

pub use mirror::mirror;
pub use move_money::{
    banked, carried_in, partner_fee, parts_given_up, pay_over, refund_approved, refund_confirmed,
};
pub use settle::{Collected, Share, part_payment, settlement, surplus, suspense};

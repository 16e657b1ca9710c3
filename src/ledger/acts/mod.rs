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
//! | statement | bank account (money out: partner receivable) | partner receivable (money out: bank account) |
//! | receivable moves | the receivable that was credited too soon | the receivable that was paid |
//! | partner fee | claim on agency | partner receivable |
//! | refund approved | refund due, agency payable, or claim on the Treasury | refunds in transit |
//! | refund confirmed | refunds in transit | partner receivable, bank account, or claim on the Treasury |
//! | pay-over | agency payable | bank account |
//! | refund failed | the mirror of its approval | |
//! | reversal | the mirror of the entry it takes back | |
//! | placed (settlement, part payment or surplus of money in suspense) | suspense | as above |
//! | claimed | claim on agency | what is missing of suspense, refund due, part payments or a receivable |
//! | written off | write-off (or the account with too much) | the account with too little (or write-off) |
//! | returned, confirmed | suspense, refunds in transit | refunds in transit, bank account |
//! | transferred | agency payable | agency payable |

mod mirror;
mod move_money;
mod settle;

pub use mirror::mirror;
pub use move_money::{
    banked, between, carried_in, partner_fee, partner_fees, parts_given_up, pay_over,
    receivable_moves, refund_approved, refund_confirmed, statement,
};
pub use settle::{Collected, Share, part_payment, settlement, surplus, suspense};

//! Pay-over (chuyển Kho bạc): what was collected for an agency goes to its treasury account.

//! Days (ngày đối soát): a business day is complete, matched, prepared by one and closed by another.

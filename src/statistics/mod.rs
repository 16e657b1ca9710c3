//! Statistics (thống kê): what a monitoring centre measures, without personal data.

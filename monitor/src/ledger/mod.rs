//! Stage 3: how much went where.

pub mod totals;

pub use totals::Totals;

//! The task `bench`: what watching costs.

use anyhow::{Result, bail};
use lexopt::Parser;

/// Measures; the arguments are what followed `cargo xtask bench`.
pub(crate) fn run(_arguments: Parser) -> Result<()> {
    bail!("the benchmarks are not built yet")
}

//! `sortie apps`: what the agent knows, printed once.

use super::{args, client};
use crate::config::Config;
use crate::export::table::{Rates, View, render};
use crate::failure::Failure;

/// Prints the apps as a table or as JSON.
///
/// # Errors
///
/// Those of [`client::snapshot`], and a standard output that cannot be written to.
pub fn run(config: &Config, args: args::Apps) -> Result<(), Failure> {
    let document = client::snapshot(config)?;
    if args.json {
        return super::print(&document.to_json());
    }
    let lines = render(&View {
        document: &document,
        rates: Rates::None,
        loopback: args.all,
        destinations: args.destinations,
        width: super::columns(),
        height: None,
        colour: super::colour(),
    });
    super::print(&super::joined(&lines))
}

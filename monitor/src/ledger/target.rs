//! Where a flow goes, as far as it is known.

use std::sync::Arc;

use crate::event::Peer;
use crate::naming::{Hello, Name};

/// What is known of where a flow goes.
#[derive(Clone, Debug, Default)]
pub enum Target {
    /// Nothing.
    #[default]
    Unknown,
    /// What it said first.
    Said(Arc<Hello>),
    /// Its name, which stays.
    Named(Arc<Name>),
}

/// One of a socket's peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// A further one.
    Further(Option<Peer>, u32),
}

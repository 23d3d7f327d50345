//! What is new: an app, a company, a destination.
//!
//! While the memory is young everything is new, and while an app is; and an app that always has new
//! destinations, such as a browser, has no news. So nothing is said for [`LEARNING`] after the first
//! start and, of companies and destinations, after an app's first contact, nor of an app that had
//! more than [`USUAL`] new destinations lately.
//!
//! False positives: what is called new was not in the memory. It may have been forgotten: after 100
//! days, or when the tail of what found no room was full as well.

use crate::memory::app::App;
use crate::memory::date::DAY;
use crate::memory::finding::{Evidence, Kind};

/// Seconds in which the memory, and each app, is learned.
pub(in crate::memory) const LEARNING: u32 = 7 * DAY;
/// New destinations an app may have had lately for another one to be news.
const USUAL: u16 = 3;

/// What is new about a contact.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::memory) struct New {
    pub(in crate::memory) app: bool,
    pub(in crate::memory) company: bool,
    pub(in crate::memory) destination: bool,
    /// New destinations the app had lately.
    pub(in crate::memory) lately: u16,
}

/// What is to be said about a contact at `t`, by a memory that knows things since `begins`.
pub(in crate::memory) fn test(
    new: New,
    app: &App,
    begins: u32,
    t: u32,
) -> Option<(Kind, Evidence)> {
    if t.saturating_sub(begins) < LEARNING {
        return None;
    }
    let evidence =
        |since: u32| Evidence { known_s: t.saturating_sub(since), ..Evidence::default() };
    if new.app {
        return Some((Kind::NewApp, evidence(begins)));
    }
    if t.saturating_sub(app.first) < LEARNING || new.lately > USUAL {
        return None;
    }
    match new {
        New { company: true, .. } => Some((Kind::NewCompany, evidence(app.first))),
        New { destination: true, .. } => Some((Kind::FirstContact, evidence(app.first))),
        _ => None,
    }
}

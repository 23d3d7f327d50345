//! The detectors, cheapest first, each a function of what is remembered of one key.
//!
//! Each states how often it is wrong on traffic without any pattern. Those rates are measured by
//! `monitor/tests/behaviours`, and the table is in `monitor/BEHAVIOUR_DETECTION.md`.

pub(super) mod after_boot;
pub(super) mod behaviour;
pub(super) mod calendar;
pub(super) mod floating;
pub(super) mod novelty;
pub(super) mod rare;
pub(super) mod regular;

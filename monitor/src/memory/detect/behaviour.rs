//! A behaviour of the catalogue was seen. One contact is enough, and it is told at once.
//!
//! False positives: none of its own; the catalogue says what the name it matched stands for.

use crate::memory::finding::Evidence;
use crate::memory::key::Key;

/// What is to be said about a contact.
pub(in crate::memory) fn test(key: &Key) -> Option<Evidence> {
    (key.behaviour.is_some() && !key.is_benign).then(Evidence::default)
}

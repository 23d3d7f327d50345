//! Questions that were sent to name servers, so that nobody answers what nobody asked.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use super::dns::Question;

/// Questions that wait for an answer.
const QUERIES_MAX: usize = 512;

/// After so many seconds nobody waits any more: resolvers give up earlier.
const SECONDS_MAX: u64 = 30;

/// A question, without the name.
#[derive(Clone, Copy, Debug)]
struct Query {
    cookie: u64,
    id: u16,
    question: u64,
    asked_ns: u64,
}

/// Questions without an answer. Names are kept as keyed hashes, which nobody else can compute.
#[derive(Debug, Default)]
pub(super) struct Queries {
    waiting: VecDeque<Query>,
    keys: RandomState,
}

impl Queries {
    /// A socket asks.
    pub(super) fn ask(&mut self, cookie: u64, id: u16, question: &Question, asked_ns: u64) {
        while self.waiting.len() >= QUERIES_MAX {
            self.waiting.pop_front();
        }
        let question = self.hash(question);
        self.waiting.push_back(Query { cookie, id, question, asked_ns });
    }

    /// Whether the socket asked this. The question stays: it may be answered twice, first by half.
    pub(super) fn asked(&mut self, cookie: u64, id: u16, question: &Question, now_ns: u64) -> bool {
        let deadline = now_ns.saturating_sub(SECONDS_MAX * 1_000_000_000);
        while self.waiting.front().is_some_and(|query| query.asked_ns < deadline) {
            self.waiting.pop_front();
        }
        let question = self.hash(question);
        let is_it =
            |query: &Query| query.cookie == cookie && query.id == id && query.question == question;
        self.waiting.iter().rev().any(is_it)
    }

    fn hash(&self, question: &Question) -> u64 {
        self.keys.hash_one((question.name.as_str(), question.kind))
    }
}

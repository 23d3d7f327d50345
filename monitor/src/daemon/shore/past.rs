//! What is remembered: written, told and forgotten.

use std::time::Duration;

use super::Shore;
use crate::export::json::to_line;
use crate::export::remembered::Past;
use crate::kernel;
use crate::memory::Forget;

impl Shore {
    /// Tells what was found to the command of the configuration, as far as it can take it.
    pub(in crate::daemon) fn tell_news(&mut self) {
        while self.keeper.listens() {
            let Some(finding) = self.agent.next_news() else {
                return;
            };
            self.keeper.notify(&finding);
        }
    }

    /// Until the memory is to be written; `None` while it is not.
    pub(in crate::daemon) fn write_due(&mut self) -> Option<Duration> {
        let has_changed = self.agent.memory().is_some_and(|memory| memory.has_changed());
        let seconds = self.keeper.due_in(has_changed, boot_seconds())?;
        Some(Duration::from_secs(seconds))
    }

    /// Writes the memory.
    pub(in crate::daemon) fn write_memory(&mut self) {
        if let Some(memory) = self.agent.memory() {
            self.keeper.write(memory, boot_seconds());
        }
    }

    /// What is remembered, as JSON.
    pub(in crate::daemon) fn past(&mut self) -> String {
        let past = self.agent.memory().map(|memory| Past::from(&*memory)).unwrap_or_default();
        to_line(&past)
    }

    /// Forgets, here and on the disk; how much is gone, or `None` when the disk still has it.
    pub(in crate::daemon) fn forget(&mut self, what: Forget<'_>) -> Option<usize> {
        let gone = self.agent.forget(what);
        let erased = match self.agent.memory() {
            Some(memory) => self.keeper.erase(memory, boot_seconds()),
            None => true,
        };
        erased.then_some(gone)
    }
}

/// Seconds since boot, suspend included.
fn boot_seconds() -> u64 {
    kernel::now().boot_ns / 1_000_000_000
}

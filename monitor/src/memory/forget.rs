//! Forgetting on demand. What is forgotten is gone from memory at once, and from the disk with the
//! next write, which the caller has to make without delay; see [`crate::memory::store`].

use super::Memory;
use super::app::{AppKey, Apps};
use super::finding::Kind;
use super::findings::Findings;
use super::key::Id;
use super::name;
use super::sealed::Report;
use super::tail::Tail;

/// What is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget<'a> {
    /// An app by its id, of whatever kind; a device of a router is one of the kind `device`.
    App(&'a str),
    /// A device behind a router, by its id.
    Device(&'a str),
    /// A destination, of all apps: a label as it was recorded.
    Destination(&'a str),
    /// Everything.
    All,
}

impl Memory {
    /// Forgets; gives how many keys, apps and findings are gone. The sums by period of apps stay when
    /// only a destination is forgotten, as they name none.
    pub fn forget(&mut self, what: Forget<'_>) -> usize {
        self.has_changed = true;
        match what {
            Forget::App(id) => self.forget_apps(|app| &*app.id == id),
            Forget::Device(id) => self.forget_apps(|app| &*app.kind == "device" && &*app.id == id),
            Forget::Destination(destination) => self.forget_destination(name(destination)),
            Forget::All => {
                let gone = self.keys.len() + self.apps.index.len() - 1 + self.findings.found.len();
                self.apps = Apps::new();
                self.keys.clear();
                self.tail = Tail::default();
                self.findings = Findings::default();
                // The first day is over, even if its report is not there any more.
                self.report = Report {
                    origin: self.report.origin,
                    begins: self.report.begins,
                    is_sealed: self.report.is_sealed,
                    ..Report::default()
                };
                self.folded = 0;
                gone
            }
        }
    }

    fn forget_apps(&mut self, is_meant: impl Fn(&AppKey) -> bool) -> usize {
        let meant: Vec<(u16, AppKey)> = self
            .apps
            .iter()
            .filter(|(_, app)| is_meant(&app.key))
            .map(|(slot, app)| (slot, app.key.clone()))
            .collect();
        let before = self.keys.len() + self.findings.found.len();
        for (slot, key) in &meant {
            let hash = self.salt.short(&[&key.kind, &key.id]);
            self.keys.retain(|id, _| id.app != *slot);
            self.findings.retain(|_, id, _| id.app != *slot);
            self.tail.rests.retain(|id, _| id.app != hash);
            self.apps.remove(*slot);
        }
        // The report may name apps that found no room elsewhere.
        self.report.lines.retain(|line| !is_meant(&line.app));
        before - self.keys.len() - self.findings.found.len() + meant.len()
    }

    fn forget_destination(&mut self, destination: &str) -> usize {
        let before = self.keys.len() + self.findings.found.len();
        let meant: Vec<Id> = self
            .keys
            .iter()
            .filter(|(_, key)| &*key.destination == destination)
            .map(|(id, _)| *id)
            .collect();
        for id in meant {
            if let (Some(key), Some(app)) = (self.keys.remove(&id), self.apps.get_mut(id.app)) {
                app.other.add(key.sums);
            }
        }
        self.findings
            .retain(|kind, _, found| kind == Kind::NewApp || &*found.destination != destination);
        let hash = self.salt.short(&[destination]);
        self.tail.rests.retain(|id, _| id.destination != hash);
        self.report.lines.retain(|line| &*line.destination != destination);
        before - self.keys.len() - self.findings.found.len()
    }
}

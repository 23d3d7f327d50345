//! What outlives the agent: contacts go to the memory, findings come out of it.

use super::Agent;
use crate::clock::Now;
use crate::export::snapshot::MemoryRow;
use crate::identity::Kind;
use crate::kernel::calendar::Calendar;
use crate::ledger::{self, Slot, Totals};
use crate::memory::{AppKey, Contact, Finding, Forget, Memory, Moment, Presence, Sums};
use crate::naming::catalogue::{BehaviourId, Category};
use crate::naming::company::CompanyId;
use crate::naming::{Place, domain};

impl Agent {
    /// The same agent, with a memory.
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// The memory, if there is one.
    pub fn memory(&mut self) -> Option<&mut Memory> {
        self.memory.as_mut()
    }

    /// What the memory is told the time by.
    pub fn moment(&self, now: Now) -> Moment {
        moment(&self.calendar, now.boot_ns, now)
    }

    /// Adds what was counted to the memory. What stays within the device is not remembered.
    pub(super) fn remember(
        &mut self,
        slot: Slot,
        contact: &ledger::Contact,
        is_opening: bool,
        now: Now,
    ) {
        let Some(memory) = &mut self.memory else {
            return;
        };
        if contact.scope == crate::event::Scope::Loopback {
            return;
        }
        let Some(entry) = self.ledger.entries().get(slot.number()) else {
            return;
        };
        let app = &entry.identity().app;
        let key = AppKey::new(app.kind.label(), &app.id);
        let Totals { tx, rx, connections, accepted, .. } = contact.totals;
        let (place, company, behaviour) = match &contact.destination {
            Some(to) => (&to.place, to.company, to.behaviour),
            None => (&Place::Other, None, None),
        };
        let behaviour = behaviour.map(BehaviourId::behaviour);
        let is_benign = matches!(place, Place::NameServer | Place::Local | Place::Other)
            || matches!(app.kind, Kind::Kernel | Kind::Unknown | Kind::Other)
            || behaviour.is_some_and(|behaviour| is_ordinary(behaviour.category));
        let (at_ns, resolution_s) = if is_opening {
            (contact.opened_ns.min(now.boot_ns), 0)
        } else {
            let since_ns = now.boot_ns.saturating_sub(self.looked_ns);
            (now.boot_ns, u16::try_from(since_ns / 1_000_000_000).unwrap_or(u16::MAX))
        };
        let moment = moment(&self.calendar, at_ns, now);
        memory.contact(
            &Contact {
                app: &key,
                destination: &remembered(place),
                behaviour: behaviour.map(|behaviour| behaviour.id),
                company: company.map(CompanyId::name),
                is_benign,
                is_detail: false,
                sums: Sums {
                    contacts: connections.saturating_add(accepted),
                    tx_bytes: tx.bytes,
                    rx_bytes: rx.bytes,
                },
                resolution_s,
            },
            &moment,
        );
    }

    /// What the memory has to say, for a snapshot.
    pub(super) fn memory_row(&self, now: Now) -> Option<MemoryRow> {
        let memory = self.memory.as_ref()?;
        let moment = self.moment(now);
        Some(MemoryRow {
            findings: memory.findings(&moment),
            active: memory.active_findings(&moment).collect(),
            health: memory.health(),
        })
    }

    /// The next finding that was not told yet.
    pub fn next_news(&mut self) -> Option<Finding> {
        self.memory.as_mut()?.next_news()
    }

    /// Forgets, in the memory and in what was counted since the start; how much is gone.
    pub fn forget(&mut self, what: Forget<'_>) -> usize {
        let gone = self.memory.as_mut().map_or(0, |memory| memory.forget(what));
        gone + match what {
            Forget::App(id) => self.ledger.forget_app(|app| &*app.id == id),
            // A device behind a router is no app.
            Forget::Device(_) => 0,
            Forget::Destination(label) => {
                self.namer.forget(|known| known.place.label() == label);
                self.flows.forget(|name| name.place.label() == label);
                self.ledger.forget_destination(label)
            }
            Forget::All => {
                self.namer.forget(|_| true);
                self.flows.forget(|_| true);
                self.ledger.forget_app(|_| true)
            }
        }
    }
}

/// At the level of hosts too only the domain is remembered: what is kept for long is no diary.
fn remembered(place: &Place) -> String {
    match place {
        Place::Host(name) => match crate::naming::HostName::parse(name.as_bytes()) {
            Some(name) => match domain::of(&name) {
                domain::Domain::Registrable(domain) | domain::Domain::Suffix(domain) => {
                    domain.to_owned()
                }
                domain::Domain::Local => Place::Local.label(),
            },
            None => place.label(),
        },
        Place::Address(_) => Place::Ip.label(),
        // Why it had no name changes from one time to the next.
        Place::Unnamed(_) => "(unnamed)".to_owned(),
        other => other.label(),
    }
}

/// What every device does: no news, and no beacon worth a word.
const fn is_ordinary(category: Category) -> bool {
    matches!(
        category,
        Category::Time | Category::ConnectivityCheck | Category::Dns | Category::Update
    )
}

fn moment(calendar: &Calendar, boot_ns: u64, now: Now) -> Moment {
    Moment {
        boot_ns,
        boot_id: calendar.boot_id,
        unix_ms: calendar.is_trusted.then(|| now.unix_ms_at(boot_ns)),
        utc_offset_minutes: calendar.utc_offset_minutes,
        presence: match calendar.is_screen_on {
            Some(true) => Presence::Present,
            Some(false) => Presence::Away,
            None => Presence::Unknown,
        },
    }
}

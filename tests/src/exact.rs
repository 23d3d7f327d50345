//! What is told and what was counted, to the byte.

use crate::metrics::names;
use crate::network::Wire;
use crate::{Agent, App, Metrics, Volume};

/// What an app is claimed to have done on a wire.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    app: &'a App,
    wire: &'a Wire,
    connections: u64,
    accepted: u64,
    payload: u64,
}

impl<'a> Claim<'a> {
    /// Everything on this wire was this app's, and it opened no connection.
    pub fn of(app: &'a App, wire: &'a Wire) -> Self {
        Self { app, wire, connections: 0, accepted: 0, payload: 0 }
    }

    /// It opened this many connections.
    pub fn connections(self, connections: u64) -> Self {
        Self { connections, ..self }
    }

    /// Others opened this many connections to it.
    pub fn accepted(self, accepted: u64) -> Self {
        Self { accepted, ..self }
    }

    /// It sent at least these bytes: as long as the wire has not seen them, it is too early to look.
    pub fn sent(self, payload: u64) -> Self {
        Self { payload, ..self }
    }

    /// Whether the metrics agree with the wire, at a moment when the wire is at rest.
    fn check(&self, metrics: &Metrics) -> Result<(), String> {
        let truth = self.wire.read();
        if truth.0.bytes < self.payload {
            return Err(format!("only {} of {} bytes were on the wire", truth.0, self.payload));
        }
        let protocol = self.wire.protocol;
        let told = metrics.volumes(self.app, protocol);
        let compare = |what: &str, told: Volume, truth: Volume| {
            let app = self.app;
            let message =
                format!("{app} {what} over {}: {told} told, {truth} counted", protocol.label());
            (told == truth).then_some(()).ok_or(message)
        };
        compare("sent", told.0, truth.0)?;
        compare("received", told.1, truth.1)?;
        for (name, wanted) in
            [(names::CONNECTIONS, self.connections), (names::ACCEPTED, self.accepted)]
        {
            let told = metrics.of(name, self.app, protocol);
            if told != wanted {
                return Err(format!("{name} of {}: {told} told, {wanted} made", self.app));
            }
        }
        Ok(())
    }
}

/// Panics unless the agent soon tells of every claim what nftables counted, to the byte and packet.
pub fn assert_exact(agent: &Agent, what: &str, claims: &[Claim<'_>]) {
    agent.until(what, |metrics| claims.iter().try_for_each(|claim| claim.check(metrics)));
}

//! The agent itself sends nothing to anybody.

use e2e::counter::Place;
use e2e::{Agent, Counter, Family, Network, Packets, Protocol, Volume};

#[test]
fn the_agent_sends_nothing_beyond_the_loopback() {
    let network = Network::pair();
    let host = &network.client;
    let counters: Vec<Counter> = [Family::V4, Family::V6]
        .into_iter()
        .flat_map(|family| {
            [Protocol::Tcp, Protocol::Udp, Protocol::Icmp].map(|protocol| {
                let packets = Packets::of(protocol).from(host.address(family));
                Counter::at(&host.namespace, Place::Departure, &packets)
            })
        })
        .collect();
    let agent = Agent::plan().in_namespace(&host.namespace).start();
    // It has looked at everything several times, and was asked in every way.
    agent.until("several looks", |metrics| {
        let drains = metrics.sum("sortie_drains_total", &[]);
        (drains >= 5).then_some(()).ok_or_else(|| format!("{drains} looks"))
    });
    agent.apps();
    for counter in &counters {
        assert_eq!(counter.read(), Volume::default());
    }
}

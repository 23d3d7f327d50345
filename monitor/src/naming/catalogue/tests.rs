#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;

fn at(host: &str) -> Candidates {
    candidates(&HostName::parse(host.as_bytes()).expect("a host name"))
}

fn picked(host: &str, port: u16, transport: Transport) -> Option<&'static str> {
    at(host).pick(port, transport).map(|id| id.behaviour().id)
}

#[test]
fn ids_lead_back_to_their_entries() {
    for id in BehaviourId::all() {
        assert_eq!(BehaviourId::by_name(id.behaviour().id), Some(id));
    }
    assert_eq!(BehaviourId::by_name("no-such-behaviour"), None);
    assert_eq!(BehaviourId::all().count(), BEHAVIOURS.len());
}
#[test]
fn wiko() {
    assert_eq!(picked("eservice.tinno.com", 80, Transport::Tcp), Some("wiko-sts-report"));
    assert_eq!(picked("x.eservice.tinno.com", 80, Transport::Tcp), None);
}

//! Where addresses are registered: who is asked for it, when, and what is kept.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::event::Content;
use crate::naming::{Origin, Registration};

/// Knows the countries of two addresses, and notes what it was asked.
#[derive(Clone, Debug, Default)]
struct Book(Rc<RefCell<Vec<IpAddr>>>);

impl Book {
    fn asked(&self) -> usize {
        self.0.borrow().len()
    }

    fn play(&self, level: Level) -> Play {
        Play::with(level, Some(Box::new(self.clone()))).program(7, "curl", "/")
    }
}

impl Origins for Book {
    fn origin(&self, address: IpAddr) -> Origin {
        self.0.borrow_mut().push(address);
        match address.to_string().as_str() {
            "198.51.100.1" => Origin::new(Some("FR"), Some(3215), Some("Orange")),
            "198.51.100.2" => Origin::new(Some("DE"), Some(3320), Some("Telekom")),
            _ => Origin::default(),
        }
    }
}

fn flow_to(cookie: u64, address: [u8; 4], bytes: u64) -> Flow {
    let flow = flow(cookie, Some(owner(7, 1)), bytes);
    Flow { peer: Peer { ip: IpAddr::from(address), ..flow.peer }, ..flow }
}

/// Destinations of the only app, with where they are registered.
fn places(snapshot: &Snapshot) -> Vec<(String, Option<Registration>)> {
    let rows = snapshot.apps.iter().flat_map(|app| &app.destinations);
    let place = |row: &crate::export::snapshot::DestinationRow| {
        let place = row.destination.as_ref().expect("there is room for all").place.label();
        (place, row.registration.clone())
    };
    rows.map(place).collect()
}

fn orange() -> Registration {
    Registration::of(Origin::new(Some("FR"), Some(3215), Some("Orange"))).expect("it is known")
}

/// A request that names its host.
fn request(play: &mut Play, flow: &Flow, host: &str) {
    let payload = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let sample = Sample {
        cookie: flow.cookie,
        owner: flow.owner,
        peer: flow.peer,
        content: Content::Http,
        is_inbound: false,
        sequence: 1,
        length: u32::try_from(payload.len()).expect("it is short"),
        segment: 0,
        at_ns: 5 * SECOND,
        payload: payload.as_bytes(),
    };
    play.agent.handle(Input::Sample(sample), at(5));
    play.work(5);
}

#[test]
fn an_address_is_looked_up_once() {
    let book = Book::default();
    let mut play = book.play(Level::Hosts);
    let mut flows = vec![flow_to(1, [198, 51, 100, 1], 10)];
    for look in 0..5 {
        // New flows to an address that has a row of its own tell nothing new.
        flows.push(flow_to(look + 2, [198, 51, 100, 1], 10));
        let snapshot = play.look(20 + look, &flows, &[]);
        assert_eq!(places(&snapshot), [("198.51.100.1".to_owned(), Some(orange()))]);
    }
    assert_eq!(*book.0.borrow(), [IpAddr::from([198, 51, 100, 1])]);
}

#[test]
fn nobody_is_asked_of_addresses_at_hand() {
    let book = Book::default();
    let mut play = book.play(Level::Hosts);
    let near = [[127, 0, 0, 1], [10, 0, 0, 1], [192, 168, 1, 1], [169, 254, 1, 1]];
    let flows: Vec<_> = (1..).zip(near).map(|(cookie, ip)| flow_to(cookie, ip, 10)).collect();
    let snapshot = play.look(20, &flows, &[]);
    assert_eq!(places(&snapshot).len(), 4);
    assert_eq!(book.asked(), 0);
}

#[test]
fn nothing_is_asked_or_kept_at_counts() {
    let book = Book::default();
    let mut play = book.play(Level::Counts);
    let snapshot = play.look(20, &[flow_to(1, [198, 51, 100, 1], 10)], &[]);
    assert_eq!(places(&snapshot), [("(any)".to_owned(), None)]);
    assert_eq!(book.asked(), 0);
}

#[test]
fn a_domain_tells_the_first_country_and_that_there_are_more() {
    let book = Book::default();
    for level in [Level::Companies, Level::Domains] {
        let mut play = book.play(level);
        let addresses = [1, 1, 3, 2].map(|number| [198, 51, 100, number]);
        // What each flow sent goes on growing, so that it is told anew at each look.
        let flows = |count: usize| -> Vec<_> {
            let bytes = 10 * count as u64;
            let flows = (1..).zip(&addresses[..count]);
            flows.map(|(cookie, address)| flow_to(cookie, *address, bytes)).collect()
        };
        let before = book.asked();
        let mut told = Vec::new();
        for count in 1..=addresses.len() {
            let flows = flows(count);
            request(&mut play, &flows[count - 1], "www.example.org");
            let snapshot = play.look(20, &flows, &[]);
            let rows = places(&snapshot);
            let [(_, registration)] = &rows[..] else { unreachable!("one destination: {rows:?}") };
            told.push(registration.clone());
            let shown = format!("{snapshot:?}");
            assert!(!shown.contains("198.51.100."), "no address is kept at {level:?}: {shown}");
        }
        let two = Registration { several_countries: true, several_networks: true, ..orange() };
        assert_eq!(told, [Some(orange()), Some(orange()), Some(orange()), Some(two)], "{level:?}");
        assert_eq!(book.asked() - before, 4, "once for each flow");
        // Nothing can be added, so nobody is asked.
        request(&mut play, &flow_to(9, [198, 51, 100, 9], 10), "www.example.org");
        play.look(21, &[flow_to(9, [198, 51, 100, 9], 10)], &[]);
        assert_eq!(book.asked() - before, 4);
    }
}

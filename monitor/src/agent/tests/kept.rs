//! What of a host is kept, and what is left when it was to be forgotten: the whole agent is searched.

use super::*;
use crate::event::Content;
use crate::memory::{Forget, Limits as Bounds, Memory, Origin, Retention};

/// An agent that was told a host by a request, in a flow that is open, and in one that is gone.
fn told(level: Level) -> Play {
    let mut play = Play::with(level, None).program(7, "curl", "/");
    let memory = Memory::new(Bounds::default(), Retention::default(), [3; 16], Origin::Installed);
    play.agent = play.agent.with_memory(memory);
    let me = owner(7, 1);
    play.agent.handle(Input::Process(me), at(5));
    play.work(5);
    let gone = Flow { closed_ns: Some(6 * SECOND), ..flow(1, Some(me), 500) };
    let open = flow(2, Some(me), 700);
    for flow in [&gone, &open] {
        let head = b"GET /path HTTP/1.1\r\nHost: secretword.example.org\r\n\r\n";
        let sample = Sample {
            cookie: flow.cookie,
            at_ns: 5 * SECOND,
            owner: Some(me),
            peer: Peer { ifindex: 0, ..flow.peer },
            content: Content::Http,
            is_inbound: false,
            sequence: 1,
            length: u32::try_from(head.len()).expect("short"),
            segment: 0,
            payload: head,
        };
        play.agent.handle(Input::Sample(sample), at(6));
    }
    // The first look counts, the second finds one of them closed and silent.
    play.look(7, &[gone, open], &[]);
    play.look(40, &[gone, open], &[]);
    play
}

#[test]
fn what_a_level_leaves_out_is_nowhere_in_the_agent() {
    for level in [Level::Counts, Level::Companies, Level::Domains, Level::Hosts] {
        let play = told(level);
        let all = format!("{:?}{:?}", play.agent, play.agent.snapshot(Health::default(), at(41)));
        assert_eq!(all.contains("secretword"), level == Level::Hosts, "{level:?}");
        assert_eq!(all.contains("example.org"), level >= Level::Domains, "{level:?}");
        assert!(!all.contains("/path"), "{level:?}");
    }
}

#[test]
fn what_was_forgotten_is_nowhere_in_the_agent() {
    for (what, level) in [
        (Forget::Destination("example.org"), Level::Domains),
        (Forget::All, Level::Domains),
        (Forget::All, Level::Hosts),
    ] {
        let mut play = told(level);
        assert!(format!("{:?}", play.agent).contains("example.org"), "it was told");
        let before = play.agent.snapshot(Health::default(), at(41));
        play.agent.forget(what);
        assert!(!format!("{:?}", play.agent).contains("example.org"), "{what:?}");
        let after = play.agent.snapshot(Health::default(), at(41));
        if matches!(what, Forget::Destination(_)) {
            assert_eq!(sent(&after.apps[0]), sent(&before.apps[0]), "the sums of the app stay");
        } else {
            assert!(after.apps.is_empty(), "{after:?}");
        }
    }
}

//! Who owns a socket, whatever becomes of process ids, cgroups and processes.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::event::TaskName;
use crate::identity::Kind;

const SECOND: u64 = 1_000_000_000;

/// Process 100, in cgroup 7, that opened a socket `seconds` after boot.
fn owner(seconds: u64) -> Owner {
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"task");
    Owner {
        pid: 100,
        uid: 1000,
        cgroup_id: 7,
        netns: 1,
        epoch: 1,
        opened_ns: seconds * SECOND,
        comm: TaskName(comm),
    }
}

/// What `/proc` says of a program that started `seconds` after boot.
fn program(name: &str, seconds: u64) -> ProcessFacts {
    ProcessFacts {
        pid: 100,
        start_ticks: Some(seconds * 100),
        exe: Some(format!("/usr/bin/{name}").into()),
        comm: Some(name.to_owned()),
        cgroup: Some("/".to_owned()),
        ..ProcessFacts::default()
    }
}

fn at(seconds: u64) -> Now {
    Now { boot_ns: seconds * SECOND, unix_ms: 0 }
}

fn inspect(
    processes: &mut Processes,
    owner: &Owner,
    facts: Option<&ProcessFacts>,
    seconds: u64,
) -> Option<Question> {
    processes.inspected(owner, facts, &DesktopIndex::default(), at(seconds))
}

fn app<'a>(processes: &'a Processes, owner: &Owner) -> Option<&'a str> {
    processes.identity(owner).map(|identity| &*identity.app.id)
}

#[test]
fn a_living_process_is_what_proc_says() {
    let mut processes = Processes::default();
    assert_eq!(inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 10), None);
    assert_eq!(app(&processes, &owner(10)), Some("curl"));
    assert_eq!(app(&processes, &owner(500)), Some("curl"), "later sockets are its own as well");
    assert_eq!(processes.missed(), 0);
}

#[test]
fn an_id_that_is_used_again_is_another_process() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 10);
    // A socket from before the start of the process that has the id now.
    inspect(&mut processes, &owner(60), Some(&program("wget", 50)), 60);
    assert_eq!(app(&processes, &owner(60)), Some("wget"));
    assert_eq!(app(&processes, &owner(10)), None, "curl's socket is not wget's");
}

#[test]
fn a_younger_process_does_not_answer_for_an_older_one() {
    let mut processes = Processes::default();
    let question = inspect(&mut processes, &owner(10), Some(&program("wget", 50)), 60);
    assert_eq!(question, Some(Question::CgroupPath(7)));
    processes.cgroup_path(7, Some("/system.slice/old.service".to_owned()));
    inspect(&mut processes, &owner(10), Some(&program("wget", 50)), 60);
    assert_eq!(app(&processes, &owner(10)), Some("old"));
}

#[test]
fn a_process_that_is_gone_is_known_by_cgroup_then_by_name() {
    for (path, id, kind) in [
        (Some("/system.slice/daily.service"), "daily", Kind::Service),
        (Some("/"), "task", Kind::Comm),
        (None, "task", Kind::Comm),
    ] {
        let mut processes = Processes::default();
        let question = inspect(&mut processes, &owner(10), None, 10);
        assert_eq!(question, Some(Question::CgroupPath(7)));
        processes.cgroup_path(7, path.map(str::to_owned));
        assert_eq!(inspect(&mut processes, &owner(10), None, 10), None);
        let identity = processes.identity(&owner(10)).expect("it has been told");
        assert_eq!((&*identity.app.id, identity.app.kind), (id, kind), "{path:?}");
        assert_eq!(processes.missed(), 1);
    }
}

#[test]
fn what_proc_did_not_tell_the_kernel_s_record_does() {
    let mut processes = Processes::default();
    let dying = ProcessFacts { cgroup: None, comm: None, exe: None, ..program("x", 9) };
    assert_eq!(
        inspect(&mut processes, &owner(10), Some(&dying), 10),
        Some(Question::CgroupPath(7))
    );
    processes.cgroup_path(7, Some("/system.slice/daily.service".to_owned()));
    inspect(&mut processes, &owner(10), Some(&dying), 10);
    assert_eq!(app(&processes, &owner(10)), Some("daily"));
}

#[test]
fn a_process_that_moves_is_looked_at_again() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("shell", 9)), 10);
    let moved = Owner { cgroup_id: 8, ..owner(30) };
    assert_eq!(app(&processes, &moved), None, "a socket of another cgroup asks");
    let facts = ProcessFacts {
        cgroup: Some(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/\
                      app-gnome-org.gnome.Maps-100.scope"
                .to_owned(),
        ),
        ..program("shell", 9)
    };
    inspect(&mut processes, &moved, Some(&facts), 30);
    assert_eq!(app(&processes, &moved), Some("org.gnome.Maps"));
    assert_eq!(app(&processes, &owner(10)), Some("org.gnome.Maps"), "and what comes later of both");
}

#[test]
fn a_program_that_becomes_another_is_the_other() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("sh", 9)), 10);
    inspect(&mut processes, &owner(20), Some(&program("wget", 9)), 20);
    assert_eq!(app(&processes, &owner(20)), Some("wget"));
    assert_eq!(processes.len(), 1, "it is the same process");
}

#[test]
fn what_was_read_while_a_process_lived_outlives_it() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 10);
    assert_eq!(inspect(&mut processes, &owner(11), None, 11), None, "nothing is asked for");
    assert_eq!(app(&processes, &owner(11)), Some("curl"));
    assert_eq!((processes.missed(), processes.unsettled().len()), (0, 0));
}

#[test]
fn a_cgroup_is_asked_for_once() {
    let mut processes = Processes::default();
    processes.cgroup_path(7, None);
    for pid in 100..110 {
        assert_eq!(inspect(&mut processes, &Owner { pid, ..owner(10) }, None, 10), None);
    }
    assert_eq!(processes.missed(), 10);
}

#[test]
fn cgroups_are_bounded() {
    let mut processes = Processes::default();
    for id in 0..20_000 {
        processes.cgroup_path(id, None);
        assert!(processes.cgroups.len() <= PROCESSES_MAX);
    }
    for cgroup_id in 0..100 {
        inspect(&mut processes, &Owner { cgroup_id, ..owner(10) }, Some(&program("x", 9)), 10);
    }
    let remembered = &processes.by_pid[&100].cgroups;
    assert!(remembered.len() <= CGROUPS_MAX && remembered.contains(&99), "{remembered:?}");
}

#[test]
fn a_process_settles_two_seconds_after_it_was_first_heard_of() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 10);
    assert_eq!(processes.unsettled().len(), 1);
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 11);
    assert_eq!(processes.unsettled().len(), 1);
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 12);
    assert_eq!(processes.unsettled().len(), 0);
}

#[test]
fn the_dead_are_forgotten() {
    let mut processes = Processes::default();
    inspect(&mut processes, &owner(10), Some(&program("curl", 9)), 10);
    assert!(processes.forget_dead(|_, ticks| ticks == Some(900)).is_empty());
    assert_eq!(processes.forget_dead(|_, _| false), [100]);
    assert!(processes.is_empty());
}

#[test]
fn the_table_is_bounded() {
    let mut processes = Processes::default();
    for pid in 1..20_000 {
        let owner = Owner { pid, ..owner(10 + u64::from(pid)) };
        inspect(&mut processes, &owner, Some(&program("curl", 9)), 10 + u64::from(pid));
    }
    assert!(processes.len() <= PROCESSES_MAX, "{}", processes.len());
    let last = Owner { pid: 19_999, ..owner(19_999 + 10) };
    assert_eq!(app(&processes, &last), Some("curl"), "the newest are kept");
}

use super::*;

#[test]
fn exit_codes_are_unique_ascending_and_never_success() {
    let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    assert!(codes.iter().all(|code| (1..126).contains(code)), "{codes:?}");
}

#[test]
fn every_meaning_is_one_sentence() {
    for exit in Exit::ALL {
        assert!(exit.meaning().ends_with('.'), "{exit:?}: {}", exit.meaning());
        assert!(!exit.meaning().starts_with(' '), "{exit:?}");
    }
}

#[test]
fn failures_are_one_line() {
    let failures = [
        Failure::Usage("unknown option".to_owned()),
        Failure::NoCgroup2 { root: None },
        Failure::NoCgroup2 { root: Some("/x".into()) },
        Failure::CgroupV1Only,
        Failure::KernelTooOld { running: "4.19.0".to_owned(), needed: "5.10" },
        Failure::PortInUse { address: "127.0.0.1:9917".to_owned() },
        Failure::AgentRunning { runtime_dir: "/run/sortie".into(), pid: Some(12) },
        Failure::Database {
            key: "asn_database",
            path: "/x.mmdb".into(),
            problem: "it tells of no autonomous systems".to_owned(),
        },
        Failure::NoAgent { socket: "/run/sortie/sortie.sock".into() },
        Failure::NotLoopback { address: "0.0.0.0:9917".to_owned() },
        Failure::NoEbpf,
        Failure::HookTaken { hook: "cgroup_skb/egress".to_owned(), cgroup: "/c".into() },
        Failure::RuntimeDir { path: "/run/sortie".into(), source: io::ErrorKind::Other.into() },
        Failure::io("cannot read /proc/stat", io::ErrorKind::NotFound.into()),
    ];
    for failure in failures {
        let text = failure.to_string();
        assert!(!text.contains('\n') && !text.contains("  "), "{text:?}");
    }
}

#[test]
fn only_the_end_of_a_verifier_log_is_shown() {
    let log = "1\n2\n3\n\n4\n5\nR1 invalid \x1b[31mmem access\nprocessed 12 insns\n";
    let failure = Failure::Verifier { program: "egress".to_owned(), log: log.to_owned() };
    let text = failure.to_string();
    assert!(text.contains("`egress`"));
    assert!(text.ends_with("\n  3\n  4\n  5\n  R1 invalid [31mmem access\n  processed 12 insns"));
}

#[test]
fn nearest_finds_slips_and_refuses_guesses() {
    let keys = ["flows_max", "apps_max", "listen"];
    assert_eq!(nearest("flow_max", keys), Some("flows_max"));
    assert_eq!(nearest("lisen", keys), Some("listen"));
    assert_eq!(nearest("colour", keys), None);
    assert_eq!(edits("", "abc"), 3);
    assert_eq!(edits("kitten", "sitting"), 3);
    assert_eq!(edits("tpo", "top"), 1);
}

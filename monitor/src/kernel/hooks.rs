//! The hooks: one table, from which loading, attaching, `sortie check` and the metrics are made.

/// A place in the kernel where one of the programs runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Name of the program in the object, and of the hook in metrics and messages.
    pub name: &'static str,
    /// `enum bpf_attach_type` (uapi/linux/bpf.h).
    pub attach_type: u32,
    /// The mainline release that brought the hook with the helpers the program calls.
    pub since: &'static str,
    /// What is not seen without it, as the end of the sentence "without it, ...".
    pub lost: &'static str,
    /// Upper bound of the instructions the verifier may walk through, held by a test: a program that
    /// grows past it is looked at before it lands.
    pub verified_instructions_max: u32,
}

/// All hooks, in the order in which they are attached: owners before connections before packets, so
/// that no packet of a new socket finds its owner missing.
pub const HOOKS: [Hook; 8] = [
    Hook {
        name: "post_bind4",
        attach_type: 12,
        since: "5.10",
        lost: "connections accepted over IPv4 are not attributed to an app",
        verified_instructions_max: 200,
    },
    Hook {
        name: "post_bind6",
        attach_type: 13,
        since: "5.10",
        lost: "connections accepted over IPv6 are not attributed to an app",
        verified_instructions_max: 200,
    },
    Hook {
        name: "sock_create",
        attach_type: 2,
        since: "5.10",
        lost: "no socket has an owner",
        verified_instructions_max: 8_000,
    },
    Hook {
        name: "connect4",
        attach_type: 10,
        since: "5.10",
        lost: "inherited and passed sockets keep their first owner; failed connections are not seen",
        verified_instructions_max: 2_000,
    },
    Hook {
        name: "connect6",
        attach_type: 11,
        since: "5.10",
        lost: "inherited and passed sockets keep their first owner; failed connections are not seen",
        verified_instructions_max: 2_000,
    },
    Hook {
        name: "sock_release",
        attach_type: 34,
        since: "5.10",
        lost: "closed sockets are not recognised, and the flow table fills up",
        verified_instructions_max: 1_000,
    },
    Hook {
        name: "egress",
        attach_type: 1,
        since: "5.10",
        lost: "nothing that is sent is counted",
        verified_instructions_max: 20_000,
    },
    Hook {
        name: "ingress",
        attach_type: 0,
        since: "5.10",
        lost: "nothing that is received is counted",
        verified_instructions_max: 20_000,
    },
];

/// The maps the agent reads or writes, by their name in the object.
pub const MAPS: [&str; 12] = [
    "LIVE",
    "SETTLED",
    "SETTINGS",
    "OWNER",
    "BOUND",
    "FLOWS",
    "DATAGRAMS",
    "OVER",
    "STATS",
    "PROCESSES",
    "EVENTS",
    "SAMPLES",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_is_named_and_placed_once() {
        for (i, hook) in HOOKS.iter().enumerate() {
            for other in &HOOKS[..i] {
                assert_ne!(hook.name, other.name);
                assert_ne!(hook.attach_type, other.attach_type, "{}", hook.name);
            }
        }
    }
}

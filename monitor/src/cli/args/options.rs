//! The table of options: parsing, hints and help come from it.

use super::Verb;

/// An option, beside `--help` and `--version`.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What it is called, without the dashes.
    pub name: &'static str,
    /// What stands for its value in the help, if it takes one.
    pub value: Option<&'static str>,
    /// The commands that take it.
    pub verbs: &'static [Verb],
    /// What it does: one line of the help.
    pub doc: &'static str,
}

/// All options. An option may be here twice, with different commands.
pub const OPTIONS: &[Opt] = &[
    Opt { name: "once", value: None, verbs: &[Verb::Top], doc: "Print one table and end" },
    Opt {
        name: "interval",
        value: Some("SECONDS"),
        verbs: &[Verb::Top],
        doc: "Refresh this often, 1 to 3600 [2]",
    },
    Opt {
        name: "json",
        value: None,
        verbs: &[Verb::Apps],
        doc: "Print everything the agent knows as one JSON document",
    },
    Opt {
        name: "destinations",
        value: None,
        verbs: &[Verb::Top, Verb::Apps],
        doc: "List where each app goes: up to 10 lines each",
    },
    Opt {
        name: "all",
        value: None,
        verbs: &[Verb::Top, Verb::Apps, Verb::App],
        doc: "Count traffic within this device (loopback) as well",
    },
    Opt {
        name: "json",
        value: None,
        verbs: &[Verb::App, Verb::Findings, Verb::Check],
        doc: "Print JSON instead of text",
    },
    Opt {
        name: "all",
        value: None,
        verbs: &[Verb::Findings],
        doc: "Also what was not seen any more for long",
    },
    Opt {
        name: "first-day",
        value: None,
        verbs: &[Verb::Findings],
        doc: "Instead, what was seen in the first 24 hours",
    },
    Opt {
        name: "app",
        value: Some("ID"),
        verbs: &[Verb::Forget],
        doc: "Forget this app, by its id",
    },
    Opt {
        name: "destination",
        value: Some("NAME"),
        verbs: &[Verb::Forget],
        doc: "Forget this destination of all apps, as it is shown",
    },
    Opt {
        name: "device",
        value: Some("ID"),
        verbs: &[Verb::Forget],
        doc: "Forget this device behind a router",
    },
    Opt { name: "all", value: None, verbs: &[Verb::Forget], doc: "Forget everything" },
    Opt {
        name: "ebpf-object",
        value: Some("FILE"),
        verbs: &[Verb::Run],
        doc: "For developers: load this object, not the built-in one",
    },
    Opt {
        name: "config",
        value: Some("FILE"),
        verbs: &Verb::ALL,
        doc: "Read this file instead of /etc/sortie/sortie.toml",
    },
];

impl Opt {
    /// Whether it may stand after this command; before any, only what all commands take.
    pub(super) fn fits(&self, verb: Option<Verb>) -> bool {
        verb.map_or(self.verbs.len() == Verb::ALL.len(), |verb| self.verbs.contains(&verb))
    }
}

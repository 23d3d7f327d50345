//! What is attached during a load.

use std::fs::File;

use anyhow::{Context as _, Result};
use aya::programs::{CgroupAttachMode, Program};
use aya::{Ebpf, EbpfLoader};
use e2e::{Agent, cgroup, program};

/// What is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Nothing.
    None,
    /// Programs that do nothing, on the hooks that a connection passes.
    Empty,
    /// The cheapest counter per socket.
    Cheapest,
    /// The agent, with programs that take no samples of what flows say.
    Unsampled,
    /// The agent.
    Sortie,
}

/// Keeps a variant attached.
pub(crate) enum Attached {
    /// Nothing is.
    Nothing,
    /// Programs, until they are dropped.
    Programs(#[expect(dead_code, reason = "held, not read")] Box<Ebpf>),
    /// The agent, until it is dropped.
    Agent(#[expect(dead_code, reason = "held, not read")] Box<Agent>),
}

impl Variant {
    /// All of them, the baseline first.
    pub(crate) const ALL: [Self; 5] =
        [Self::None, Self::Empty, Self::Cheapest, Self::Unsampled, Self::Sortie];

    /// Those with programs, for their run times.
    pub(crate) const WATCHING: [Self; 4] =
        [Self::Empty, Self::Cheapest, Self::Unsampled, Self::Sortie];

    /// Its name in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "no program",
            Self::Empty => "empty programs",
            Self::Cheapest => "cheapest counter",
            Self::Unsampled => "Sortie without sampling",
            Self::Sortie => "Sortie",
        }
    }

    /// Attaches it.
    pub(crate) fn attach(self) -> Result<Attached> {
        match self {
            Self::None => Ok(Attached::Nothing),
            Self::Empty => programs("empty_"),
            Self::Cheapest => programs("cheapest_"),
            Self::Unsampled => {
                let object = program::ebpf_object("programs-nosample.bpfel.o");
                Ok(Attached::Agent(Box::new(Agent::plan().with_object(object).start())))
            }
            Self::Sortie => Ok(Attached::Agent(Box::new(Agent::start()))),
        }
    }
}

/// Attaches the programs whose names begin like this.
fn programs(prefix: &str) -> Result<Attached> {
    let mut ebpf = EbpfLoader::new()
        .load_file(program::ebpf_object("floor.bpfel.o"))
        .context("the programs to compare with do not load")?;
    let root = File::open(cgroup::root())?;
    for (name, program) in ebpf.programs_mut() {
        if !name.starts_with(prefix) {
            continue;
        }
        let mode = CgroupAttachMode::Single;
        match program {
            Program::CgroupSkb(program) => {
                program.load()?;
                program.attach(&root, kind(name), mode)?;
            }
            Program::CgroupSock(program) => {
                program.load()?;
                program.attach(&root, mode)?;
            }
            Program::CgroupSockAddr(program) => {
                program.load()?;
                program.attach(&root, mode)?;
            }
            _ => {}
        }
    }
    Ok(Attached::Programs(Box::new(ebpf)))
}

fn kind(name: &str) -> aya::programs::CgroupSkbAttachType {
    if name.ends_with("ingress") {
        aya::programs::CgroupSkbAttachType::Ingress
    } else {
        aya::programs::CgroupSkbAttachType::Egress
    }
}

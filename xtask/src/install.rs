//! What is missing, the steps that bring it, and taking them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    apt::Apt,
    cross::{self, Builder, Target},
    exec,
    linker::{self, BpfLinker, Llvm},
    places::Places,
    root::Root,
    toolchain::{self, Compiler},
    tools,
    workspace::{Workspace, own_cargo},
};

/// The bpf-linker known to work. Where it is gone, or does not know an LLVM, the newest is taken.
const BPF_LINKER: &str = "~0.13";

/// What builds the eBPF programs.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) compiler: Compiler,
    pub(crate) linker: BpfLinker,
    /// Without it the objects are larger, and work as well.
    pub(crate) objcopy: Option<PathBuf>,
    /// Where the source of the dependencies lies.
    pub(crate) cargo_home: PathBuf,
}

impl Kit {
    fn new(places: &Places, compiler: Compiler, linker: BpfLinker) -> Self {
        let objcopy = linker::objcopy(places, &compiler);
        Self { compiler, linker, objcopy, cargo_home: places.cargo_home.clone() }
    }

    /// What there is, installing nothing.
    pub(crate) fn find(places: &Places) -> Result<Self> {
        let more =
            "`cargo xtask doctor` shows the command that installs it, `cargo xtask run` does it";
        let compiler = toolchain::compiler(places)?
            .ok_or_else(|| anyhow!("no compiler here can build eBPF programs; {more}"))?;
        let linker = linker::bpf_linker(places, &compiler)
            .map_err(|reason| anyhow!("no bpf-linker to use: {reason}; {more}"))?;
        Ok(Self::new(places, compiler, linker))
    }
}

/// One command that brings something missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Debian's packages.
    Apt(Vec<String>),
    /// The source of the standard library, for the compiler that builds the rest.
    RustSource { rustup: PathBuf },
    /// The standard library of another target, compiled.
    RustTarget { rustup: PathBuf, triple: &'static str },
    /// bpf-linker, compiled against this LLVM.
    BpfLinker { llvm: Llvm, cargo_home: PathBuf },
    /// bpf-linker as its authors compiled it, with LLVM inside.
    ReadyBpfLinker { binstall: PathBuf },
}

impl Step {
    /// The command as one would type it.
    pub(crate) fn describe(&self, root: &Root) -> String {
        match self {
            Self::Apt(packages) => format!(
                "{}apt-get install --no-install-recommends {}",
                root.prefix(),
                packages.join(" ")
            ),
            Self::RustSource { .. } => "rustup component add rust-src".to_owned(),
            Self::RustTarget { triple, .. } => format!("rustup target add {triple}"),
            Self::BpfLinker { llvm, .. } => format!(
                "LLVM_PREFIX={} cargo install bpf-linker --version '{BPF_LINKER}' --locked \
                 --no-default-features --features llvm-{}",
                llvm.prefix.display(),
                llvm.major
            ),
            Self::ReadyBpfLinker { .. } => "cargo binstall bpf-linker".to_owned(),
        }
    }
}

/// The ways to a compiler, best first. On Debian its own, which fits Debian's LLVM.
pub(crate) fn ways_to_a_compiler(places: &Places, apt: Option<&Apt>) -> Vec<Vec<Step>> {
    let debian = apt.and_then(Apt::compiler);
    let debian = debian.map(|packages| vec![Step::Apt(packages.map(str::to_owned).to_vec())]);
    let rustup = places.program("rustup").map(|rustup| vec![Step::RustSource { rustup }]);
    debian.into_iter().chain(rustup).collect()
}

/// The ways to a bpf-linker that reads the bitcode of a compiler with this LLVM, best first.
pub(crate) fn ways_to_a_linker(places: &Places, apt: Option<&Apt>, llvm: u32) -> Vec<Vec<Step>> {
    let build = |llvm| Step::BpfLinker { llvm, cargo_home: places.cargo_home.clone() };
    let here = linker::llvm(places, llvm).map(|llvm| vec![build(llvm)]);
    let ready =
        places.program("cargo-binstall").map(|binstall| vec![Step::ReadyBpfLinker { binstall }]);
    let debian =
        apt.filter(|_| here.is_none()).and_then(|apt| apt.llvm(llvm)).and_then(|package| {
            let major = package.strip_prefix("llvm-")?.strip_suffix("-dev")?.parse().ok()?;
            let prefix = Path::new("/usr/lib").join(format!("llvm-{major}"));
            Some(vec![Step::Apt(vec![package]), build(Llvm { major, prefix })])
        });
    here.into_iter().chain(ready).chain(debian).collect()
}

/// The ways to the standard library of another target, best first. rustup has none for 32-bit MIPS,
/// which is then built from the source.
pub(crate) fn ways_to_a_std(places: &Places, apt: Option<&Apt>, target: &Target) -> Vec<Vec<Step>> {
    let debian = apt.and_then(Apt::rust_source).map(|package| vec![Step::Apt(vec![package])]);
    let rustup = places.program("rustup").map(|rustup| {
        let triple = target.triple;
        vec![if target.is_offered {
            Step::RustTarget { rustup, triple }
        } else {
            Step::RustSource { rustup }
        }]
    });
    debian.into_iter().chain(rustup).collect()
}

/// What to do by hand where no way is known.
pub(crate) fn by_hand_compiler() -> String {
    "install rustup (https://rustup.rs), then: rustup component add rust-src".to_owned()
}

/// The same for bpf-linker; every distribution has LLVM under another name.
pub(crate) fn by_hand_linker(places: &Places, llvm: u32) -> String {
    let sudo = Root::here(places).prefix();
    let package = match ["dnf", "zypper", "pacman", "apk"].map(|name| places.program(name)) {
        [Some(_), ..] => format!("{sudo}dnf install llvm-devel"),
        [_, Some(_), ..] => format!("{sudo}zypper install llvm-devel"),
        [_, _, Some(_), _] => format!("{sudo}pacman -S llvm"),
        [.., Some(_)] => format!("{sudo}apk add llvm{llvm}-dev llvm{llvm}-libs"),
        _ => "your package manager".to_owned(),
    };
    format!(
        "get LLVM {llvm} or newer with its development files ({package}) and run this again, \
         or a ready-made bpf-linker: cargo install cargo-binstall && cargo binstall bpf-linker"
    )
}

/// Brings what is missing, and asks nobody for anything that is there.
#[derive(Debug)]
pub(crate) struct Installer<'a> {
    places: &'a Places,
    workspace: &'a Workspace,
    root: Root,
    apt: Option<Apt>,
}

impl<'a> Installer<'a> {
    pub(crate) fn new(places: &'a Places, workspace: &'a Workspace) -> Self {
        Self { places, workspace, root: Root::here(places), apt: Apt::find(places) }
    }

    /// Where it looks.
    pub(crate) fn places(&self) -> &'a Places {
        self.places
    }

    /// Where it builds.
    pub(crate) fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    /// What builds the eBPF programs, installed if need be.
    pub(crate) fn kit(&mut self) -> Result<Kit> {
        let compiler = match toolchain::compiler(self.places)? {
            Some(compiler) => compiler,
            None => self.bring_compiler()?,
        };
        println!("  compiler    {}", compiler.describe());
        let linker = match linker::bpf_linker(self.places, &compiler) {
            Ok(linker) => linker,
            Err(reason) => self.bring_linker(&compiler, &reason)?,
        };
        println!("  linker      {}", linker.describe());
        Ok(Kit::new(self.places, compiler, linker))
    }

    fn bring_compiler(&mut self) -> Result<Compiler> {
        println!("  compiler    missing: nothing here can build eBPF programs; installing one");
        self.refresh();
        let ways = ways_to_a_compiler(self.places, self.apt.as_ref());
        self.first_way(&ways, &by_hand_compiler(), |installer| {
            toolchain::compiler(installer.places)?.context("still no compiler for eBPF programs")
        })
    }

    /// The standard library for another target.
    pub(crate) fn bring_std(&mut self, target: &Target) -> Result<Builder> {
        println!("  std         missing: no compiler here builds for {}", target.triple);
        self.refresh();
        let ways = ways_to_a_std(self.places, self.apt.as_ref(), target);
        let by_hand = "install rustup (https://rustup.rs)";
        self.first_way(&ways, by_hand, |installer| {
            cross::builder(installer.places, target)
                .with_context(|| format!("still no compiler builds for {}", target.triple))
        })
    }

    fn bring_linker(&mut self, compiler: &Compiler, reason: &str) -> Result<BpfLinker> {
        println!("  linker      missing: bpf-linker: {reason}; installing it");
        if linker::llvm(self.places, compiler.llvm).is_none() {
            self.refresh();
        }
        let ways = ways_to_a_linker(self.places, self.apt.as_ref(), compiler.llvm);
        let by_hand = by_hand_linker(self.places, compiler.llvm);
        self.first_way(&ways, &by_hand, |installer| {
            linker::bpf_linker(installer.places, compiler)
                .map_err(|reason| anyhow!("still no bpf-linker to use: {reason}"))
        })
    }

    /// The programs that the tests of the live kernel use.
    pub(crate) fn tools(&mut self) -> Result<()> {
        let missing = tools::missing(self.places);
        if missing.is_empty() {
            return Ok(());
        }
        for tool in &missing {
            println!("  {:<11} missing: {}", tool.program, tool.why);
        }
        let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
        let Some(apt) = &mut self.apt else {
            bail!("install these with your package manager: {}", packages.join(" "));
        };
        apt.install(&self.root, &packages)?;
        if packages.contains(&"prometheus") && Path::new("/run/systemd/system").is_dir() {
            // The tests start their own; the package's service would go on for ever.
            let systemctl =
                self.places.program("systemctl").context("systemd without systemctl")?;
            let arguments = ["disable", "--now", "prometheus"];
            exec::announce(self.root.command(&systemctl, [])?.args(arguments))?;
        }
        match tools::missing(self.places).as_slice() {
            [] => Ok(()),
            [tool, ..] => bail!("{} is installed and brings no {}", tool.package, tool.program),
        }
    }

    /// Programs with the packages that bring them, installed where they are missing.
    pub(crate) fn programs(&mut self, wanted: &[(&str, &str)]) -> Result<()> {
        let missing = wanted.iter().filter(|(program, _)| self.places.program(program).is_none());
        let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
        packages.sort_unstable();
        packages.dedup();
        if packages.is_empty() {
            return Ok(());
        }
        self.packages(&packages)?;
        match wanted.iter().find(|(program, _)| self.places.program(program).is_none()) {
            None => Ok(()),
            Some((program, package)) => bail!("{package} is installed and brings no {program}"),
        }
    }

    /// Debian's packages.
    pub(crate) fn packages(&mut self, packages: &[&str]) -> Result<()> {
        let Some(apt) = &mut self.apt else {
            bail!("install these with your package manager: {}", packages.join(" "));
        };
        apt.install(&self.root, packages)
    }

    /// New lists of packages, if they can be had: without them another way may still be open.
    fn refresh(&mut self) {
        if let Some(apt) = &mut self.apt
            && let Err(error) = apt.update(&self.root)
        {
            println!("  {error:#}");
        }
    }

    /// Takes the ways in turn until one leads to what `arrived` looks for.
    fn first_way<T>(
        &mut self,
        ways: &[Vec<Step>],
        by_hand: &str,
        arrived: impl Fn(&Self) -> Result<T>,
    ) -> Result<T> {
        let Some((last, others)) = ways.split_last() else {
            bail!("this has to be done by hand: {by_hand}");
        };
        for way in others {
            match self.go(way, &arrived) {
                Ok(found) => return Ok(found),
                Err(error) => println!("  that did not work ({error:#}); trying another way"),
            }
        }
        self.go(last, &arrived).context("could not install what is missing")
    }

    fn go<T>(&mut self, way: &[Step], arrived: impl Fn(&Self) -> Result<T>) -> Result<T> {
        way.iter().try_for_each(|step| self.take(step))?;
        arrived(self)
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Apt(packages) => {
                let apt = self.apt.as_mut().context("apt-get is gone")?;
                let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
                apt.install(&self.root, &packages)
            }
            Step::RustSource { rustup } => exec::announce(
                Command::new(rustup)
                    .args(["component", "add", "rust-src"])
                    .current_dir(self.workspace.root()),
            ),
            Step::RustTarget { rustup, triple } => exec::announce(
                Command::new(rustup)
                    .args(["target", "add", triple])
                    .current_dir(self.workspace.root()),
            ),
            Step::ReadyBpfLinker { binstall } => {
                exec::announce(Command::new(binstall).args(["--no-confirm", "bpf-linker"]))
            }
            Step::BpfLinker { llvm, cargo_home } => self.build_linker(llvm, cargo_home),
        }
    }

    /// Compiles bpf-linker: the version known to work, or the newest where that one cannot be had.
    fn build_linker(&self, llvm: &Llvm, cargo_home: &Path) -> Result<()> {
        let attempt = |version: Option<&str>| {
            let mut cargo = self.workspace.bare_cargo(&own_cargo());
            cargo.args(["install", "bpf-linker", "--locked", "--force", "--no-default-features"]);
            cargo.args(["--features", &format!("llvm-{}", llvm.major)]);
            cargo.args(version.iter().flat_map(|version| ["--version", version]));
            cargo.arg("--root").arg(cargo_home).arg(exec::color());
            // Else its build finds the distribution's default LLVM, which is older.
            cargo.env("LLVM_PREFIX", &llvm.prefix);
            println!("  $ {}", exec::describe(&cargo));
            exec::watch(&mut cargo)
        };
        let Err(failure) = attempt(Some(BPF_LINKER))? else {
            return Ok(());
        };
        if !not_offered(&failure.stderr) {
            return Err(explain(failure));
        }
        println!("  there is no such bpf-linker {BPF_LINKER}; trying the newest");
        attempt(None)?.map_err(explain)
    }
}

/// Whether cargo says that this version, or this feature of it, does not exist.
fn not_offered(stderr: &str) -> bool {
    [
        "could not find `bpf-linker`",
        "does not contain this feature",
        "none of the selected packages",
    ]
    .iter()
    .any(|sign| stderr.contains(sign))
}

fn explain(failure: exec::Failure) -> anyhow::Error {
    const SIGNS: [&str; 6] = [
        "resolve host",
        "failed to download",
        "network failure",
        "Could not connect",
        "failed to get successful HTTP response",
        "spurious network error",
    ];
    let error = anyhow!(failure.what);
    if SIGNS.iter().any(|sign| failure.stderr.contains(sign)) {
        error.context("cargo cannot reach its registry; is there a network?")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    fn lines(ways: &[Vec<Step>]) -> Vec<Vec<String>> {
        let line = |step: &Step| step.describe(&Root::Already);
        ways.iter().map(|way| way.iter().map(line).collect()).collect()
    }

    #[test]
    fn a_machine_of_another_kind_is_told_what_to_do() -> Result<()> {
        let machine = Machine::new("other")?;
        let places = machine.places();
        assert_eq!(ways_to_a_compiler(&places, None), Vec::<Vec<Step>>::new());
        assert_eq!(ways_to_a_linker(&places, None, 22), Vec::<Vec<Step>>::new());
        machine.script("usr/bin/pacman", "true")?;
        assert!(by_hand_linker(&places, 22).contains("pacman -S llvm)"));
        Ok(())
    }

    #[test]
    fn debian_s_own_parts_come_before_rustup_s() -> Result<()> {
        let machine = Machine::new("debian")?;
        machine.script("usr/bin/apt-get", "true")?;
        let policy = |name| format!("{name}:\\n  Candidate: 1.96.0\\n");
        machine.script(
            "usr/bin/apt-cache",
            &format!(
                "case $1 in policy) printf '{}{}';; *) echo llvm-22-dev;; esac",
                policy("rustc-web"),
                policy("libstd-rust-web-dev-bpf")
            ),
        )?;
        machine.script("usr/bin/rustup", "true")?;
        let places = machine.places();
        let apt = Apt::find(&places);
        let install = "apt-get install --no-install-recommends";
        assert_eq!(
            lines(&ways_to_a_compiler(&places, apt.as_ref())),
            [
                [format!("{install} rustc-web libstd-rust-web-dev-bpf")],
                ["rustup component add rust-src".to_owned()]
            ]
        );
        let build = |prefix: &Path| {
            format!(
                "LLVM_PREFIX={} cargo install bpf-linker --version '{BPF_LINKER}' --locked \
                 --no-default-features --features llvm-22",
                prefix.display()
            )
        };
        assert_eq!(
            lines(&ways_to_a_linker(&places, apt.as_ref(), 22)),
            [[format!("{install} llvm-22-dev"), build(Path::new("/usr/lib/llvm-22"))]]
        );
        // With LLVM here nothing but bpf-linker itself is left to install.
        machine.file("usr/lib/llvm-22/lib/libLLVM.so", "")?;
        assert_eq!(
            lines(&ways_to_a_linker(&places, apt.as_ref(), 22)),
            [[build(&machine.at("usr/lib/llvm-22"))]]
        );
        Ok(())
    }

    #[test]
    fn only_an_absent_version_makes_room_for_the_newest() {
        let absent =
            "error: could not find `bpf-linker` in registry `crates-io` with version `~0.13`";
        assert!(not_offered(absent));
        assert!(!not_offered("error: linking with `cc` failed"));
        let failure = |stderr: &str| exec::Failure { what: "failed".into(), stderr: stderr.into() };
        let text = format!("{:#}", explain(failure("Could not resolve host: index")));
        assert_eq!(text, "cargo cannot reach its registry; is there a network?: failed");
    }

    #[test]
    fn a_way_that_fails_leads_to_the_next() -> Result<()> {
        let machine = Machine::new("ways")?;
        let (places, workspace) = (machine.places(), Workspace::find()?);
        let step = |path| vec![Step::RustSource { rustup: path }];
        let bad = step(machine.script("usr/bin/bad", "exit 1")?);
        let good = step(machine.script("usr/bin/good", "true")?);
        let mut installer = Installer::new(&places, &workspace);
        let arrived = |_: &Installer<'_>| Ok(7);
        assert_eq!(installer.first_way(&[bad.clone(), good], "advice", arrived)?, 7);
        let mut told = |ways: &[Vec<Step>]| {
            installer.first_way(ways, "advice", arrived).map_err(|error| error.to_string())
        };
        assert_eq!(told(&[bad]), Err("could not install what is missing".to_owned()));
        assert_eq!(told(&[]), Err("this has to be done by hand: advice".to_owned()));
        Ok(())
    }
}

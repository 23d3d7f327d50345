//! What links the eBPF programs: bpf-linker, and the LLVM that it is built against.
//!
//! bpf-linker reads the compiler's bitcode, so its LLVM must not be older than the compiler's.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    exec,
    places::{Places, is_program},
    toolchain::Compiler,
};

/// A bpf-linker that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BpfLinker {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
    /// The major version of its LLVM, where the file tells.
    pub(crate) llvm: Option<u32>,
}

impl BpfLinker {
    /// What the doctor says about it.
    pub(crate) fn describe(&self) -> String {
        let llvm = self.llvm.map(|llvm| format!(" (LLVM {llvm})")).unwrap_or_default();
        format!("bpf-linker {}{llvm}, {}", self.version, self.path.display())
    }

    fn at(path: &Path) -> Result<Self, String> {
        let output = Command::new(path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{} does not start: {error}", path.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.trim().strip_prefix("bpf-linker ").filter(|_| output.status.success());
        let Some(version) = version else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let complaint = complaint.lines().next().unwrap_or("it says nothing").trim();
            return Err(format!("{} does not run: {complaint}", path.display()));
        };
        let llvm = llvm_of(path);
        Ok(Self { path: path.to_path_buf(), version: version.to_owned(), llvm })
    }
}

/// The first bpf-linker that runs and can read this compiler's bitcode, or why there is none.
pub(crate) fn bpf_linker(places: &Places, compiler: &Compiler) -> Result<BpfLinker, String> {
    let mut reasons = Vec::new();
    for path in candidates(places) {
        match BpfLinker::at(&path) {
            Ok(linker) => match linker.llvm {
                Some(llvm) if llvm < compiler.llvm => reasons.push(format!(
                    "{} has LLVM {llvm}, older than the LLVM {} of rustc {}",
                    path.display(),
                    compiler.llvm,
                    compiler.release
                )),
                _ => return Ok(linker),
            },
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() { Err("not installed".to_owned()) } else { Err(reasons.join("; ")) }
}

fn candidates(places: &Places) -> Vec<PathBuf> {
    if let Some(named) = &places.bpf_linker {
        return vec![named.clone()];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    let folders = places.path.iter().cloned().chain([places.cargo_home.join("bin")]);
    for path in folders.map(|folder| folder.join("bpf-linker")).filter(|path| is_program(path)) {
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// The major version of the shared LLVM that a program needs, from the library's name in it.
///
/// A program with LLVM linked in does not tell; if it is too old, linking says so.
fn llvm_of(program: &Path) -> Option<u32> {
    // The names of the libraries come early; what follows may be a hundred megabytes.
    const BEGINNING: u64 = 4 << 20;
    let mut beginning = Vec::new();
    fs::File::open(program).ok()?.take(BEGINNING).read_to_end(&mut beginning).ok()?;
    ["libLLVM.so.", "libLLVM-"].iter().find_map(|mark| number_after(mark.as_bytes(), &beginning))
}

fn number_after(mark: &[u8], mut text: &[u8]) -> Option<u32> {
    let first = *mark.first()?;
    loop {
        let at = text.iter().position(|byte| *byte == first)?;
        text = text.get(at..)?;
        let Some(rest) = text.strip_prefix(mark) else {
            text = text.get(1..)?;
            continue;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            return Some(number);
        }
        text = rest;
    }
}

/// An LLVM against which bpf-linker can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Llvm {
    pub(crate) major: u32,
    /// What bpf-linker's build wants as `LLVM_PREFIX`.
    pub(crate) prefix: PathBuf,
}

/// The LLVM to build bpf-linker against: the compiler's own version, else the next newer one.
pub(crate) fn llvm(places: &Places, at_least: u32) -> Option<Llvm> {
    let mut found: Vec<Llvm> = llvms(places).into_iter().filter(|l| l.major >= at_least).collect();
    found.sort_by_key(|llvm| llvm.major);
    found.into_iter().next()
}

/// Every LLVM that has what linking against it takes, the shared library without a version.
fn llvms(places: &Places) -> Vec<Llvm> {
    let mut found = Vec::new();
    for folder in ["usr/lib", "usr/lib64"] {
        let Ok(entries) = fs::read_dir(places.root.join(folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // Debian writes llvm-22, Alpine llvm22, Fedora llvm22 below lib64.
            let major = name.to_str().and_then(|name| name.strip_prefix("llvm"));
            let major = major.and_then(|rest| rest.trim_start_matches('-').parse().ok());
            if let Some(major) = major {
                found.push(Llvm { major, prefix: entry.path() });
            }
        }
    }
    if let Some(config) = places.program("llvm-config") {
        let say = |what| exec::ask(Command::new(&config).arg(what));
        let major = say("--version")
            .and_then(|version| version.split('.').next().and_then(|major| major.parse().ok()));
        if let (Some(major), Some(prefix)) = (major, say("--prefix")) {
            found.push(Llvm { major, prefix: prefix.trim().into() });
        }
    }
    let linkable = |llvm: &Llvm| {
        ["lib", "lib64"].iter().any(|lib| llvm.prefix.join(lib).join("libLLVM.so").exists())
    };
    found.retain(linkable);
    found
}

/// An objcopy that knows BPF, to leave the debug sections out of the objects.
pub(crate) fn objcopy(places: &Places, compiler: &Compiler) -> Option<PathBuf> {
    let mut prefixes = llvms(places);
    prefixes.sort_by_key(|llvm| std::cmp::Reverse(llvm.major));
    let of_llvm = prefixes.into_iter().map(|llvm| llvm.prefix.join("bin/llvm-objcopy"));
    let of_rust = fs::read_dir(compiler.sysroot.join("lib/rustlib"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .flat_map(|folder| {
            ["llvm-objcopy", "rust-objcopy"].map(|name| folder.join("bin").join(name))
        });
    of_llvm.chain(places.program("llvm-objcopy")).chain(of_rust).find(|path| is_program(path))
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;
    use crate::{places::fake::Machine, toolchain::Core};

    fn compiler(machine: &Machine, llvm: u32) -> Compiler {
        Compiler {
            rustc: machine.at("usr/bin/rustc"),
            release: "1.96.0".to_owned(),
            llvm,
            sysroot: machine.at("usr"),
            core: Core::Precompiled,
        }
    }

    fn plant(machine: &Machine, path: &str, library: &str) -> Result<PathBuf> {
        machine.script(path, &format!("# {library}\necho bpf-linker 0.13.0"))
    }

    #[test]
    fn a_bare_machine_has_none() -> Result<()> {
        let machine = Machine::new("no-linker")?;
        let none = bpf_linker(&machine.places(), &compiler(&machine, 22));
        assert_eq!(none, Err("not installed".to_owned()));
        assert_eq!(llvm(&machine.places(), 22), None);
        assert_eq!(objcopy(&machine.places(), &compiler(&machine, 22)), None);
        Ok(())
    }

    #[test]
    fn one_in_cargo_s_folder_is_found_outside_of_path() -> Result<()> {
        let machine = Machine::new("cargo-bin")?;
        let path = plant(&machine, "cargo/bin/bpf-linker", "libLLVM.so.22.1")?;
        let found = bpf_linker(&machine.places(), &compiler(&machine, 22));
        let expected = BpfLinker { path, version: "0.13.0".to_owned(), llvm: Some(22) };
        assert_eq!(found, Ok(expected));
        Ok(())
    }

    #[test]
    fn an_older_llvm_is_refused_and_the_next_one_tried() -> Result<()> {
        let machine = Machine::new("old-llvm")?;
        plant(&machine, "usr/bin/bpf-linker", "libLLVM.so.21.1")?;
        let compiler = compiler(&machine, 22);
        let reason = bpf_linker(&machine.places(), &compiler).err().unwrap_or_default();
        assert!(reason.ends_with("LLVM 21, older than the LLVM 22 of rustc 1.96.0"), "{reason}");
        let newer = plant(&machine, "cargo/bin/bpf-linker", "libLLVM-23.so")?;
        let found = bpf_linker(&machine.places(), &compiler).map(|linker| linker.path);
        assert_eq!(found, Ok(newer));
        Ok(())
    }

    #[test]
    fn a_broken_one_says_why() -> Result<()> {
        let machine = Machine::new("broken")?;
        machine
            .script("usr/bin/bpf-linker", "echo 'libLLVM.so.22.1: cannot open' >&2; exit 127")?;
        let reason = bpf_linker(&machine.places(), &compiler(&machine, 22)).err();
        let reason = reason.unwrap_or_default();
        assert!(reason.ends_with("does not run: libLLVM.so.22.1: cannot open"), "{reason}");
        Ok(())
    }

    #[test]
    fn the_library_s_name_tells_the_llvm() {
        let after = |mark: &str, text: &str| number_after(mark.as_bytes(), text.as_bytes());
        assert_eq!(after("libLLVM.so.", "lib\0libLLVM.so.x\0libLLVM.so.22.1\0"), Some(22));
        assert_eq!(after("libLLVM-", "\0libLLVM-19.so\0"), Some(19));
        assert_eq!(after("libLLVM-", "libLLVM.so.22"), None);
    }

    #[test]
    fn the_same_llvm_comes_before_a_newer_one_and_an_older_one_never() -> Result<()> {
        let machine = Machine::new("llvms")?;
        for folder in ["usr/lib/llvm-14", "usr/lib/llvm-23", "usr/lib64/llvm22"] {
            machine.file(&format!("{folder}/lib/libLLVM.so"), "")?;
        }
        // The runtime alone cannot be linked against.
        machine.file("usr/lib/llvm-24/lib/libLLVM.so.24.1", "")?;
        let major = |at_least| llvm(&machine.places(), at_least).map(|llvm| llvm.major);
        assert_eq!((major(22), major(23), major(24)), (Some(22), Some(23), None));
        Ok(())
    }

    #[test]
    fn objcopy_of_the_newest_llvm_or_of_rust() -> Result<()> {
        let machine = Machine::new("objcopy")?;
        let compiler = compiler(&machine, 22);
        let of_rust = machine.script("usr/lib/rustlib/host/bin/rust-objcopy", "true")?;
        assert_eq!(objcopy(&machine.places(), &compiler), Some(of_rust));
        machine.file("usr/lib/llvm-22/lib/libLLVM.so", "")?;
        let of_llvm = machine.script("usr/lib/llvm-22/bin/llvm-objcopy", "true")?;
        assert_eq!(objcopy(&machine.places(), &compiler), Some(of_llvm));
        Ok(())
    }
}

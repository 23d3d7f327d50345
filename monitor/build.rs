//! Puts what the agent carries into `OUT_DIR`: the eBPF object and the tables of names.
//!
//! `cargo xtask build` makes the object. Without it everything still compiles, around an empty file:
//! an agent of that kind can say so and nothing else, and every test without a kernel passes.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

#[path = "build/catalogue/mod.rs"]
mod catalogue;
#[path = "build/companies.rs"]
mod companies;
#[path = "build/names.rs"]
mod names;
#[path = "build/suffixes.rs"]
mod suffixes;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=data");
    println!("cargo::rerun-if-changed=src/naming/catalogue/terms.rs");
    for table in [behaviours, public_suffixes, companies] {
        if let Err(Refusal(objections)) = table(&out) {
            for objection in objections {
                println!("cargo::error={objection}");
            }
        }
    }
    programs(&out.join("programs.deflated"))
}

/// What is wrong with the data, a line each. It ends the build.
struct Refusal(Vec<String>);

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self(vec![error.to_string()])
    }
}

impl From<String> for Refusal {
    fn from(objection: String) -> Self {
        Self(vec![objection])
    }
}

/// The catalogue of behaviours.
fn behaviours(out: &Path) -> Result<(), Refusal> {
    let source = catalogue::compile("monitor/data/behaviours.toml", &data("behaviours.toml")?);
    Ok(fs::write(out.join("behaviours.rs"), source.map_err(Refusal)?)?)
}

/// The public-suffix list.
fn public_suffixes(out: &Path) -> Result<(), Refusal> {
    let file = "monitor/data/public_suffixes.txt";
    let names = suffixes::names(&data("public_suffixes.txt")?);
    let table = names.and_then(|names| names::table(&names));
    let table = table.map_err(|objection| format!("{file}: {objection}"))?;
    Ok(fs::write(out.join("public_suffixes.bin"), table)?)
}

/// The companies behind domains.
fn companies(out: &Path) -> Result<(), Refusal> {
    let (listed, own) = (data("companies.tsv")?, data("companies-own.tsv")?);
    let lists =
        [("monitor/data/companies.tsv", &*listed), ("monitor/data/companies-own.tsv", &*own)];
    let companies = companies::read(&lists).map_err(Refusal)?;
    fs::write(out.join("companies.bin"), names::table(&companies.domains)?)?;
    Ok(fs::write(out.join("companies.rs"), companies.source()?)?)
}

/// The text of a file of data.
fn data(name: &str) -> io::Result<String> {
    let file = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("data").join(name);
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot read {}: {error}", file.display()))
    };
    fs::read_to_string(&file).map_err(explain)
}

/// The eBPF object of this build, or an empty one.
fn programs(out: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=SORTIE_EBPF_OBJECT");
    if let Some(named) = env::var_os("SORTIE_EBPF_OBJECT") {
        let named = PathBuf::from(named);
        println!("cargo::rerun-if-changed={}", named.display());
        return pack(&named, out);
    }
    let object = default_object()?;
    if object.is_file() {
        println!("cargo::rerun-if-changed={}", object.display());
        return pack(&object, out);
    }
    watch_for(&object);
    println!("cargo::warning=no eBPF programs in this build; `cargo xtask build` makes them");
    fs::write(out, [])
}

/// Where xtask leaves the object for the machine that the agent is built for.
fn default_object() -> io::Result<PathBuf> {
    // The JIT of 32-bit Arm refuses BPF atomics.
    let counters = if variable("CARGO_CFG_TARGET_ARCH")? == "arm" { "percpu" } else { "atomic" };
    let order = if variable("CARGO_CFG_TARGET_ENDIAN")? == "big" { "bpfeb" } else { "bpfel" };
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    Ok(package.join("../target/ebpf").join(format!("programs-{counters}.{order}.o")))
}

/// Has cargo run this again when the object appears.
fn watch_for(object: &Path) {
    // Cargo takes a watched file that is absent for one that changed, each time, and would compile
    // the agent each time. The folder can be watched before the object is in it.
    let folder = object.parent().filter(|folder| fs::create_dir_all(folder).is_ok());
    println!("cargo::rerun-if-changed={}", folder.unwrap_or(object).display());
}

/// Level 10 is the best there is. xtask looks for the same bytes in what it built.
fn pack(object: &Path, out: &Path) -> io::Result<()> {
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot embed {}: {error}", object.display()))
    };
    let object = fs::read(object).map_err(explain)?;
    fs::write(out, miniz_oxide::deflate::compress_to_vec(&object, 10))
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

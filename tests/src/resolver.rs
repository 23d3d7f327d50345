//! Where programs on the stage ask for names.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::Scratch;

/// The files that tell the C library of a program where to ask.
#[derive(Clone, Debug)]
pub struct Resolver {
    files: Vec<(PathBuf, PathBuf)>,
}

impl Resolver {
    /// Asks this server and nobody else; the files are written to the directory under this prefix.
    pub fn new(scratch: &Scratch, prefix: &str, server: IpAddr) -> Self {
        let server = format!("nameserver {server}\n");
        let files = [
            ("resolv.conf", server.as_str()),
            ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ];
        let write = |(name, text): (&str, &str)| {
            let file = scratch.write(&format!("{prefix}-{name}"), text);
            (file, PathBuf::from("/etc").join(name))
        };
        Self { files: files.map(write).to_vec() }
    }

    /// The files, each with the one in whose place it is to be seen.
    pub fn files(&self) -> &[(PathBuf, PathBuf)] {
        &self.files
    }
}

//! The control socket, from the asking side.
//!
//! The client sends the line `snapshot`; the agent answers with one JSON document
//! ([`Document`]) and closes the connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::config::Config;
use crate::export::json::Document;
use crate::export::remembered::Past;
use crate::failure::Failure;

/// The name of the socket in the runtime directory.
pub const SOCKET_NAME: &str = "sortie.sock";

/// The question for a snapshot, as it is sent.
pub const QUESTION: &[u8] = b"snapshot\n";

/// How long the agent may take for its whole answer. One that has just started answers when its programs are
/// loaded, which took more than 10 s on a busy emulated router.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of the longest answer. A full ledger takes a quarter of it.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Asks the running agent what it knows.
///
/// # Errors
///
/// When no agent runs, when the user may not ask it, and when it does not answer in 30 s with a
/// document of at most 64 MiB that this version can read.
pub fn snapshot(config: &Config) -> Result<Document, Failure> {
    let answer = ask(config, QUESTION)?;
    let what = || format!("cannot read the agent's answer at {}", socket(config).display());
    Document::from_json(&answer)
        .map_err(|error| Failure::io(what(), io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Asks the running agent for what it remembers.
///
/// # Errors
///
/// As [`snapshot`].
pub fn past(config: &Config) -> Result<Past, Failure> {
    let answer = ask(config, b"past\n")?;
    let what = || format!("cannot read the agent's answer at {}", socket(config).display());
    serde_json::from_slice(&answer)
        .map_err(|error| Failure::io(what(), io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn socket(config: &Config) -> std::path::PathBuf {
    config.runtime_dir.join(SOCKET_NAME)
}

/// Sends a line to the running agent and gives what it answers.
///
/// # Errors
///
/// When no agent runs, when the user may not ask it, and when it does not answer in 30 s.
pub fn ask(config: &Config, question: &[u8]) -> Result<Vec<u8>, Failure> {
    let path = socket(config);
    let deadline = Instant::now() + PATIENCE;
    let mut stream = open(&path).map_err(|error| refused(error, &path, config))?;
    let answer = (stream.write_all(question)).and_then(|()| read(&mut stream, deadline));
    let what = || format!("cannot read the agent's answer at {}", path.display());
    answer.map_err(|error| Failure::io(what(), error))
}

/// Connects. `UnixStream::connect` would wait without end for an agent that no longer accepts.
fn open(path: &Path) -> io::Result<UnixStream> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

fn read(stream: &mut UnixStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        stream.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut chunk) {
            Ok(0) if answer.is_empty() => {
                let text = "it closed the connection instead; it may be ending, ask again";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            Ok(0) => return Ok(answer),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(late()),
            Err(error) => return Err(error),
        };
        if answer.len() + read > ANSWER_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 64 MiB"));
        }
        answer.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "none came within 30 seconds; is the agent stopped?")
}

/// Why there is no connection, and what to do.
fn refused(error: io::Error, path: &Path, config: &Config) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotADirectory => Failure::NoAgent { socket: path.to_owned() },
        io::ErrorKind::PermissionDenied => Failure::Privileges {
            what: format!("you may not ask the agent at {}", path.display()),
            remedy: match config.socket_group.as_str() {
                "" => "use sudo, or name a group of yours as `socket_group` in the agent's \
                       configuration"
                    .to_owned(),
                group => format!("use sudo, or become a member of the group `{group}`"),
            },
        },
        io::ErrorKind::WouldBlock => Failure::io(format!("cannot ask {}", path.display()), late()),
        _ => Failure::io(format!("cannot ask {}", path.display()), error),
    }
}

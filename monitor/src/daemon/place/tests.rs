//! One agent in a place, and its socket for those who may ask.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::os::unix::net::UnixStream;

use super::*;

/// A path for a runtime directory, which is removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("sortie-place-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name).join("run"))
    }

    fn take(&self) -> Result<Place, Failure> {
        Place::take(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.0.parent().map(fs::remove_dir_all);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn a_second_holder_is_told_of_the_first() {
    let directory = Directory::new("second");
    let first = directory.take().expect("it is free");
    let Err(Failure::AgentRunning { runtime_dir, pid }) = directory.take() else {
        unreachable!("it is held")
    };
    assert_eq!((runtime_dir, pid), (directory.0.clone(), Some(std::process::id())));
    drop(first);
    directory.take().expect("it is free again");
}

#[test]
fn what_an_earlier_agent_left_is_no_obstacle() {
    let directory = Directory::new("left");
    fs::create_dir_all(&directory.0).expect("a temporary directory");
    fs::write(directory.0.join(LOCK), "4294967295 and more than any id has\n").expect("ours");
    let place = directory.take().expect("nobody holds it");
    let id = fs::read_to_string(directory.0.join(LOCK)).expect("it is there");
    assert_eq!(id, format!("{}\n", std::process::id()));
    drop(place);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = Directory::new("file");
    let parent = directory.0.parent().expect("it has one");
    fs::write(parent, "no directory").expect("a temporary file");
    let Err(Failure::RuntimeDir { path, .. }) = directory.take() else {
        unreachable!("a file is in the way")
    };
    assert_eq!(path, directory.0);
    fs::remove_file(parent).expect("ours");
}

#[tokio::test]
async fn the_socket_is_root_s_or_a_group_s_and_replaces_a_dead_one() {
    let directory = Directory::new("socket");
    let place = directory.take().expect("it is free");
    let socket = directory.0.join(SOCKET);
    // An agent that was killed leaves its socket, and nobody listens there.
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("nobody has it"));
    UnixStream::connect(&socket).expect_err("nobody listens");
    let listener = place.listen("").expect("the dead one is removed");
    assert_eq!((mode(&socket), mode(&directory.0)), (0o600, 0o755));
    UnixStream::connect(&socket).expect("somebody listens");
    drop(listener);
    // In the same test, because listening changes the umask of the whole process for a moment.
    let Err(failure) = place.listen("no such group") else { unreachable!("nobody has it") };
    let text = failure.to_string();
    assert!(text.contains("no such group") && text.contains("socket_group"), "{text}");
    drop(place);
    assert!(!socket.exists(), "it stayed behind");
}

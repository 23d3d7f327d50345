//! Directories change hands when they are the agent's, and only then.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use super::*;

/// Nobody in particular.
const UID: u32 = 4_242;
const GID: u32 = 4_343;

/// A directory that is removed when dropped; `None` where the test is not root, who alone may give files
/// away.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root may give files away");
            return None;
        }
        let path = std::env::temp_dir().join(format!("sortie-give-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a temporary directory");
        Some(Self(path))
    }

    fn owner(&self, name: &str) -> (u32, u32) {
        let found = fs::symlink_metadata(self.0.join(name)).expect("it exists");
        (found.uid(), found.gid())
    }

    fn write(&self, name: &str) {
        fs::write(self.0.join(name), name).expect("a temporary file");
    }

    /// Gives the directory `state` in it away, whose files are `a` and `b`.
    fn give(&self) -> io::Result<()> {
        let user = User { name: "somebody".to_owned(), uid: UID, gid: GID };
        give(&self.0.join("state"), 0o700, &["a".to_owned(), "b".to_owned()], &user)
    }

    /// Why it is not given away.
    fn refused(&self) -> String {
        let error = self.give().expect_err("it is somebody's");
        let text = error.to_string();
        assert!(text.contains("`somebody`") && text.contains("`user`"), "{text}");
        text
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_directory_is_made_for_the_user_alone() {
    let Some(scratch) = Scratch::new("missing") else { return };
    scratch.give().expect("nothing is there");
    assert_eq!(scratch.owner("state"), (UID, GID));
    let mode = fs::metadata(scratch.0.join("state")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    // Nothing above it changes hands.
    assert_eq!(scratch.owner("."), (0, 0));
    scratch.give().expect("a second start changes nothing");
}

#[test]
fn what_an_agent_of_root_left_is_given_with_the_directory() {
    let Some(scratch) = Scratch::new("left") else { return };
    fs::create_dir(scratch.0.join("state")).expect("ours");
    scratch.write("state/a");
    scratch.give().expect("it holds nothing else");
    assert_eq!((scratch.owner("state"), scratch.owner("state/a")), ((UID, GID), (UID, GID)));
    // Root was there once more, by hand.
    scratch.write("state/b");
    scratch.give().expect("it is the user's already");
    assert_eq!(scratch.owner("state/b"), (UID, GID));
}

#[test]
fn what_is_somebody_s_stays_so() {
    let Some(scratch) = Scratch::new("others") else { return };
    let state = scratch.0.join("state");
    fs::create_dir(&state).expect("ours");
    scratch.write("state/letters");
    assert!(scratch.refused().contains("other files"));
    fs::remove_file(state.join("letters")).expect("ours");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o1777)).expect("ours");
    assert!(scratch.refused().contains("written by others"));
    chown(&state, Some(UID + 1), None).expect("root may");
    assert!(scratch.refused().contains("another user"));
    assert_eq!(scratch.owner("state").0, UID + 1);
}

#[test]
fn what_the_user_has_put_there_is_not_turned_into_its_own() {
    let Some(scratch) = Scratch::new("planted") else { return };
    scratch.give().expect("nothing is there");
    scratch.write("secret");
    scratch.write("other");
    symlink(scratch.0.join("secret"), scratch.0.join("state/a")).expect("nothing is in the way");
    fs::hard_link(scratch.0.join("other"), scratch.0.join("state/b")).expect("one file system");
    scratch.give().expect("it is the user's already");
    for name in ["secret", "other", "state/b"] {
        assert_eq!(scratch.owner(name), (0, 0), "{name}");
    }
}

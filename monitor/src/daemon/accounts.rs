//! Users and groups by their names, from `/etc/passwd` and `/etc/group`. Who is known to a directory
//! service only is not known here: services belong to users of the device.

use std::fs;
use std::path::Path;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// A user and the group it belongs to first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// The user of this name; `None` when there is none.
    pub(super) fn named(name: &str) -> Option<Self> {
        user(&read(PASSWD), name)
    }
}

/// The id of the group of this name; `None` when there is none.
pub(super) fn group_id(name: &str) -> Option<u32> {
    fields(&read(GROUP), name)?.nth(1)?.parse().ok()
}

/// A user in the text of a file as passwd(5) has it: name, password, user id, group id, and more.
fn user(text: &str, name: &str) -> Option<User> {
    let mut ids = fields(text, name)?.skip(1);
    let (uid, gid) = (ids.next()?.parse().ok()?, ids.next()?.parse().ok()?);
    Some(User { name: name.to_owned(), uid, gid })
}

/// What follows a name in the first line that begins with it.
fn fields<'a>(text: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    text.lines().find_map(|line| {
        let (found, rest) = line.split_once(':')?;
        (found == name && !name.is_empty()).then(|| rest.split(':'))
    })
}

/// Names in other encodings than UTF-8 keep nobody else from being found.
fn read(path: impl AsRef<Path>) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_their_whole_name() {
        assert_eq!(group_id("root"), Some(0));
        for name in ["", "roo", "root:", "x", "0"] {
            assert_eq!(group_id(name), None, "{name:?}");
        }
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        // Lines as passwd(5) shows them, and what a hand at the editor leaves.
        let text = "root:x:0:0:root:/root:/bin/sh\n\n# sortie:x:9:9::/:\nsort:x:1:1::/:\n\
                    sortie:x:1007:1008:Sortie network monitor:/:/bin/false\nshort:x:5\n\
                    huge:x:4294967296:1::/:\nodd:x:-1:1::/:\n:x:3:3::/:\n";
        let sortie = User { name: "sortie".to_owned(), uid: 1007, gid: 1008 };
        assert_eq!(user(text, "sortie"), Some(sortie));
        for name in ["", "x", "sor", "short", "huge", "odd", "1007", "sortie:x"] {
            assert_eq!(user(text, name), None, "{name:?}");
        }
        let root = User::named("root").map(|user| (user.uid, user.gid));
        assert_eq!(root, Some((0, 0)));
    }
}

//! The cgroup2 tree: where it is mounted, and which directory has which id.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories visited at most when an id is looked for.
const DIRECTORIES_MAX: usize = 20_000;

/// What the mount table says about cgroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mounts {
    /// Where the root of the cgroup2 tree is mounted.
    V2(PathBuf),
    /// Only hierarchies of version 1 are mounted.
    V1Only,
    /// No cgroup file system is mounted.
    None,
}

/// Finds the root of the cgroup2 tree in the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
///
/// A mount that shows only a part of the tree, as in a container, does not count: attached there, the
/// programs would miss everybody else. Of several mounts the last is the visible one.
pub fn find_mount(mountinfo: &str) -> Mounts {
    let mut found = Mounts::None;
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let mut fields = left.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else {
            continue;
        };
        match right.split(' ').next() {
            Some("cgroup2") if root == "/" => found = Mounts::V2(unescape(point).into()),
            Some("cgroup") if found == Mounts::None => found = Mounts::V1Only,
            _ => {}
        }
    }
    found
}

/// Replaces the octal escapes of the mount table: space, tab, newline and backslash.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// The path, from the root of the tree on and starting with `/`, of the cgroup with this id, which is
/// the inode number of its directory. `None` when it is gone.
///
/// Walks the tree breadth first: services and apps are near the root.
pub fn path_of(root: &Path, id: u64) -> Option<String> {
    let mut queue = VecDeque::from([root.to_owned()]);
    for _ in 0..DIRECTORIES_MAX {
        let directory = queue.pop_front()?;
        if fs::metadata(&directory).is_ok_and(|metadata| is_number_of(metadata.ino(), id)) {
            let path = directory.strip_prefix(root).ok()?;
            return Some(format!("/{}", path.to_string_lossy()));
        }
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        let directories =
            entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
        queue.extend(directories.map(|entry| entry.path()));
    }
    None
}

/// Whether `ino` is the inode number of the cgroup `id`. Kernels of 32 bits number inodes in as many and
/// put a generation into the upper half of the id (`fs/kernfs/dir.c`, `kernfs_create_root`).
fn is_number_of(ino: u64, id: u64) -> bool {
    ino == id || cfg!(target_pointer_width = "32") && ino == id & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn check(mountinfo: &str, expected: &Mounts) {
        assert_eq!(&find_mount(mountinfo), expected, "{mountinfo}");
    }

    #[test]
    fn the_tree_is_found_wherever_it_is() {
        let v2 = |path: &str| Mounts::V2(path.into());
        check("25 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n", &v2("/sys/fs/cgroup"));
        check(
            "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n",
            &v2("/sys/fs/cgroup/unified"),
        );
        check("31 25 0:27 / /mnt/a\\040b rw shared:1 - cgroup2 none rw\n", &v2("/mnt/a b"));
    }

    #[test]
    fn a_part_of_the_tree_is_not_the_tree() {
        check("31 25 0:27 /docker/1 /sys/fs/cgroup ro - cgroup2 none rw\n", &Mounts::None);
    }

    #[test]
    fn version_1_alone_is_told_apart_from_nothing() {
        check("30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", &Mounts::V1Only);
        check("22 1 0:21 / /proc rw - proc proc rw\nnonsense\n", &Mounts::None);
    }

    #[test]
    fn a_directory_is_found_by_its_inode() {
        let root = std::env::temp_dir().join(format!("sortie-cgroups-{}", std::process::id()));
        let inner = root.join("system.slice").join("a.service");
        fs::create_dir_all(&inner).expect("a temporary directory");
        let id = fs::metadata(&inner).expect("it was just made").ino();
        assert_eq!(path_of(&root, id).as_deref(), Some("/system.slice/a.service"));
        assert_eq!(path_of(&root, 0), None);
        fs::remove_dir_all(&root).expect("it was just made");
    }
}

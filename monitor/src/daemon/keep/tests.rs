#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A disk in memory that loses what was not synced when the power is cut: of a file any part of its
/// bytes, and of renames and removals since the last sync all from some point on.
#[derive(Clone, Debug, Default)]
struct Fragile {
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes of each file that are safe; `None` when all are.
    unsafe_names: Vec<String>,
    /// The names as they were, before each change since the last sync.
    history: Vec<BTreeMap<String, Vec<u8>>>,
    /// Steps until it fails, each byte written being one.
    steps: usize,
    error: Option<io::ErrorKind>,
}

impl Fragile {
    fn new(steps: usize, error: io::ErrorKind) -> Self {
        Self { steps, error: Some(error), ..Self::default() }
    }

    fn step(&mut self, steps: usize) -> io::Result<usize> {
        let done = steps.min(self.steps);
        self.steps -= done;
        match self.error {
            Some(kind) if done < steps => Err(kind.into()),
            _ => Ok(done),
        }
    }

    fn change(&mut self) {
        self.history.push(self.files.clone());
    }

    /// All states the disk may be in after the power was cut.
    fn after_cut(&self) -> Vec<BTreeMap<String, Vec<u8>>> {
        let mut states = self.history.clone();
        states.push(self.files.clone());
        let mut cut = Vec::new();
        for state in states {
            for name in &self.unsafe_names {
                if let Some(bytes) = state.get(name) {
                    for length in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
                        let mut state = state.clone();
                        state.insert(name.clone(), bytes[..length].to_vec());
                        cut.push(state);
                    }
                    let mut state = state.clone();
                    state.insert(name.clone(), vec![0; bytes.len()]);
                    cut.push(state);
                }
            }
            cut.push(state);
        }
        cut
    }
}

impl Disk for Fragile {
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change();
        self.files.insert(name.to_owned(), Vec::new());
        self.unsafe_names.push(name.to_owned());
        for byte in bytes {
            self.step(1)?;
            self.files.get_mut(name).expect("it was made").push(*byte);
        }
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.step(1)?;
        self.unsafe_names.retain(|other| other != name);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step(1)?;
        self.change();
        let bytes = self.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files.insert(to.to_owned(), bytes);
        for name in &mut self.unsafe_names {
            if name == from {
                to.clone_into(name);
            }
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.step(1)?;
        self.change();
        self.files.remove(name);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.step(1)?;
        self.history.clear();
        Ok(())
    }

    fn has(&mut self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// A file is whole if it begins and ends as it should; what lies between is its content.
fn decode(bytes: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "no text")?;
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.map(str::to_owned).ok_or("not whole")
}

fn loaded(files: BTreeMap<String, Vec<u8>>) -> (Option<String>, Vec<Notice>) {
    let mut disk = Fragile { files, ..Fragile::default() };
    load(&mut disk, decode)
}

/// Whenever the power is cut, the generation before or the new one is there, and never half of one.
#[test]
fn a_power_cut_at_every_step_loses_at_most_the_last_write() {
    let mut cuts = 0;
    for steps in 0.. {
        let mut disk = Fragile::new(usize::MAX, io::ErrorKind::Other);
        save(&mut disk, b"<one>").expect("there is room");
        save(&mut disk, b"<two>").expect("there is room");
        disk.steps = steps;
        let done = save(&mut disk, b"<three>");
        for state in disk.after_cut() {
            cuts += 1;
            let (value, _) = loaded(state.clone());
            let value = value.expect("one generation is whole");
            assert!(value == "two" || value == "three", "{steps} steps: {value:?} of {state:?}");
            assert!(done.is_err() || value == "three", "a write that was done is lost: {state:?}");
        }
        if done.is_ok() {
            assert_eq!(steps, b"<three>".len() + 4, "bytes, two syncs, two renames");
            break;
        }
    }
    assert!(cuts > 50, "only {cuts} cuts were tried");
}

/// The check above finds a write that does not sync.
#[test]
fn without_syncing_a_power_cut_would_cost_everything() {
    let mut disk = Fragile::new(usize::MAX, io::ErrorKind::Other);
    disk.write(FILE, b"<one>").expect("there is room");
    let lost = disk.after_cut().into_iter().any(|state| loaded(state).0.is_none());
    assert!(lost);
}

#[test]
fn a_full_or_read_only_disk_keeps_what_is_there() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
        let mut disk = Fragile::new(usize::MAX, kind);
        save(&mut disk, b"<one>").expect("there is room");
        disk.steps = 3;
        let error = save(&mut disk, b"<two>").expect_err("the disk is full");
        assert_eq!(error.kind(), kind);
        assert_eq!(loaded(disk.files.clone()).0.as_deref(), Some("one"));
        disk.steps = usize::MAX;
        save(&mut disk, b"<two>").expect("there is room again");
        assert_eq!(loaded(disk.files).0.as_deref(), Some("two"));
    }
}

#[test]
fn what_cannot_be_read_is_kept_aside_and_said() {
    let mut disk = Fragile::default();
    for number in 1..=6 {
        disk.files.insert(FILE.to_owned(), format!("broken {number}").into());
        disk.files.insert(PREVIOUS.to_owned(), b"<good>".to_vec());
        let (value, notices) = load(&mut disk, decode);
        assert_eq!(value.as_deref(), Some("good"));
        let kept = number.min(ASIDE_MAX);
        assert_eq!(disk.files[&format!("{ASIDE}{kept}")], format!("broken {number}").into_bytes());
        assert_eq!(
            notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                format!(
                    "the file `memory` cannot be used: not whole; \
                     it is kept as `memory.unreadable.{kept}`"
                ),
                "the last write is lost, the one before it is used".to_owned(),
            ]
        );
        assert!(!disk.has(FILE));
    }
    assert_eq!(disk.files.len(), 1 + usize::try_from(ASIDE_MAX).expect("it is small"));
}

#[test]
fn nothing_there_is_the_first_start() {
    let (value, notices) = loaded(BTreeMap::new());
    assert!(value.is_none() && notices.is_empty());
}

#[test]
fn erasing_leaves_one_generation_and_nothing_aside() {
    let mut disk = Fragile { steps: usize::MAX, ..Fragile::default() };
    save(&mut disk, b"<secret 1>").expect("there is room");
    disk.files.insert(format!("{ASIDE}2"), b"secret 2".to_vec());
    save(&mut disk, b"<secret 3>").expect("there is room");
    save_and_erase(&mut disk, b"<clean>").expect("there is room");
    assert_eq!(disk.files, BTreeMap::from([(FILE.to_owned(), b"<clean>".to_vec())]));
}

#[test]
fn the_real_disk_does_the_same() {
    let path = std::env::temp_dir().join(format!("sortie-keep-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    let mut disk = Directory::open(&path).expect("the temporary directory is writable");
    save(&mut disk, b"<one>").expect("there is room");
    save(&mut disk, b"<two>").expect("there is room");
    let mode = |name: &str| {
        fs::metadata(path.join(name)).expect("it was written").permissions().mode() & 0o7777
    };
    assert_eq!((mode(""), mode(FILE), mode(PREVIOUS)), (0o700, 0o600, 0o600));
    assert!(!disk.has(NEXT));

    // Cut at every byte.
    for length in 0..5 {
        fs::write(path.join(FILE), &b"<two>"[..length]).expect("it is writable");
        let (value, notices) = load(&mut disk, decode);
        assert_eq!((value.as_deref(), notices.len()), (Some("one"), 2), "{length} bytes");
    }
    save_and_erase(&mut disk, b"<three>").expect("there is room");
    let names: Vec<_> = fs::read_dir(&path).expect("it is there").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(load(&mut disk, decode).0.as_deref(), Some("three"));

    // A link in place of the file is not followed.
    fs::remove_file(path.join(FILE)).expect("it is there");
    std::os::unix::fs::symlink("/nonexistent/target", path.join(NEXT)).expect("links can be made");
    save(&mut disk, b"<four>").expect("the link is replaced");
    assert_eq!(load(&mut disk, decode).0.as_deref(), Some("four"));
    fs::remove_dir_all(&path).expect("it was made here");
}

//! What a machine said, read: the verdict of each case, and what it found out.

use std::time::Duration;

/// How one machine did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) machine: String,
    /// The kernel's own name for itself.
    pub(super) release: String,
    pub(super) passed: Vec<String>,
    /// Cases with what they complained about, skipped ones among them.
    pub(super) failed: Vec<(String, String)>,
    /// Cases that the kernel is too old for.
    pub(super) skipped: Vec<String>,
    /// Resident memory, its peak (KiB) and the kernel's memory for maps (bytes).
    pub(super) memory: Option<[u64; 3]>,
    /// Why there is no verdict at all.
    pub(super) lost: Option<String>,
    /// Why it could not be booted: nothing is known of it then.
    pub(super) absent: Option<String>,
    pub(super) took: Duration,
}

impl Verdict {
    /// Of a machine that cannot be had.
    pub(super) fn absent(machine: String, why: &str) -> Self {
        Self { machine, absent: Some(why.to_owned()), ..Self::default() }
    }

    /// Reads the lines that begin with `vm: ` on the console.
    pub(super) fn read(machine: String, lines: &[String], took: Duration) -> Self {
        let mut verdict = Self { machine, took, ..Self::default() };
        let mut is_told = false;
        for line in lines {
            let mut words = line.splitn(5, ' ');
            match [(); 3].map(|()| words.next().unwrap_or_default()) {
                ["kernel", release, _] => release.clone_into(&mut verdict.release),
                ["case", name, "ok"] => verdict.passed.push(name.to_owned()),
                ["case", name, "skipped"] => verdict.skipped.push(name.to_owned()),
                ["case", name, _] => {
                    let text = words.nth(1).unwrap_or_default();
                    verdict.failed.push((name.to_owned(), text.to_owned()));
                }
                ["fact", "memory", _] => verdict.memory = memory(line),
                ["verdict", word, _] => is_told = word == "ok" || word == "failed",
                _ => {}
            }
        }
        if !is_told {
            let last = lines.last().map_or("nothing", String::as_str);
            verdict.lost = Some(format!("no verdict; the last it said: {last}"));
        }
        verdict
    }

    /// Whether everything that had to pass did.
    pub(super) fn is_ok(&self) -> bool {
        self.absent.is_none()
            && self.lost.is_none()
            && self.failed.is_empty()
            && !self.passed.is_empty()
    }

    /// One line, and one for each case that failed.
    pub(super) fn text(&self) -> String {
        if let Some(why) = &self.absent {
            return format!("{:<7} {:<22} {}\n", "ABSENT", self.machine, why.replace('\n', " "));
        }
        let word = if self.is_ok() { "ok" } else { "FAILED" };
        let skipped = match self.skipped.as_slice() {
            [] => String::new(),
            skipped => format!(", too old for {}", skipped.join(", ")),
        };
        let memory = self.memory.map_or(String::new(), |[now, peak, maps]| {
            format!(", {now} KiB resident (peak {peak}), maps {} KiB", maps / 1024)
        });
        let mut text = format!(
            "{word:<7} {:<22} {:<28} {} of {} cases{skipped}{memory} ({} s)\n",
            self.machine,
            self.release,
            self.passed.len(),
            self.passed.len() + self.failed.len(),
            self.took.as_secs(),
        );
        let lost = self.lost.iter().map(|lost| format!("        {lost}\n"));
        let failed = self.failed.iter().map(|(case, complaint)| {
            format!("        {case}: {}\n", complaint.replace(" | ", "\n          "))
        });
        text.extend(lost.chain(failed));
        text
    }
}

fn memory(line: &str) -> Option<[u64; 3]> {
    let number = |name: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(name)).and_then(|text| text.parse().ok())
    };
    Some([number("resident_kib=")?, number("peak_kib=")?, number("maps_bytes=")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Verdict {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Verdict::read("m".to_owned(), &lines, Duration::ZERO)
    }

    #[test]
    fn all_must_pass_and_the_end_be_told() {
        let lines = [
            "kernel 6.1.0",
            "case tcp ok 1.0 ",
            "fact memory resident_kib=1 peak_kib=2 maps_bytes=3",
        ];
        let lost = read(&lines);
        assert!(!lost.is_ok(), "{lost:?}");
        let told = read(&[&lines[..], &["verdict ok 1 passed, 0 failed"]].concat());
        assert!(told.is_ok(), "{told:?}");
        assert_eq!((told.release.as_str(), told.memory), ("6.1.0", Some([1, 2, 3])));
        assert!(!read(&["verdict ok 0 passed, 0 failed"]).is_ok());
    }

    #[test]
    fn what_cannot_be_had_has_neither_passed_nor_failed() {
        let absent = Verdict::absent("m".to_owned(), "no emulator");
        assert!(!absent.is_ok());
        let text = absent.text();
        assert!(text.starts_with("ABSENT") && text.ends_with(" no emulator\n"), "{text}");
    }

    #[test]
    fn a_failed_case_keeps_its_complaint() {
        let verdict =
            read(&["case udp failed 3.0 one | two words", "case tcp ok 1.0 ", "verdict failed x"]);
        assert_eq!(verdict.failed, [("udp".to_owned(), "one | two words".to_owned())]);
        assert!(!verdict.is_ok());
        assert!(verdict.text().contains("1 of 2 cases"), "{}", verdict.text());
    }
}

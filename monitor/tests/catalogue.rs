//! What the build refuses in the data of the naming layer, and the page that shows the catalogue.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../build/catalogue/mod.rs"]
mod catalogue;
#[path = "../build/companies.rs"]
#[expect(dead_code, reason = "the build writes what is only read here")]
mod companies;
#[path = "../build/suffixes.rs"]
mod suffixes;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use monitor::naming::catalogue::{Behaviour, BehaviourId, Cadence, Period};

/// An entry to which nothing can be objected.
const GOOD: &str = r#"[[behaviour]]
id = "some-thing"
name = "Some thing"
vendor = "Vendor"
software = ["app"]
category = "push"
match = [{ exact = "a.example.org" }, { suffix = "b.example.org", port = 443, transport = "tcp" }]
cadence = { period_s = 60 }
claims = ["Documented as a thing."]
evidence.grade = "B"
evidence.observed = 2026
evidence.sources = ["https://example.org/source"]
"#;

/// The objections to the good entry with one change.
fn objections(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    catalogue::compile("x.toml", &text).unwrap_err().join("\n")
}

#[test]
fn a_good_entry_compiles() {
    let source = catalogue::compile("x.toml", GOOD).unwrap();
    assert!(source.contains("static BEHAVIOURS: [Behaviour; 1]"), "{source}");
    assert!(source.contains("static RULES: [Rule; 2]"), "{source}");
    assert!(source.contains("KEY_LABELS_MAX: usize = 3"), "{source}");
}

#[test]
fn objections_name_the_line_and_the_entry() {
    for (from, to, expected) in [
        ("some-thing", "Some_Thing", "2: `Some_Thing`: the id is not words joined by hyphens"),
        ("\"Some thing\"", "\" \"", "3: `some-thing`: the name is empty"),
        ("[\"app\"]", "[]", "5: `some-thing`: no software is named"),
        ("\"push\"", "\"pushing\"", "6: `some-thing`: there is no category `pushing`"),
        ("a.example.org", "A.example.org", "7: `some-thing`: `A.example.org` is no host name"),
        ("a.example.org", "example", "7: `some-thing`: `example` is no host name"),
        ("a.example.org", "b..example", "7: `some-thing`: `b..example` is no host name"),
        (
            "exact = \"a.",
            "label = \"a.",
            "7: `some-thing`: `a.example.org` is no name with one `*`",
        ),
        ("exact = \"a.", "label = \"a*b*.", "7: `some-thing`: `a*b*.example.org` is no name with"),
        ("exact = \"a.", "label = \"a.*.", "7: `some-thing`: `a.*.example.org` is no name with"),
        (", port = 443", ", exact = \"c.d\"", "7: `some-thing`: a rule is one of"),
        ("443", "0", "7: `some-thing`: port 0"),
        ("period_s = 60", "period_s = 0", "8: `some-thing`: zero seconds"),
        ("period_s = 60", "jitter_s = 1", "8: `some-thing`: the cadence says nothing"),
        (
            "period_s = 60",
            "period_s = 60, calendar = \"monthly\"",
            "8: `some-thing`: both a period and a calendar",
        ),
        ("Documented as", "It is", "9: `some-thing`: the claim does not say `documented as`"),
        ("a thing.", "spying.", "9: `some-thing`: `spying` is a verdict"),
        ("\"B\"", "\"D\"", "10: `some-thing`: there is no grade `D`"),
        ("2026", "1999", "11: `some-thing`: 1999 is no year of evidence"),
        ("[\"https://example.org/source\"]", "[]", "12: `some-thing`: there is no source"),
        (
            "https://",
            "http://",
            "12: `some-thing`: `http://example.org/source` is no https address",
        ),
    ] {
        let told = objections(from, to);
        assert!(told.starts_with(&format!("x.toml:{expected}")), "{to}: {told}");
    }
}

#[test]
fn what_is_not_of_the_form_is_refused_with_its_line() {
    for (from, to, line) in [
        ("vendor = \"Vendor\"\n", "", 1),
        ("software", "softwear", 5),
        ("\"tcp\"", "\"sctp\"", 7),
        ("period_s", "every_s", 8),
        ("443", "65536", 7),
        ("2026", "twenty", 11),
    ] {
        let told = objections(from, to);
        assert!(told.starts_with(&format!("x.toml:{line}: ")), "{to}: {told}");
    }
    assert!(catalogue::compile("x.toml", "behaviour = []").is_err(), "nothing at all");
}

#[test]
fn entries_must_not_contradict_each_other() {
    let twice = format!("{GOOD}{GOOD}");
    let told = catalogue::compile("x.toml", &twice).unwrap_err().join("\n");
    assert!(told.contains("x.toml:14: `some-thing`: the id is taken"), "{told}");
    assert!(told.contains("x.toml:19: `some-thing`: the rule is there, in `some-thing`"), "{told}");
    // Five rules that one host would match.
    let many = ["e.org", "d.e.org", "c.d.e.org", "b.c.d.e.org", "a.b.c.d.e.org"];
    let many: Vec<String> = many.iter().map(|name| format!("{{ suffix = \"{name}\" }}")).collect();
    let told = objections("{ exact = \"a.example.org\" }", &many.join(", "));
    assert!(told.contains("5 rules for a.b.c.d.e.org; 4 is the limit"), "{told}");
    let fewer = GOOD.replace("{ exact = \"a.example.org\" }", &many[1..].join(", "));
    assert!(catalogue::compile("x.toml", &fewer).is_ok());
}

#[test]
fn rules_of_one_key_go_from_the_most_specific_to_the_least() {
    let order = |rules: &[&str]| {
        let text = GOOD.replace("{ exact = \"a.example.org\" }", &rules.join(", "));
        let source = catalogue::compile("x.toml", &text).unwrap();
        let lines = source.lines().filter(|line| line.contains("key: \"e.org\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let names =
        order(&["{ suffix = \"e.org\" }", "{ label = \"a*.e.org\" }", "{ label = \"ab*.e.org\" }"]);
    assert!(names[0].contains("head: \"ab\""), "{names:?}");
    assert!(names[1].contains("head: \"a\""), "{names:?}");
    assert!(names[2].contains("Suffix"), "{names:?}");
    let ports = order(&[
        "{ exact = \"e.org\" }",
        "{ exact = \"e.org\", transport = \"udp\" }",
        "{ exact = \"e.org\", port = 1 }",
        "{ exact = \"e.org\", port = 1, transport = \"udp\" }",
    ]);
    let bound = |line: &str| (line.contains(" port: Some"), line.contains(" transport: Some"));
    let bound: Vec<_> = ports.iter().map(|line| bound(line)).collect();
    assert_eq!(bound, [(true, true), (true, false), (false, true), (false, false)]);
}

#[test]
fn lists_of_companies_are_checked() {
    let told = |text| companies::read(&[("x.tsv", text)]).unwrap_err().join("\n");
    assert_eq!(told("# fine\na.org A"), "x.tsv:2: no tab between domain and company");
    assert_eq!(told("A.org\tA"), "x.tsv:1: `A.org` is no domain in lower case");
    assert_eq!(told("org\tA"), "x.tsv:1: `org` is no domain in lower case");
    assert_eq!(told("a.org\tA\na.org\tA"), "x.tsv:2: `a.org` is there twice");
    assert!(told("a.org\t A").contains("is no name of at most"));
    assert!(told(&format!("a.org\t{}", "A".repeat(49))).contains("is no name of at most"));
    let lists = [("x.tsv", "a.org\tA\nb.a.org\tA\nc.a.org\tB"), ("y.tsv", "c.a.org\tA\nd.org\tD")];
    let companies = companies::read(&lists).unwrap();
    let domains: Vec<_> = companies.domains.into_iter().collect();
    assert_eq!(domains, [("a.org".to_owned(), 0), ("d.org".to_owned(), 1)], "the later list wins");
    assert_eq!(companies.names, ["A", "D"]);
}

#[test]
fn rules_of_suffixes_are_checked() {
    let names = suffixes::names("// fine\n*.ck\n!www.ck\nck\n").unwrap();
    let names: Vec<_> = names.into_iter().collect();
    assert_eq!(names, [("ck".to_owned(), 3), ("www.ck".to_owned(), 4)]);
    assert_eq!(suffixes::names("a\n*.*.b").unwrap_err(), "line 2: `*.*.b` is no rule");
    assert!(suffixes::names("a b").is_err());
}

#[test]
fn behaviours_md_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("BEHAVIOURS.md");
    let document = document();
    let is_fresh = fs::read_to_string(&file).is_ok_and(|written| written == document);
    if !is_fresh {
        fs::write(&file, document).unwrap();
    }
    assert!(is_fresh, "BEHAVIOURS.md did not match the catalogue and was written anew");
}

fn document() -> String {
    let mut text = String::from(
        "# Behaviours\n\n\
         What contact with a host is documented to be. This file is made from `data/behaviours.toml` \
         by a test.\n\n\
         * An entry repeats, in this project's words, what others published: it says what contact with \
         a host is known for, not what an app does now.\n\
         * Grades: **A** code that was read, or decrypted traffic; **B** words of the maker or of a \
         regulator; **C** public lists of hosts only.\n\
         * What companies do with data once they have it is not visible on a device.\n\n\
         | id | name | vendor | category | grade |\n|---|---|---|---|---|\n",
    );
    let behaviours: Vec<&Behaviour> = BehaviourId::all().map(BehaviourId::behaviour).collect();
    for Behaviour { id, name, vendor, category, grade, .. } in &behaviours {
        let (category, grade) = (category.label(), grade.label());
        writeln!(text, "| [`{id}`](#{id}) | {name} | {vendor} | `{category}` | {grade} |").unwrap();
    }
    for behaviour in behaviours {
        let Behaviour { id, name, claims, sources, software, observed, .. } = behaviour;
        writeln!(text, "\n## `{id}`\n\n{name}. Known from: {}.\n", software.join(", ")).unwrap();
        for claim in *claims {
            writeln!(text, "* {claim}").unwrap();
        }
        let cadence = behaviour.cadence.map(|cadence| format!("Cadence: {}.", spelt(cadence)));
        let transport = behaviour.transport.map(|transport| format!("Transport: {transport}."));
        for line in [cadence, transport, behaviour.note.map(str::to_owned)].into_iter().flatten() {
            writeln!(text, "* {line}").unwrap();
        }
        let sources: Vec<String> = sources.iter().map(|source| format!("<{source}>")).collect();
        writeln!(text, "\nSources ({observed}): {}", sources.join(", ")).unwrap();
    }
    text
}

fn spelt(cadence: Cadence) -> String {
    let first = cadence.first_after_s.map(|seconds| format!("first after {seconds} s"));
    let period = cadence.period.map(|period| match period {
        Period::Seconds(seconds) => format!("every {seconds} s"),
        Period::Monthly => "each month on the same day".to_owned(),
    });
    let jitter = cadence.jitter_s.map(|seconds| format!("up to {seconds} s late"));
    [first, period, jitter].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

//! Databases that the test writes itself, after the public description of the format
//! (maxmind.github.io/MaxMind-DB, version 2.0); what they say is also asked of another reader, the crate
//! `maxminddb`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::*;
use crate::config::Detail;
use crate::failure::Exit;

/// A value of the data section.
#[derive(Clone)]
enum Value {
    Text(&'static str),
    U16(u16),
    U32(u32),
    U64(u64),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
    /// To something that was written before, in that many bytes after the first.
    Pointer(u8, usize),
    Yes,
}

use Value::{List, Map, Pointer, Text, U16, U32, U64, Yes};

impl Value {
    /// "Data Field Format": a control byte with type and size, the rest of both, and what it holds.
    fn write(&self, to: &mut Vec<u8>) {
        if let Pointer(bytes, target) = self {
            return to.extend(pointer(*bytes, *target));
        }
        let (kind, size): (u8, _) = match self {
            Pointer(..) => (1, 0),
            Yes => (14, 1),
            Text(text) => (2, text.len()),
            U16(_) => (5, 2),
            U32(_) => (6, 4),
            Map(pairs) => (7, pairs.len()),
            U64(_) => (9, 8),
            List(items) => (11, items.len()),
        };
        let in_byte = match size {
            0..29 => u8::try_from(size).expect("less than 29"),
            29..285 => 29,
            _ => 30,
        };
        to.push(if kind < 8 { kind << 5 } else { 0 } | in_byte);
        to.extend((kind >= 8).then(|| kind - 7));
        match in_byte {
            29 => to.push(u8::try_from(size - 29).expect("less than 285")),
            30 => to.extend(u16::try_from(size - 285).expect("short enough").to_be_bytes()),
            _ => {}
        }
        match self {
            Text(text) => to.extend(text.as_bytes()),
            U16(number) => to.extend(number.to_be_bytes()),
            U32(number) => to.extend(number.to_be_bytes()),
            U64(number) => to.extend(number.to_be_bytes()),
            List(items) => items.iter().for_each(|item| item.write(to)),
            Map(pairs) => pairs.iter().for_each(|(key, value)| {
                Text(key).write(to);
                value.write(to);
            }),
            Pointer(..) | Yes => {}
        }
    }
}

/// "pointer - 1": three bits and one to three bytes, less what shorter ones reach, or four bytes.
fn pointer(bytes: u8, target: usize) -> Vec<u8> {
    let less = [0, 2_048, 526_336, 0][usize::from(bytes - 1)];
    let value = u32::try_from(target - less).expect("a short database").to_be_bytes();
    let high = if bytes == 4 { 0 } else { value[usize::from(3 - bytes)] };
    assert!(high < 8, "{target} takes more than {bytes} bytes");
    let mut written = vec![1 << 5 | (bytes - 1) << 3 | high];
    written.extend(&value[usize::from(4 - bytes)..]);
    written
}

/// A node's two records: whole bytes, or 28 bits of which the highest four share the byte between.
fn node(bits: u16, [left, right]: [u32; 2]) -> Vec<u8> {
    let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
    match bits {
        24 => [&l[1..], &r[1..]].concat(),
        28 => [&l[1..], &[l[0] << 4 | r[0]], &r[1..]].concat(),
        _ => [l, r].concat(),
    }
}

/// A database of networks and what is said of each, with records of 24 bits.
fn database(ip_version: u16, kind: &'static str, networks: &[(&str, Value)]) -> Vec<u8> {
    database_of(24, ip_version, kind, networks)
}

fn database_of(
    record_bits: u16,
    ip_version: u16,
    kind: &'static str,
    networks: &[(&str, Value)],
) -> Vec<u8> {
    let mut nodes: Vec<[Option<usize>; 2]> = vec![[None; 2]];
    let mut leaves = Vec::new();
    let mut data = Vec::new();
    for (network, value) in networks {
        let (address, length) = network.split_once('/').expect("a network");
        let length: usize = length.parse().expect("a length");
        let bits = match (address.parse().expect("an address"), ip_version) {
            (IpAddr::V4(v4), 4) => (u128::from(v4.to_bits()) << 96, length),
            (IpAddr::V4(v4), _) => (u128::from(v4.to_bits()), length + 96),
            (IpAddr::V6(v6), _) => (v6.to_bits(), length),
        };
        let mut at = 0;
        for depth in 0..bits.1 - 1 {
            let side = usize::from(bits.0 >> (127 - depth) & 1 == 1);
            at = nodes[at][side].unwrap_or_else(|| {
                nodes.push([None; 2]);
                let new = nodes.len() - 1;
                nodes[at][side] = Some(new);
                new
            });
        }
        leaves.push((at, usize::from(bits.0 >> (128 - bits.1) & 1 == 1), data.len()));
        value.write(&mut data);
    }
    let count = nodes.len();
    for (node, side, offset) in leaves {
        nodes[node][side] = Some(count + 16 + offset);
    }
    let mut bytes = Vec::new();
    for records in nodes {
        let records = records.map(|record| record.unwrap_or(count));
        bytes.extend(node(record_bits, records.map(|record| u32::try_from(record).expect("few"))));
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    Map(vec![
        ("binary_format_major_version", U16(2)),
        ("binary_format_minor_version", U16(0)),
        ("build_epoch", U64(1_700_000_000)),
        ("database_type", Text(kind)),
        ("description", Map(vec![("en", Text("for a test"))])),
        ("ip_version", U16(ip_version)),
        ("languages", List(vec![Text("en")])),
        ("node_count", U32(u32::try_from(count).expect("few nodes"))),
        ("record_size", U16(record_bits)),
    ])
    .write(&mut bytes);
    bytes
}

fn iso(code: &'static str) -> Value {
    Map(vec![
        ("names", Map(vec![("en", Text("a country with quite a long name"))])),
        ("iso_code", Text(code)),
    ])
}

fn countries() -> Vec<u8> {
    let both = Map(vec![("country", iso("DE")), ("registered_country", iso("FR"))]);
    database(
        6,
        "Test-Country",
        &[
            ("192.0.2.0/24", both),
            ("198.51.100.0/25", Map(vec![("country", iso("JP"))])),
            ("2001:db8:1::/48", Map(vec![("country_code", Text("BR"))])),
            ("2001:db8:2::/48", Map(vec![("country", Text("Peru")), ("country_code", Text("PE"))])),
        ],
    )
}

fn networks() -> Vec<u8> {
    let orange = vec![
        ("autonomous_system_number", U32(3215)),
        ("autonomous_system_organization", Text("Orange")),
    ];
    let other =
        vec![("asn", Text("AS64500")), ("as_name", Text("Example")), ("country_code", Text("NZ"))];
    database(4, "Test-ASN", &[("192.0.2.0/24", Map(orange)), ("198.51.100.0/24", Map(other))])
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sortie-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(country_database: PathBuf, asn_database: PathBuf) -> Config {
    Config { country_database, asn_database, ..Config::default() }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn addresses_of_both_versions_have_origins() {
    let scratch = Scratch::new("origins");
    let countries = scratch.file("countries.mmdb", &countries());
    let networks = scratch.file("networks.mmdb", &networks());
    let origins =
        open(&config(countries, networks)).expect("both can be used").expect("there are some");
    let cases = [
        ("192.0.2.1", Origin::new(Some("FR"), Some(3215), Some("Orange"))),
        ("::ffff:192.0.2.255", Origin::new(Some("FR"), Some(3215), Some("Orange"))),
        ("192.0.3.0", Origin::default()),
        ("198.51.100.127", Origin::new(Some("JP"), Some(64500), Some("Example"))),
        ("198.51.100.128", Origin::new(None, Some(64500), Some("Example"))),
        ("2001:db8:1::1", Origin::new(Some("BR"), None, None)),
        ("2001:db8:2:ffff::", Origin::new(Some("PE"), None, None)),
        ("2001:db8:3::", Origin::default()),
    ];
    for (text, expected) in cases {
        assert_eq!(origins.origin(address(text)), expected, "{text}");
    }
}

#[test]
fn one_file_can_serve_both_keys_and_none_is_kept_at_counts() {
    let scratch = Scratch::new("origins-one");
    let file = scratch.file("both.mmdb", &networks());
    let config = config(file.clone(), file);
    let origins = open(&config).expect("it tells both").expect("there are some");
    let expected = Origin::new(Some("NZ"), Some(64500), Some("Example"));
    assert_eq!(origins.origin(address("198.51.100.1")), expected);
    let counts = Config { detail: Detail::Counts, ..config };
    assert!(open(&counts).expect("it can be used").is_none());
    assert!(open(&Config::default()).expect("nothing to read").is_none());
}

#[test]
fn a_bad_file_is_one_clear_failure() {
    let scratch = Scratch::new("origins-bad");
    let socket = scratch.0.join("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket for the test");
    let pipe = scratch.0.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a pipe for the test");
    let whole = countries();
    let cases = [
        (scratch.0.join("missing"), "No such file"),
        (scratch.0.clone(), "not a file"),
        (PathBuf::from("/dev/zero"), "not a file"),
        (socket, "not a file"),
        (pipe, "not a file"),
        (scratch.file("empty", b""), "not a database"),
        (scratch.file("text", b"country = FR\n"), "not a database"),
        (scratch.file("cut", &whole[..whole.len() - 30]), "not a database"),
        (
            scratch.file(
                "networks",
                &database(4, "Only\nASN", &[("192.0.2.0/24", Map(vec![("asn", U32(1))]))]),
            ),
            "\"OnlyASN\" and tells of no countries",
        ),
        (scratch.file("nothing", &database(6, "None", &[])), "tells of no countries"),
    ];
    for (path, why) in cases {
        let failure = open(&config(path.clone(), PathBuf::new())).expect_err("it cannot be used");
        let text = failure.to_string();
        let parts = [why, "`country_database`", "\"\"", path.to_str().expect("a plain path")];
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(failure.exit(), Exit::Config);
    }
    let countries = scratch.file("countries", &whole);
    let failure = open(&config(PathBuf::new(), countries)).expect_err("it has no networks");
    let text = failure.to_string();
    assert!(text.contains("`asn_database`") && text.contains("no autonomous systems"), "{text}");
}

/// What another reader finds at a place.
fn other_reader(bytes: &[u8], text: &str, place: &[&str]) -> Option<String> {
    let reader = maxminddb::Reader::from_source(bytes).expect("a database");
    let place: Vec<_> = place.iter().map(|key| maxminddb::PathElement::Key(key)).collect();
    reader.lookup(address(text)).ok()?.decode_path(&place).ok().flatten()
}

#[test]
fn records_of_every_size_and_pointers_of_every_length_are_followed() {
    let long: &'static str = "x".repeat(300).leak();
    // At 0 a name, at 6 a map; far behind them, something that is never asked for.
    let mut networks = vec![
        ("192.0.2.0/24", Text("there")),
        ("192.0.3.0/24", Map(vec![("iso_code", Pointer(1, 0))])),
    ];
    let behind = ["0", "1", "2", "3", "4", "5", "6", "7"].map(|second| {
        let network: &'static str = format!("10.{second}.0.0/16").leak();
        network
    });
    networks.extend(behind.map(|network| (network, Map(vec![("padding", Text(long))]))));
    let last = [("skipped", List(vec![Yes, Text(long), U32(7)])), ("country", Pointer(4, 6))];
    networks.push(("198.51.100.0/24", Map(last.to_vec())));
    for record_bits in [24, 28, 32] {
        let mut networks = networks.clone();
        let before = database_of(record_bits, 6, "Test", &networks);
        let target = find(&before, b"\xe2\x47skipped") - find(&before, b"\x45there");
        // More than 2,048 bytes in: it takes two bytes, and may take three only from 526,336 on.
        networks.push(("203.0.113.0/24", Map(vec![("registered_country", Text("no map"))])));
        networks.push(("203.0.114.0/24", Pointer(2, target)));
        let bytes = database_of(record_bits, 6, "Test", &networks);
        let scratch = Scratch::new(&format!("origins-{record_bits}"));
        let file = scratch.file("database", &bytes);
        let database = read(&file).expect("it can be read").expect("a database");
        let place = ["country", "iso_code"];
        for text in ["198.51.100.9", "203.0.114.1", "203.0.113.1", "192.0.2.1", "10.4.0.1", "::1"] {
            let found = database.look_up(address(text)).and_then(|record| record.text(&place));
            assert_eq!(found, other_reader(&bytes, text, &place), "{record_bits}: {text}");
        }
        let found = database.look_up(address("198.51.100.9")).and_then(|it| it.text(&place));
        assert_eq!(found.as_deref(), Some("there"), "{record_bits}");
    }
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).expect("it is there")
}

/// Reads everything there is to read.
fn exhaust(file: &Path) -> bool {
    let Ok(Some(database)) = read(file) else {
        return false;
    };
    database.any(PROBES, |found| country(found).is_none() && number(found).is_none());
    let database = Rc::new(database);
    let databases = Databases { country: Some(Rc::clone(&database)), network: Some(database) };
    for text in ["192.0.2.1", "198.51.100.1", "255.255.255.255", "2001:db8:1::1", "ffff::", "::"] {
        databases.origin(address(text));
    }
    true
}

#[test]
fn files_cut_short_or_changed_do_no_harm() {
    let scratch = Scratch::new("origins-changed");
    let exhaust = |bytes: &[u8]| exhaust(&scratch.file("database", bytes));
    for whole in [countries(), networks()] {
        assert!(exhaust(&whole));
        for length in 0..whole.len() {
            assert!(!exhaust(&whole[..length]), "{length} of {} bytes", whole.len());
        }
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                exhaust(&changed);
            }
        }
    }
}

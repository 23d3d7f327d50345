//! The database files that tell where addresses are registered, if the configuration names any.
//!
//! They are read and not mapped: who replaces a mapped file in place ends the agent (`SIGBUS`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;

use maxminddb::PathElement::{self, Key};
use maxminddb::Reader;
use serde::Deserialize;

use crate::config::Config;
use crate::failure::Failure;
use crate::naming::{Level, Origin, Origins};

/// Bytes of the largest database. Those with countries or autonomous systems have 3 to 50 million.
const DATABASE_BYTES_MAX: u64 = 128 << 20;

/// Networks of a database that are looked at to see what it tells of.
const PROBES: usize = 1_000;

/// Where databases have the country. The one an address is registered in is preferred to the one of its
/// users: MaxMind has both, DB-IP the second, and others know only one.
const COUNTRY: [&[PathElement<'static>]; 3] = [
    &[Key("registered_country"), Key("iso_code")],
    &[Key("country"), Key("iso_code")],
    &[Key("country_code")],
];

/// Where databases have the number of the autonomous system: most the first, IPinfo the second.
const NUMBER: [&[PathElement<'static>]; 2] = [&[Key("autonomous_system_number")], &[Key("asn")]];

/// Where they have whose it is.
const ORGANISATION: [&[PathElement<'static>]; 2] =
    [&[Key("autonomous_system_organization")], &[Key("as_name")]];

/// A database, in memory.
type Database = Rc<Reader<Vec<u8>>>;

/// What one database says of one address.
type Found<'a> = maxminddb::LookupResult<'a, Vec<u8>>;

/// The databases of the configuration.
#[derive(Debug)]
struct Databases {
    country: Option<Database>,
    network: Option<Database>,
}

/// Reads the databases that the configuration names; `None` when it names none, or keeps nothing of where
/// traffic goes.
///
/// # Errors
///
/// [`Failure::Database`] when a file cannot be read, is no database, or tells of something else.
pub(super) fn open(config: &Config) -> Result<Option<Box<dyn Origins>>, Failure> {
    let (countries, networks) = (&config.country_database, &config.asn_database);
    let country = named("country_database", countries, None)?;
    let same = country.as_ref().filter(|_| countries == networks);
    let network = named("asn_database", networks, same)?;
    let is_wanted = config.detail.level() > Level::Counts;
    if !is_wanted || (country.is_none() && network.is_none()) {
        return Ok(None);
    }
    Ok(Some(Box::new(Databases { country, network })))
}

/// The database of a key; `known` is the one that was read from the same file.
fn named(
    key: &'static str,
    file: &Path,
    known: Option<&Database>,
) -> Result<Option<Database>, Failure> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let failure = |problem: String| Failure::Database { key, path: file.to_owned(), problem };
    let database = if let Some(known) = known {
        Rc::clone(known)
    } else {
        let bytes = read(file).map_err(|error| failure(error.to_string()))?;
        Rc::new(parse(bytes).map_err(failure)?)
    };
    let (tells, what): (fn(&Found<'_>) -> bool, _) = match key {
        "country_database" => (|found| country(found).is_some(), "countries"),
        _ => (|found| number(found).is_some(), "autonomous systems"),
    };
    if !probe(&database, tells) {
        let kind = &database.metadata().database_type;
        let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(failure(format!("it is of the type \"{kind}\" and tells of no {what}")));
    }
    Ok(Some(database))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: a pipe would be waited for.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    if about.len() > DATABASE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 128 MiB"));
    }
    // One allocation of the right size: it stays as long as the agent.
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    File::open(path)?.take(DATABASE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: Vec<u8>) -> Result<Reader<Vec<u8>>, String> {
    Reader::from_source(bytes)
        .map_err(|_| "it is not a database in the MaxMind DB format, or not a whole one".to_owned())
}

/// Whether any of its first networks tells what is asked.
fn probe(database: &Reader<Vec<u8>>, tells: fn(&Found<'_>) -> bool) -> bool {
    let networks = database.networks(maxminddb::WithinOptions::default());
    networks.is_ok_and(|networks| {
        networks.take(PROBES).any(|found| found.is_ok_and(|found| tells(&found)))
    })
}

/// The first of the places that has something of the right type.
fn first<'a, T: Deserialize<'a>>(found: &Found<'a>, places: &[&[PathElement<'_>]]) -> Option<T> {
    places.iter().find_map(|place| found.decode_path(place).ok().flatten())
}

fn country<'a>(found: &Found<'a>) -> Option<&'a str> {
    first(found, &COUNTRY)
}

fn number(found: &Found<'_>) -> Option<u32> {
    first(found, &NUMBER).or_else(|| {
        let text: &str = first(found, &NUMBER)?;
        text.strip_prefix("AS").unwrap_or(text).parse().ok()
    })
}

/// What a database says of an address. Some know only addresses of one version, and refuse the others.
fn look_up(database: Option<&Database>, address: IpAddr) -> Option<Found<'_>> {
    database?.lookup(address).ok()
}

impl Origins for Databases {
    fn origin(&self, address: IpAddr) -> Origin {
        let address = address.to_canonical();
        let by_country = look_up(self.country.as_ref(), address);
        let by_network = look_up(self.network.as_ref(), address);
        Origin::new(
            by_country.as_ref().and_then(country),
            by_network.as_ref().and_then(number),
            by_network.as_ref().and_then(|found| first(found, &ORGANISATION)),
        )
    }
}

#[cfg(test)]
mod tests;

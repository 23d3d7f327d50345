//! The database files that tell where addresses are registered, if the configuration names any.
//!
mod database;
mod values;

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;

use database::{Database, Record};

use crate::config::Config;
use crate::failure::Failure;
use crate::naming::{Level, Origin, Origins};

/// Networks of a database that are looked at to see what it tells of.
const PROBES: usize = 256;

/// Where databases have the country. The one an address is registered in is preferred to the one of its
/// users: MaxMind has both, DB-IP the second, and others know only one.
const COUNTRY: [&[&str]; 3] =
    [&["registered_country", "iso_code"], &["country", "iso_code"], &["country_code"]];

/// Where databases have the number of the autonomous system: most the first, IPinfo the second.
const NUMBER: [&[&str]; 2] = [&["autonomous_system_number"], &["asn"]];

/// Where they have whose it is.
const ORGANISATION: [&[&str]; 2] = [&["autonomous_system_organization"], &["as_name"]];

/// The databases of the configuration.
#[derive(Debug)]
struct Databases {
    country: Option<Rc<Database>>,
    network: Option<Rc<Database>>,
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
    known: Option<&Rc<Database>>,
) -> Result<Option<Rc<Database>>, Failure> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let failure = |problem: String| Failure::Database { key, path: file.to_owned(), problem };
    let database = if let Some(known) = known {
        Rc::clone(known)
    } else {
        let found = read(file).map_err(|error| failure(error.to_string()))?;
        let found = found.ok_or_else(|| {
            failure("it is not a database in the MaxMind DB format, or not a whole one".to_owned())
        })?;
        Rc::new(found)
    };
    let (tells, what): (fn(&Record<'_>) -> bool, _) = match key {
        "country_database" => (|found| country(found).is_some(), "countries"),
        _ => (|found| number(found).is_some(), "autonomous systems"),
    };
    if !database.any(PROBES, tells) {
        let kind: String = database.kind().chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(failure(format!("it is of the type \"{kind}\" and tells of no {what}")));
    }
    Ok(Some(database))
}

fn read(path: &Path) -> io::Result<Option<Database>> {
    // Before it is opened: a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    Database::open(File::open(path)?)
}

fn country(record: &Record<'_>) -> Option<String> {
    COUNTRY.iter().find_map(|place| record.text(place))
}

fn number(record: &Record<'_>) -> Option<u32> {
    NUMBER.iter().find_map(|place| match record.number(place) {
        Some(number) => u32::try_from(number).ok(),
        None => record.text(place)?.trim_start_matches("AS").parse().ok(),
    })
}

fn organisation(record: &Record<'_>) -> Option<String> {
    ORGANISATION.iter().find_map(|place| record.text(place))
}

impl Origins for Databases {
    fn origin(&self, address: IpAddr) -> Origin {
        let address = address.to_canonical();
        let by_country = self.country.as_ref().and_then(|database| database.look_up(address));
        let by_network = self.network.as_ref().and_then(|database| database.look_up(address));
        Origin::new(
            by_country.as_ref().and_then(country).as_deref(),
            by_network.as_ref().and_then(number),
            by_network.as_ref().and_then(organisation).as_deref(),
        )
    }
}

#[cfg(test)]
mod tests;

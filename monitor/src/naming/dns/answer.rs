//! Records to the addresses of the name that was asked for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::service::Service;
use super::wire::{Record, Records};
use super::{DnsError, Resolved, kind};
use crate::naming::HostName;

/// Most addresses of an answer.
pub const ADDRESSES_MAX: usize = 64;

/// Most aliases of an answer that are followed, the first in the message. No resolver follows that many.
pub const ALIASES_MAX: usize = 32;

/// One name stands for another: a CNAME record, also one made from a DNAME record (RFC 6672, 3.1), or the
/// target of a service binding.
struct Alias {
    owner: HostName,
    target: HostName,
    ttl: u32,
}

/// The addresses of `name`, and whether there is more than was read.
pub(super) fn addresses(
    mut records: Records<'_>,
    name: &HostName,
) -> Result<(Vec<Resolved>, bool), DnsError> {
    let mut useful = Vec::new();
    for record in records.by_ref() {
        match record {
            Ok(record) if is_useful(&record) => useful.push(record),
            Ok(_) => {}
            Err(DnsError::Incomplete) => break,
            Err(error) => return Err(error),
        }
    }
    let names = reachable(name, &aliases(&useful)?);
    let mut found = Vec::new();
    for record in useful.iter().filter(|record| record.kind != kind::CNAME) {
        let Some(ttl) = record.owner()?.and_then(|owner| names.get(&owner).copied()) else {
            continue;
        };
        let ttl = ttl.min(record.ttl);
        let mut add = |address: IpAddr| note(&mut found, address.to_canonical(), ttl);
        // Data of another length than an address has are none.
        if record.kind == kind::A
            && let Ok(octets) = <[u8; 4]>::try_from(record.data)
        {
            add(octets.into());
        } else if record.kind == kind::AAAA
            && let Ok(octets) = <[u8; 16]>::try_from(record.data)
        {
            add(octets.into());
        } else if matches!(record.kind, kind::SVCB | kind::HTTPS) {
            Service::read(record)?.iter().flat_map(Service::hints).for_each(add);
        }
    }
    Ok((found, records.has_more()))
}

/// Addresses of other servers, in the authority section, are no answer.
fn is_useful(record: &Record<'_>) -> bool {
    let is_of_use =
        matches!(record.kind, kind::A | kind::AAAA | kind::CNAME | kind::SVCB | kind::HTTPS);
    is_of_use && record.is_internet() && !record.is_authority
}

fn aliases(records: &[Record<'_>]) -> Result<Vec<Alias>, DnsError> {
    let mut aliases = Vec::new();
    for record in records {
        if aliases.len() >= ALIASES_MAX {
            break;
        }
        let target = match record.kind {
            kind::CNAME => {
                let (target, rest) = record.data_name(0)?;
                target.filter(|_| rest.is_empty())
            }
            kind::SVCB | kind::HTTPS => Service::read(record)?.and_then(|service| service.target),
            _ => None,
        };
        if let Some(target) = target
            && let Some(owner) = record.owner()?
        {
            aliases.push(Alias { owner, target, ttl: record.ttl });
        }
    }
    Ok(aliases)
}

/// The names that `name` stands for, itself among them, and for how many seconds.
fn reachable(name: &HostName, aliases: &[Alias]) -> BTreeMap<HostName, u32> {
    let mut names = BTreeMap::from([(name.clone(), u32::MAX)]);
    // Each round goes at least one alias further along every chain, in whatever order they stand.
    for _ in aliases {
        let mut is_settled = true;
        for alias in aliases {
            let Some(ttl) = names.get(&alias.owner).map(|ttl| alias.ttl.min(*ttl)) else {
                continue;
            };
            if names.get(&alias.target).is_none_or(|known| *known < ttl) {
                names.insert(alias.target.clone(), ttl);
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    names
}

fn note(found: &mut Vec<Resolved>, address: IpAddr, ttl: u32) {
    if let Some(known) = found.iter_mut().find(|known| known.address == address) {
        known.ttl = known.ttl.max(ttl);
    } else if found.len() < ADDRESSES_MAX {
        found.push(Resolved { address, ttl });
    }
}

//! Service bindings: the data of SVCB and HTTPS records (RFC 9460).

use std::net::IpAddr;

use super::DnsError;
use super::wire::{Record, u16_at};
use crate::naming::HostName;

/// Keys of parameters (RFC 9460, 14.3.2).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// What a service binding says of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service<'a> {
    /// The name whose addresses are the service's; `None` when it is the owner's own.
    pub(super) target: Option<HostName>,
    ipv4_hint: &'a [u8],
    ipv6_hint: &'a [u8],
}

impl<'a> Service<'a> {
    /// Reads the data of a record. `None` when they are none, or name a target that is no host.
    pub(super) fn read(record: &Record<'a>) -> Result<Option<Self>, DnsError> {
        let Some(priority) = u16_at(record.data, 0) else {
            return Ok(None);
        };
        let (target, parameters) = record.data_name(2)?;
        let is_root = record.data.get(2) == Some(&0);
        if target.is_none() && !is_root {
            return Ok(None);
        }
        // An alias: parameters are ignored (2.4.2).
        if priority == 0 {
            return Ok(Some(Self { target, ..Self::default() }));
        }
        Ok(Self { target, ..Self::default() }.with(parameters))
    }

    /// Keys come in strictly increasing order, and hints are not empty; else the record is none (2.2, 7.3).
    fn with(mut self, mut parameters: &'a [u8]) -> Option<Self> {
        let mut last = None;
        while !parameters.is_empty() {
            let key = u16_at(parameters, 0)?;
            let end = 4 + usize::from(u16_at(parameters, 2)?);
            let value = parameters.get(4..end)?;
            parameters = parameters.get(end..)?;
            let is_hint_of = |size| !value.is_empty() && value.len() % size == 0;
            match key {
                _ if last.is_some_and(|last| last >= key) => return None,
                IPV4_HINT if is_hint_of(4) => self.ipv4_hint = value,
                IPV6_HINT if is_hint_of(16) => self.ipv6_hint = value,
                IPV4_HINT | IPV6_HINT => return None,
                _ => {}
            }
            last = Some(key);
        }
        Some(self)
    }

    /// The addresses that spare the client a question.
    pub(super) fn hints(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let ipv4 = self.ipv4_hint.as_chunks::<4>().0.iter().map(|octets| IpAddr::from(*octets));
        let ipv6 = self.ipv6_hint.as_chunks::<16>().0.iter().map(|octets| IpAddr::from(*octets));
        ipv4.chain(ipv6)
    }
}

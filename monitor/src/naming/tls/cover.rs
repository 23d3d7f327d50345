//! Names that stand in for others: the `public_name` of ECH configurations (RFC 9849, 4).

use crate::naming::HostName;

/// Public names that serve for nothing else, in order. A provider may also use the name of a real site
/// (as Meta does with `fbcdn.net` beside its own), which then cannot be told from a true one.
const COVER_NAMES: [&str; 6] = [
    // Cloudflare, for all sites behind it.
    "cloudflare-ech.com",
    // Cloudflare, while ECH was a draft.
    "cloudflare-esni.com",
    // The "Developing ECH for OpenSSL" project.
    "cover.defo.ie",
    // Meta.
    "ech-public.atmeta.com",
    // The same, its test servers.
    "public.test.defo.ie",
    // A public test server.
    "public.tls-ech.dev",
];

/// Whether this is the public name of a provider of ECH: only the provider is known then, not the host.
/// Without an `encrypted_client_hello` extension it is the name of that site itself.
pub fn is_cover_name(name: &HostName) -> bool {
    COVER_NAMES.binary_search(&name.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order_and_normalised() {
        assert!(COVER_NAMES.is_sorted());
        for name in COVER_NAMES {
            let parsed = HostName::parse(name.as_bytes());
            assert_eq!(parsed.as_ref().map(HostName::as_str), Some(name));
            assert!(parsed.is_some_and(|name| is_cover_name(&name)));
        }
    }

    #[test]
    fn no_other_name_is_a_cover() {
        for name in ["defo.ie", "tls-ech.dev", "www.cloudflare-ech.com", "cloudflare.com", "com"] {
            assert!(HostName::parse(name.as_bytes()).is_some_and(|name| !is_cover_name(&name)));
        }
    }
}

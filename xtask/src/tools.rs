//! The programs that the tests of the live kernel use, and the package that brings each.

use crate::places::Places;

/// One program from outside the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// Debian's name for it; most other distributions use the same.
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// Every one, in the order in which the doctor shows them.
pub(crate) const TOOLS: [Tool; 12] = [
    Tool { program: "ip", package: "iproute2", why: "network namespaces and veth pairs" },
    Tool { program: "nft", package: "nftables", why: "counters that know the true bytes" },
    Tool { program: "ethtool", package: "ethtool", why: "offloads of the veth pairs" },
    Tool { program: "bpftool", package: "bpftool", why: "instruction counts, what stays attached" },
    Tool {
        program: "prometheus",
        package: "prometheus",
        why: "a real scrape, and promtool's lint",
    },
    Tool { program: "iperf3", package: "iperf3", why: "bulk traffic" },
    Tool { program: "curl", package: "curl", why: "an independent client of the endpoint" },
    Tool { program: "python3", package: "python3", why: "an app behind an interpreter" },
    Tool { program: "wget", package: "wget", why: "an app with another TLS library" },
    Tool { program: "openssl", package: "openssl", why: "a handshake and nothing more" },
    Tool { program: "chromium", package: "chromium", why: "a browser: long hellos, QUIC" },
    // The package `dnsmasq` would start a resolver of its own on port 53.
    Tool {
        program: "dnsmasq",
        package: "dnsmasq-base",
        why: "a resolver between apps and network",
    },
];

/// The ones this machine does not have.
pub(crate) fn missing(places: &Places) -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| places.program(tool.program).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    #[test]
    fn only_what_is_not_there_is_missing() -> anyhow::Result<()> {
        let machine = Machine::new("tools")?;
        assert_eq!(missing(&machine.places()).len(), TOOLS.len());
        for tool in TOOLS.iter().filter(|tool| tool.program != "nft") {
            machine.script(&format!("usr/bin/{}", tool.program), "true")?;
        }
        let packages: Vec<_> = missing(&machine.places()).iter().map(|tool| tool.package).collect();
        assert_eq!(packages, ["nftables"]);
        Ok(())
    }
}

//! Networks of addresses: from where a partner calls us.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The text names no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address, or an address with its length: 203.0.113.7 or 203.0.113.0/24")]
pub struct NotANetwork;

/// One address, or all that begin like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    length: u32,
}

/// The bits of an address from the top, and how many it has. IPv4 in IPv6 is IPv4: which of the two
/// a connection shows depends on how the socket was opened.
fn bits(address: IpAddr) -> (u128, u32) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl Network {
    /// Is the address one of this network?
    pub fn holds(self, address: IpAddr) -> bool {
        let ((ours, width), (theirs, other)) = (bits(self.first), bits(address));
        let differing = (ours ^ theirs).checked_shr(128 - self.length).unwrap_or(0);
        width == other && differing == 0
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let first: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let first = first.to_canonical();
        let (from_top, width) = bits(first);
        let length = match length {
            None => width,
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => {
                length.parse().ok().filter(|length| *length <= width).ok_or(NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
        };
        // 203.0.113.7/24 was meant to be something else: which, nobody can say.
        if from_top.checked_shl(length).unwrap_or(0) != 0 {
            return Err(NotANetwork);
        }
        Ok(Self { first, length })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_and_no_other() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().expect("a network");
            network.holds(address.parse().expect("an address"))
        };
        for (network, address) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.0/24", "203.0.113.255"),
            ("203.0.113.0/24", "::ffff:203.0.113.9"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("2001:db8::/32", "2001:db8:1::1"),
            ("::1", "::1"),
        ] {
            assert!(holds(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("203.0.113.7", "203.0.113.8"),
            ("203.0.113.0/24", "203.0.114.1"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("2001:db8::/32", "2001:db9::1"),
            ("203.0.113.0/24", "cb00:7100::"),
        ] {
            assert!(!holds(network, address), "{network} {address}");
        }
    }

    #[test]
    fn what_names_no_network_is_refused() {
        for text in [
            "",
            "203.0.113",
            "203.0.113.7/24",
            "203.0.113.0/33",
            "203.0.113.0/+8",
            "::/129",
            "bank.example",
            "203.0.113.0/",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
        assert_eq!("10.0.0.1".parse::<Network>().expect("a network").to_string(), "10.0.0.1/32");
    }
}

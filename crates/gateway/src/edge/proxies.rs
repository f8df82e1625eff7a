//! Proxies in front of the gateway: which are trusted, and which field of theirs is believed.

use std::net::IpAddr;

/// A network of trusted proxies: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8` or a single address. IPv4 networks may be written as IPv6, as sockets of
    /// both kinds tell IPv4 addresses.
    ///
    /// # Errors
    /// A text that names what was given and the accepted form.
    ///
    /// ```
    /// use sidegate_gateway::Network;
    /// let network = Network::parse("10.0.0.0/8").unwrap();
    /// assert!(network.contains("10.9.8.7".parse().unwrap()));
    /// assert!(!network.contains("11.0.0.1".parse().unwrap()));
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address or network: write 10.0.0.7 or 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.trim().parse().ok().filter(|b| *b <= most).ok_or_else(wrong)?,
            None => most,
        };
        match address.to_canonical() {
            mapped @ IpAddr::V4(_) if address.is_ipv6() => {
                // With fewer bits it would reach beyond what is IPv4.
                let bits = u8::checked_sub(bits, 96).ok_or_else(wrong)?;
                Ok(Self { address: mapped, bits })
            }
            address => Ok(Self { address, bits }),
        }
    }

    /// Whether an address belongs to it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(net).checked_shr(shift) == u32::from(ip).checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(net).checked_shr(shift) == u128::from(ip).checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The field in which trusted proxies say for whom they ask. What stands in the other one may be
/// the client's own invention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Believed {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwardedFor,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// Whose word about clients is believed, and which.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<Network>,
    /// Where they write.
    pub believed: Believed,
}

impl Proxies {
    /// Whether the word of this address is believed.
    pub fn trust(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_know_their_members() {
        let within =
            |net: &str, ip: &str| Network::parse(net).unwrap().contains(ip.parse().unwrap());
        assert!(within("0.0.0.0/0", "1.2.3.4"));
        assert!(within("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(within("fd00::/8", "fd12::1"));
        assert!(within("::ffff:10.0.0.0/104", "10.9.8.7"));
        assert!(within("::ffff:10.0.0.0/104", "::ffff:10.9.8.7"));
        assert!(!within("::ffff:10.0.0.0/104", "11.0.0.1"));
        assert!(within("::ffff:10.0.0.7", "10.0.0.7"));
        assert!(within("::ffff:0:0/96", "1.2.3.4"));
        assert!(!within("fd00::/8", "127.0.0.1"));
        assert!(!within("127.0.0.1", "127.0.0.2"));
        for bad in ["", "x", "10.0.0.0/33", "10.0.0.0/x", "::/129", "::ffff:0:0/95"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}

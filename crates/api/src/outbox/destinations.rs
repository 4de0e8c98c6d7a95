//! Where requests to receivers may go: public addresses, and those that the operator allows.
//!
//! Never resolves a name: the edge does, and asks about each address before it connects to it.
//! G1 no request goes to an address that is not public unless the operator allows it, also where a name resolves to one
//! (`only_public_addresses_are_reached`, `a_name_that_resolves_to_a_private_address_is_not_reached`).
//! Source: the IANA registries of special-purpose IPv4 and IPv6 addresses, and of multicast addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;

use headworks_core::record::WebhookFormat;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// The longest URL.
const URL_BYTES_MAX: usize = 2_048;

/// Blocks of IPv4 that are not the public Internet: first address, length of the prefix.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),       // this host, this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by carriers
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, and the metadata of clouds
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // relays of 6to4
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// The only block of IPv6 with public addresses.
const GLOBAL_V6: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Blocks inside it that are not public.
const SPECIAL_V6: [([u16; 8], u8); 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// IPv4 behind a translator: the address is in the last 32 bits.
const NAT64: ([u16; 8], u8) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

fn v6_in((first, length): ([u16; 8], u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new(Ipv6Addr::from(first), length).is_ok_and(|net| net.contains(&address))
}

/// Whether an address is one of the public Internet.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|(first, length)| {
            Ipv4Net::new(Ipv4Addr::from(*first), *length).is_ok_and(|net| net.contains(&address))
        }),
        IpAddr::V6(address) if v6_in(NAT64, address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V6(address) => {
            v6_in(GLOBAL_V6, address) && !SPECIAL_V6.iter().any(|block| v6_in(*block, address))
        }
    }
}

/// The addresses that a request may go to: those that the operator allows, and maybe public ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public ones too.
    Public,
    /// No others, because it is not encrypted.
    Unencrypted,
    /// No others, because it carries Stripe's key to another host.
    StripeKey,
}

/// The addresses that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Destinations(Vec<IpNet>);

/// Parses a block of addresses such as `10.0.0.0/8`, or one address.
///
/// # Errors
/// When it is none; the text says what to write.
pub fn parse_block(text: &str) -> Result<IpNet, String> {
    let net = IpNet::from_str(text).or_else(|_| IpAddr::from_str(text).map(IpNet::from));
    let net = net.map_err(|_| {
        format!("`{text}` is no block of addresses; write one such as 10.0.0.0/8 or 127.0.0.1")
    })?;
    if net.trunc() != net {
        return Err(format!("`{text}` has bits behind its prefix; write {}", net.trunc()));
    }
    Ok(net)
}

impl Destinations {
    /// Public addresses, and these.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self(allowed)
    }

    /// Whether a request may go to an address.
    #[must_use]
    pub fn reaches(&self, reach: Reach, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address)) || (reach == Reach::Public && is_public(address))
    }

    /// The URL of a receiver as it is stored.
    ///
    /// # Errors
    /// When no request could go there; the text says why.
    pub fn check(&self, text: &str, format: WebhookFormat) -> Result<String, String> {
        if text.len() > URL_BYTES_MAX {
            return Err(format!("`url` has {} bytes; at most {URL_BYTES_MAX}", text.len()));
        }
        if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '\\') {
            return Err(format!("`url` has the character {bad:?}; encode it with a percent sign"));
        }
        let url = Url::parse(text).map_err(|e| format!("`url` is not a URL: {e}"))?;
        // The parser repairs what has too many slashes or none.
        let is_whole = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        if !matches!(url.scheme(), "https" | "http") || !is_whole {
            return Err("`url` begins with https:// or http://, and the name of a host".into());
        }
        if !url.username().is_empty() || url.password().is_some() || has_user(text) {
            return Err("`url` has a user or a password; receivers know the sender by its signature".into());
        }
        if url.fragment().is_some() {
            return Err("`url` has a fragment, which is never sent; leave `#…` out".into());
        }
        if url.port() == Some(0) {
            return Err("`url` has the port 0".into());
        }
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(format!(
                "`url` has {} bytes when it is encoded; at most {URL_BYTES_MAX}",
                url.as_str().len()
            ));
        }
        let reach = reach(&url, format);
        match address_of(&url) {
            Some(address) if !self.reaches(reach, address) => Err(refusal(reach, &[address])),
            // A name can only resolve to what is allowed.
            None if reach != Reach::Public && self.0.is_empty() => Err(refusal(reach, &[])),
            _ => Ok(url.into()),
        }
    }
}

/// Whether there is a user in the URL, even an empty one.
fn has_user(text: &str) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// The addresses that requests to this URL may go to.
#[must_use]
pub fn reach(url: &Url, format: WebhookFormat) -> Reach {
    let is_stripe = || url.domain().is_some_and(|host| host == "stripe.com" || host.ends_with(".stripe.com"));
    match format {
        _ if url.scheme() != "https" => Reach::Unencrypted,
        WebhookFormat::Cloudevents => Reach::Public,
        WebhookFormat::StripeMeterEvents if is_stripe() => Reach::Public,
        WebhookFormat::StripeMeterEvents => Reach::StripeKey,
    }
}

/// The address in a URL, if its host is one.
#[must_use]
pub fn address_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Why no request goes to these addresses.
#[must_use]
pub fn refusal(reach: Reach, addresses: &[IpAddr]) -> String {
    let which: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
    let which = if which.is_empty() { "the host".into() } else { which.join(", ") };
    let why = match reach {
        Reach::Public => "is not a public address",
        Reach::Unencrypted => "would be sent to without TLS; write an https:// URL",
        Reach::StripeKey => "does not belong to Stripe, and the request carries Stripe's key",
    };
    format!("{which} {why}; to allow it, name its address in --webhooks-allow when you start the server")
}

#[cfg(test)]
mod tests {
    use headworks_core::record::WebhookFormat::{Cloudevents, StripeMeterEvents};

    use super::{Destinations, Reach, is_public, parse_block};

    #[test]
    fn only_public_addresses_are_reached() {
        // The registries of special-purpose addresses, each block with an address of it; those marked "globally reachable"
        // that stand for a service of the network itself are not reached either.
        let special = [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:1::1",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:20::1",
            "2001:30::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "1fff::1",
        ];
        for address in special {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.0.0.1",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
        ];
        for address in public {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        let allows = |blocks: &[&str]| {
            Destinations::new(blocks.iter().map(|b| parse_block(b).expect("a block")).collect())
        };
        let address = |text: &str| text.parse().expect("an address");
        let loopback = allows(&["127.0.0.0/8", "::1", "fd00::/8"]);
        for (text, is) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(loopback.reaches(Reach::Public, address(text)), is, "{text}");
            assert_eq!(loopback.reaches(Reach::Unencrypted, address(text)), is, "{text}");
            assert_eq!(loopback.reaches(Reach::StripeKey, address(text)), is, "{text}");
        }
        assert!(loopback.reaches(Reach::Public, address("1.1.1.1")));
        assert!(!loopback.reaches(Reach::Unencrypted, address("1.1.1.1")));
    }

    #[test]
    fn a_url_is_taken_whole_or_not_at_all() {
        let none = Destinations::default();
        let long = format!("https://example.com/{}", "a".repeat(2_029));
        for (url, stored) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://Example.COM:443/a?b=c", "https://example.com/a?b=c"),
            ("https://example.com:8443/x", "https://example.com:8443/x"),
            ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
            ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
            ("https://example.com/a@b?c@d", "https://example.com/a@b?c@d"),
            (&long[..2_048], &long[..2_048]),
        ] {
            assert_eq!(none.check(url, Cloudevents).as_deref(), Ok(stored), "{url}");
        }
        for url in [
            "",
            "https://",
            "https:///x",
            "https:example.com",
            "https:/example.com",
            "https:\\\\example.com",
            "//example.com",
            "example.com",
            "file:///etc/passwd",
            "ftp://1.1.1.1/",
            "gopher://1.1.1.1/",
            "javascript:1",
            "unix:///var/run/docker.sock",
            "https://user:pw@example.com/",
            "https://user@example.com/",
            "https://@example.com/",
            "https://:@example.com/",
            "https://example.com/#a",
            "https://example.com/#",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://example.com:x/",
            "https:// example.com/",
            "https://example.com/a b",
            "https://example.com/\r\nx: 1",
            " https://example.com/",
            "https://exa mple.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://0.0.0.0/",
            "http://1.1.1.1/",
            "http://example.com/",
            "http://127.0.0.1/",
            &long,
        ] {
            assert!(none.check(url, Cloudevents).is_err(), "{url}");
        }
        // A name stays as it is: its addresses are checked at every attempt.
        assert!(none.check("https://localhost/", Cloudevents).is_ok());
        let private = Destinations::new(vec![parse_block("127.0.0.1/32").expect("a block")]);
        for (url, format, is) in [
            ("http://127.0.0.1:9/x", Cloudevents, true),
            ("http://127.0.0.2:9/x", Cloudevents, false),
            ("http://localhost:9/x", Cloudevents, true),
            ("http://1.1.1.1/", Cloudevents, false),
            ("https://api.stripe.com", StripeMeterEvents, true),
            ("https://files.stripe.com", StripeMeterEvents, true),
            ("http://127.0.0.1:9", StripeMeterEvents, true),
            ("https://1.1.1.1", StripeMeterEvents, false),
            ("https://127.0.0.1", StripeMeterEvents, true),
        ] {
            assert_eq!(private.check(url, format).is_ok(), is, "{url}");
        }
        for url in [
            "https://example.com",
            "https://evilstripe.com",
            "https://api.stripe.com.example.com",
            "http://api.stripe.com",
        ] {
            assert!(none.check(url, StripeMeterEvents).is_err(), "{url}");
        }
    }

    #[test]
    fn a_block_is_written_with_its_prefix_alone() {
        for (text, is) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("::1", Some("::1/128")),
            ("fd00::/8", Some("fd00::/8")),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(parse_block(text).ok().map(|net| net.to_string()).as_deref(), is, "{text}");
        }
    }
}

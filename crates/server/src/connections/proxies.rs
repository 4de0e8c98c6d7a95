//! Proxies of the operator's: believed about where a request comes from, and nobody else is.
//!
//! P1 an address is taken only from the header that the proxies write, and only as far as they have written it: from the right,
//! past the proxies, up to the first address that is none (`only_proxies_are_believed`). Most proxies pass on the other header as
//! their client sent it.
//! Source: RFC 7239 for `Forwarded`.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The most entries that are looked at; a longer list is somebody's game.
const HOPS_MAX: usize = 16;

/// The header in which proxies write where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

/// The addresses of trusted proxies, and the header that they write.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>, ForwardedHeader);

impl Proxies {
    /// These networks, which write this header.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self(networks, header)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is that of a proxy.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The address that a request comes from, as far as it is known for certain.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contain(client) {
            return client;
        }
        let written = |name: &str| headers.get_all(name).iter().rev().filter_map(|value| value.to_str().ok());
        let (name, of): (_, fn(&str) -> Option<IpAddr>) = match self.1 {
            ForwardedHeader::XForwardedFor => ("x-forwarded-for", address),
            ForwardedHeader::Forwarded => ("forwarded", forwarded_for),
        };
        let hops = written(name).flat_map(|line| line.rsplit(',')).map(of);
        for hop in hops.take(HOPS_MAX) {
            // An entry that names no address ends what is known.
            let Some(hop) = hop else { break };
            client = hop;
            if !self.contain(hop) {
                break;
            }
        }
        client
    }
}

/// The address of the `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pair = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })?;
    address(pair.trim().trim_matches('"'))
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{ForwardedHeader, Proxies};

    #[test]
    fn only_proxies_are_believed() {
        let networks = || vec!["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("one")];
        let common = Proxies::new(networks(), ForwardedHeader::XForwardedFor);
        let standard = Proxies::new(networks(), ForwardedHeader::Forwarded);
        type Case<'a> = (&'a str, &'a [(&'static str, &'a str)], &'a str);
        let rows: &[Case<'_>] = &[
            ("198.51.100.7", &[("x-forwarded-for", "192.0.2.1")], "198.51.100.7"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            ("::ffff:10.1.2.3", &[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            // Addresses that a client wrote itself stand further left.
            ("10.1.2.3", &[("x-forwarded-for", "203.0.113.9, 192.0.2.1")], "192.0.2.1"),
            ("10.1.2.3", &[("x-forwarded-for", "192.0.2.1, 10.9.9.9")], "192.0.2.1"),
            (
                "10.1.2.3",
                &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")],
                "192.0.2.1",
            ),
            ("10.1.2.3", &[("x-forwarded-for", "192.0.2.1, nonsense")], "10.1.2.3"),
            ("10.1.2.3", &[("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
            // A header that the proxies do not write is their client's.
            ("10.1.2.3", &[("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            ("10.1.2.3", &[("forwarded", "for=203.0.113.9")], "10.1.2.3"),
        ];
        let rows_of_standard: &[Case<'_>] = &[
            // Examples of RFC 7239.
            (
                "10.1.2.3",
                &[("forwarded", "for=192.0.2.43, for=\"[2001:db8:cafe::17]:4711\"")],
                "2001:db8:cafe::17",
            ),
            ("10.1.2.3", &[("forwarded", "For=192.0.2.60;proto=http;by=203.0.113.43")], "192.0.2.60"),
            ("10.1.2.3", &[("forwarded", "for=192.0.2.43, for=_hidden")], "10.1.2.3"),
            ("fd00::1", &[("forwarded", "for=192.0.2.43"), ("x-forwarded-for", "203.0.113.9")], "192.0.2.43"),
        ];
        let of_common = rows.iter().map(|row| (&common, row));
        for (proxies, (peer, headers, client)) in
            of_common.chain(rows_of_standard.iter().map(|row| (&standard, row)))
        {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
            }
            let found = proxies.client(peer.parse().expect("an address"), &map);
            assert_eq!(found.to_string(), *client, "{peer} {headers:?}");
        }
    }
}

//! Tests of the guard of the relay's own attempts.

use super::*;

fn check(allowed: &[&str], address: &str) -> Result<(), Reason> {
    let guard = Public::new(allowed.iter().map(|network| network.parse().unwrap()).collect());
    let address = address.parse().unwrap_or_else(|_| panic!("{address}"));
    guard.check_address(SocketAddr::new(address, 443))
}

#[test]
fn addresses_that_no_public_server_has_are_refused_with_what_they_are() {
    use Reason::{LinkLocal, Loopback, Metadata, Private, Reserved};
    for (reason, addresses) in [
        (Loopback, "127.0.0.0 127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1"),
        (Private, "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"),
        (Private, "100.64.0.0 100.127.255.255 fc00:: fdff:ffff::1 fec0:: feff::1 ::ffff:10.1.2.3"),
        (LinkLocal, "169.254.0.0 169.254.255.255 fe80:: febf:ffff::1 ::ffff:a9fe:1"),
        (
            Metadata,
            "169.254.169.254 169.254.170.2 169.254.170.23 169.254.0.23 100.100.100.200 168.63.129.16 192.0.0.192",
        ),
        (
            Metadata,
            "::ffff:a9fe:a9fe ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe fd00:ec2::254 fd00:ec2::23 fd20:ce::254",
        ),
        (Reserved, "0.0.0.0 0.255.255.255 192.0.0.1 192.0.0.255 192.0.2.1 192.88.99.1 198.18.0.0 198.19.255.255"),
        (Reserved, "198.51.100.1 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 192.31.196.1"),
        (Reserved, ":: ::2 ::7f00:1 ::ffff:0:7f00:1 100::1 100:0:0:1::1 64:ff9b::808:808 64:ff9b::7f00:1 64:ff9b:1::1"),
        (Reserved, "2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::"),
        (Reserved, "3fff::1 3fff:fff::1 4000:: 5f00::1 ff02::1 ff0e::1 2620:4f:8000::1 ffff::"),
    ] {
        for address in addresses.split(' ') {
            assert_eq!(check(&[], address), Err(reason), "{address}");
        }
    }
}

#[test]
fn the_neighbours_of_those_networks_are_public() {
    for address in "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
                    169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 \
                    198.17.255.255 198.20.0.0 198.51.99.255 203.0.112.255 223.255.255.255 ::ffff:8.8.8.8 2001:200:: \
                    2001:4860:4860::8888 2001:db7:: 2001:db9:: 2003:: 2606:4700::1111 2a00::1 3ffe:: 3fff:1000::"
        .split_ascii_whitespace()
    {
        assert_eq!(check(&[], address), Ok(()), "{address}");
    }
}

#[test]
fn what_the_operator_allows_is_let_through_and_nothing_beside_it() {
    for (allowed, address, expected) in [
        ("10.1.0.0/16", "10.1.2.3", Ok(())),
        ("10.1.0.0/16", "::ffff:10.1.2.3", Ok(())),
        ("10.1.0.0/16", "10.2.0.0", Err(Reason::Private)),
        ("127.0.0.0/8", "127.0.0.1", Ok(())),
        ("127.0.0.0/8", "::1", Err(Reason::Loopback)),
        ("::1/128", "::1", Ok(())),
        ("0.0.0.0/0", "10.0.0.1", Ok(())),
        ("0.0.0.0/0", "169.254.169.254", Err(Reason::Metadata)),
        ("169.254.0.0/16", "169.254.169.254", Err(Reason::Metadata)),
        ("169.254.0.0/16", "169.254.1.1", Ok(())),
        ("169.254.169.254/32", "169.254.169.254", Ok(())),
        ("64:ff9b::/96", "64:ff9b::808:808", Ok(())),
        ("64:ff9b::/96", "64:ff9b::a00:1", Err(Reason::Private)),
        ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", Err(Reason::Metadata)),
    ] {
        assert_eq!(check(&[allowed], address), expected, "{allowed} {address}");
    }
}

#[test]
fn ports_of_http_and_those_above_the_systems_may_be_called_but_not_our_own() {
    for (port, expected) in [
        (80, Ok(())),
        (443, Ok(())),
        (1024, Ok(())),
        (8080, Ok(())),
        (u16::MAX, Ok(())),
        (1, Err(Reason::Port)),
        (22, Err(Reason::Port)),
        (25, Err(Reason::Port)),
        (1023, Err(Reason::Port)),
        (4222, Err(Reason::Port)),
        (6222, Err(Reason::Port)),
        (7222, Err(Reason::Port)),
        (7422, Err(Reason::Port)),
        (8222, Err(Reason::Port)),
    ] {
        let address = SocketAddr::new("93.184.216.34".parse().unwrap(), port);
        assert_eq!(Public::default().check_address(address), expected, "{port}");
    }
    let open = Public::new(vec!["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(open.check_address("127.0.0.1:4222".parse().unwrap()), Err(Reason::Port), "an allowed address either");
}

#[test]
fn local_names_are_not_looked_up() {
    for (host, expected) in [
        ("printer.local", Err(Reason::LocalName)),
        ("PRINTER.Local.", Err(Reason::LocalName)),
        ("a.b.local..", Err(Reason::LocalName)),
        ("local", Err(Reason::LocalName)),
        ("local.example", Ok(())),
        ("notlocal", Ok(())),
        ("example.com", Ok(())),
    ] {
        assert_eq!(Public::default().check_host(host), expected, "{host}");
    }
}

//! Tests of what the environment says, and of tunnels against a proxy that answers as it is told.

use tokio::net::TcpListener;

use super::*;

fn proxies(said: &[(&str, &str)]) -> Proxies {
    let find = |name: &str| said.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
    Proxies::read(find).unwrap()
}

#[test]
fn the_environment_names_a_proxy_and_exceptions() {
    let through = |no_proxy: &str, host: &str, port: u16| {
        let proxies = proxies(&[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)]);
        proxies.to(host, port).is_some()
    };
    for (no_proxy, host, port, expected) in [
        ("", "relay.example", 443, true),
        ("*", "relay.example", 443, false),
        ("other.example", "relay.example", 443, true),
        ("relay.example", "relay.example", 443, false),
        ("EXAMPLE", "relay.example", 443, false),
        (".example, x", "relay.example", 443, false),
        ("*.example", "relay.example", 443, false),
        ("lay.example", "relay.example", 443, true),
        ("relay.example:8443", "relay.example", 443, true),
        ("relay.example:443", "relay.example", 443, false),
        ("10.0.0.0/8", "10.1.2.3", 443, false),
        ("10.0.0.0/8", "11.1.2.3", 443, true),
        ("127.0.0.1,::1", "::1", 443, false),
        ("10.0.0.0/8", "relay.example", 443, true),
    ] {
        assert_eq!(through(no_proxy, host, port), expected, "{no_proxy} {host}:{port}");
    }
    assert_eq!(proxies(&[]).to("relay.example", 443), None);
    let both = proxies(&[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")]);
    assert_eq!(both.to("a", 1).unwrap().host, "lower");
}

#[test]
fn a_proxy_is_a_url_whose_password_does_not_print() {
    let proxy: Proxy = "http://us%3Aer:p%40ss@proxy.example:3128/".parse().unwrap();
    assert_eq!(proxy.to_string(), "proxy.example:3128");
    assert_eq!(proxy.authorization.as_ref().unwrap().reveal(), "Basic dXM6ZXI6cEBzcw==");
    assert!(!format!("{proxy:?}").contains("dXM6"), "{proxy:?}");
    let bare: Proxy = "proxy.example:3128".parse().unwrap();
    assert_eq!((bare.port, bare.authorization), (3128, None));
    assert_eq!("socks5://a:1".parse::<Proxy>(), Err(InvalidProxy::Scheme));
    assert_eq!("https://a:1".parse::<Proxy>(), Err(InvalidProxy::Scheme));
    assert_eq!("http://".parse::<Proxy>(), Err(InvalidProxy::Url));
    let err = Proxies::read(|name| (name == "https_proxy").then(|| "socks5://a".to_owned())).unwrap_err();
    assert_eq!(err, ("https_proxy", InvalidProxy::Scheme));
    assert_eq!(unescaped("%4"), b"%4");
    assert_eq!(unescaped("%zz%41"), b"%zzA");
}

/// What a tunnel comes to when the proxy answers this, and what the proxy was asked.
async fn tunnel(proxy: &str, answer: &'static [u8]) -> (Result<Vec<u8>, TunnelError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let opened = proxy.parse::<Proxy>().unwrap().tunnel(&mut stream, "relay.example:443").await;
    let asked = serving.await.unwrap();
    let mut rest = Vec::new();
    if opened.is_ok() {
        stream.read_to_end(&mut rest).await.unwrap();
    }
    (opened.map(|()| rest), asked)
}

#[tokio::test]
async fn a_tunnel_begins_right_after_the_answer() {
    let (opened, asked) =
        tunnel("http://u:p@proxy:1", b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nTLS").await;
    assert_eq!(opened.unwrap(), b"TLS");
    assert_eq!(
        asked,
        "CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    );
    let (opened, asked) = tunnel("proxy:1", b"HTTP/1.0 200 OK\r\n\r\n").await;
    assert!(opened.is_ok() && !asked.contains("Authorization"), "{asked}");
}

#[tokio::test]
async fn whatever_else_a_proxy_says_opens_none() {
    let said = async |answer| tunnel("proxy:1", answer).await.0.unwrap_err().to_string();
    assert_eq!(said(b"HTTP/1.1 403 Not \x1b[31m here\r\n\r\n").await, "the proxy answered 403 Not [31m here");
    assert!(said(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.contains("user name and a password"));
    assert!(said(b"SSH-2.0\r\n\r\n").await.contains("no answer that can be read"));
    assert!(said(b"HTTP/1.1 200").await.contains("broke"));
    assert!(said(&[b'x'; ANSWER_BYTES_MAX]).await.contains("no answer that can be read"));
}

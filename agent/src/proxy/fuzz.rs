//! What the fuzz targets reach of proxies.

use std::io::Cursor;

use super::{Proxies, Proxy, TunnelError};

/// The variables of the environment, in two lines.
pub(crate) fn environment(text: &str) {
    let (proxy, except) = text.split_once('\n').unwrap_or((text, text));
    let read = Proxies::read(|name| match name {
        "https_proxy" => Some(proxy.to_owned()),
        "no_proxy" => Some(except.to_owned()),
        _ => None,
    });
    let Ok(proxies) = read else { return };
    for host in ["relay.example", "10.0.0.1", "::1"] {
        let _ = proxies.to(host, 443).map(Proxy::to_string);
    }
}

/// What a proxy answers: nothing of it reaches a terminal as a control character.
pub(crate) fn tunnel(answer: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let Ok(proxy) = "http://name:password@proxy.example:3128".parse::<Proxy>() else { return };
    let mut stream = tokio::io::join(answer, Cursor::new(Vec::new()));
    if let Err(TunnelError::Refused(text)) = runtime.block_on(proxy.ask(&mut stream, "relay.example:443")) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

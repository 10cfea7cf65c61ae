//! Tests of which requests ask for a WebSocket.

use super::*;

fn request(connection: &str, upgrade: &str, version: &str) -> Request<()> {
    Request::get("/v1/socket")
        .header(CONNECTION, connection)
        .header(UPGRADE, upgrade)
        .header(SEC_WEBSOCKET_VERSION, version)
        .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap()
}

#[test]
fn the_key_is_answered_as_the_standard_says() {
    for connection in ["Upgrade", "keep-alive, Upgrade", "upgrade"] {
        let accept = accept_key(&request(connection, "WebSocket", "13")).unwrap();
        // The example of RFC 6455, section 1.3.
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "{connection}");
    }
}

#[test]
fn other_requests_are_no_websockets() {
    assert!(accept_key(&request("close", "websocket", "13")).is_none());
    assert!(accept_key(&request("Upgrade", "h2c", "13")).is_none());
    assert!(accept_key(&request("Upgrade", "websocket", "8")).is_none());
    let mut post = request("Upgrade", "websocket", "13");
    *post.method_mut() = Method::POST;
    assert!(accept_key(&post).is_none());
    let mut old = request("Upgrade", "websocket", "13");
    *old.version_mut() = Version::HTTP_10;
    assert!(accept_key(&old).is_none());
    let mut keyless = request("Upgrade", "websocket", "13");
    keyless.headers_mut().remove(SEC_WEBSOCKET_KEY);
    assert!(accept_key(&keyless).is_none());
    for bad in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZQ=="] {
        keyless.headers_mut().insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static(bad));
        assert!(accept_key(&keyless).is_none(), "{bad}");
    }
}

//! What every request gets, and how its parts are read.

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use model::{BucketId, InputId};
use tower::ServiceExt;

use super::*;

const LIMIT: usize = 16;

fn router() -> Router {
    Router::new()
        .route("/object", post(|body: Body| async move { body.fields().map(|_| "read") }))
        .route("/maybe", post(|body: Body| async move { body.fields_if_any().map(|_| "read") }))
        .route("/one/{id}", get(|At(id): At<BucketId>| async move { id.to_string() }))
        .route("/two/{id}/{input}", get(|At((_, id)): At<(BucketId, InputId)>| async move { id.to_string() }))
        .fallback(|| async { Error::NotFound("path") })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(LIMIT))
        .layer(middleware::from_fn(attend))
}

async fn ask(method: &str, path: &str, body: impl Into<HttpBody>) -> (u16, http::HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    let (parts, body) = router().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn check(method: &str, path: &str, body: impl Into<HttpBody>, status: u16, text: &str) {
    let (seen, _, body) = ask(method, path, body).await;
    assert_eq!((seen, body.as_str()), (status, text), "{method} {path}");
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let mut ids = std::collections::HashSet::new();
    for (method, path) in [("POST", "/object"), ("PUT", "/object"), ("GET", "/nowhere"), ("GET", "/one/x")] {
        let (_, headers, _) = ask(method, path, "{}").await;
        ids.insert(headers[&REQUEST_ID].to_str().unwrap().parse::<Uuid>().unwrap());
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn what_is_not_there_is_plain_text_too() {
    check("GET", "/nowhere", "", 404, "path not found\n").await;
    check("PUT", "/object", "", 405, "method not allowed\n").await;
    let (_, headers, _) = ask("PUT", "/object", "").await;
    assert_eq!(headers[header::ALLOW], "POST");
}

#[tokio::test]
async fn json_is_read_whatever_the_content_type() {
    check("POST", "/object", "{}", 200, "read").await;
    let request = Request::post("/object").header("Content-Type", "text/plain").body(HttpBody::from("{}")).unwrap();
    assert_eq!(router().oneshot(request).await.unwrap().status(), 200);
    check("POST", "/object", "", 400, "the body is empty; a JSON object is expected\n").await;
    check("POST", "/maybe", "", 200, "read").await;
    check("POST", "/maybe", "[]", 400, "the body must be a JSON object\n").await;
}

#[tokio::test]
async fn bodies_are_limited() {
    let of = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    check("POST", "/object", of(LIMIT), 200, "read").await;
    check("POST", "/object", of(LIMIT + 1), 413, "the body has more than 1048576 bytes\n").await;
    let endless = HttpBody::from_stream(futures_util::stream::repeat(()).map(|()| Ok::<_, std::io::Error>("  ")));
    check("POST", "/object", endless, 413, "the body has more than 1048576 bytes\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_body_has_its_time_and_no_more() {
    let started = tokio::time::Instant::now();
    let silent = HttpBody::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    check("POST", "/object", silent, 408, "the body comes too slowly\n").await;
    assert_eq!(started.elapsed().as_secs(), REQUEST_WAIT_MAX.as_secs());
}

#[tokio::test]
async fn paths_that_name_nothing_are_not_found() {
    let id = "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11";
    check("GET", &format!("/one/{id}"), "", 200, id).await;
    check("GET", &format!("/one/{}", id.to_uppercase()), "", 200, id).await;
    check("GET", &format!("/two/{id}/{id}"), "", 200, id).await;
    for bad in ["demo", "%00", "%ff", "..", "0199b2c8", "*", "%3E"] {
        check("GET", &format!("/one/{bad}"), "", 404, "path not found\n").await;
        check("GET", &format!("/two/{id}/{bad}"), "", 404, "path not found\n").await;
    }
}

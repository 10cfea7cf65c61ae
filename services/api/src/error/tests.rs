//! What callers see of an error, and what they do not.

use http_body_util::BodyExt;

use super::*;

async fn answer(error: Error) -> (StatusCode, http::HeaderMap, String) {
    let (parts, body) = error.into_response().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn unreadable() -> store::Error {
    store::Error::Unreadable { what: "record x".to_owned(), why: "a field is missing".to_owned() }
}

#[tokio::test]
async fn errors_are_plain_text() {
    for (error, status, text) in [
        (Error::Unauthorized, 401, "credentials are missing or wrong\n"),
        (Error::Forbidden("no"), 403, "no\n"),
        (Error::NotFound("bucket"), 404, "bucket not found\n"),
        (Error::MethodNotAllowed, 405, "method not allowed\n"),
        (Error::invalid("name", "is missing"), 400, "name: is missing\n"),
        (Error::TooLarge, 413, "the body has more than 1048576 bytes\n"),
        (Error::Precondition("in use".to_owned()), 412, "in use\n"),
        (Error::Contended, 409, "changed by someone else at the same time; read it and try again\n"),
        (Error::Unavailable(None), 503, "cannot be done right now; try again\n"),
    ] {
        let (seen, headers, body) = answer(error).await;
        assert_eq!((seen.as_u16(), body.as_str()), (status, text));
        assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    }
}

#[tokio::test]
async fn who_must_authenticate_is_told_how_and_who_must_wait_how_long() {
    let (_, headers, _) = answer(Error::Unauthorized).await;
    assert_eq!(headers[header::WWW_AUTHENTICATE], "Basic realm=\"relay\"");
    let (_, headers, _) = answer(Error::Unavailable(None)).await;
    assert_eq!(headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn what_went_wrong_inside_is_for_the_operator_alone() {
    let error = Error::from(unreadable());
    assert_eq!(error.for_operator(), "record x cannot be read: a field is missing");
    let (status, _, body) = answer(error).await;
    assert_eq!((status.as_u16(), body.as_str()), (500, "internal error\n"));
}

#[test]
fn errors_of_the_store_are_what_callers_can_do_about_them() {
    let unavailable = store::Error::Unavailable { what: "create a record", source: Some("timed out".into()) };
    let unavailable = Error::from(unavailable);
    assert_eq!(unavailable.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unavailable.for_operator(), "create a record: the store is not available: timed out");
    assert_eq!(Error::from(store::Error::Conflict).status(), StatusCode::CONFLICT);
    assert_eq!(Error::from(store::Error::Exists).status(), StatusCode::PRECONDITION_FAILED);
    let no_key = |scope: Scope| Error::from(store::Error::NoKey { scope: scope.to_string() }).status();
    assert_eq!(no_key(Scope::Bucket(model::BucketId(uuid::Uuid::nil()))), StatusCode::NOT_FOUND);
    assert_eq!(no_key(Scope::System), StatusCode::INTERNAL_SERVER_ERROR);
}

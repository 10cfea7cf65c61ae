//! Makes a frame of an event and hands it to a client.

use bytes::{Bytes, BytesMut};
use model::destination::Destination;
use model::header;
use model::reason::Reason;
use model::record::{Bucket, Output};
use model::request::Request;
use model::{DeliveryId, OutputId};
use store::Store;
use store::fact::CursorKey;

use super::frame::{self, Meta, Webhook};
use super::{BODY_BYTES_MAX, Outgoing, SocketLine};
use crate::book::Due;
use crate::delivery::{NotHanded, sort};

/// Hands an opened event to a client, with its whole body.
///
/// # Errors
/// See [`NotHanded`].
pub(crate) async fn hand(
    store: &Store,
    line: &SocketLine,
    key: CursorKey,
    number: u64,
    due: &Due,
    mut request: Request,
    output: &Output,
) -> Result<(), NotHanded> {
    let deleted = || NotHanded::Unfit(Reason::Deleted);
    let bucket = store.directory().bucket(key.bucket).ok_or_else(deleted)?.record;
    if request.body_bytes > BODY_BYTES_MAX {
        return Err(NotHanded::Unfit(Reason::FrameTooLarge));
    }
    let mut taken = tokio::select! {
        taken = line.room.take(request.body_bytes) => taken,
        () = line.tx.closed() => return Err(NotHanded::SessionGone),
    };
    let body = whole_body(store, key, due, &mut request).await?;
    let input = store.directory().input(due.pulled.input);
    let input_name = input.map(|input| input.record.name.clone()).unwrap_or_default();
    let webhook = webhook(&request, &body, line.body_base64, due, &bucket, input_name, output)?;
    let text = webhook.text().map_err(|_| NotHanded::Unfit(Reason::Unreadable))?;
    drop((webhook, body));
    taken.keep(text.capacity());
    line.tx.send(Outgoing { number, text, taken }).await.map_err(|_| NotHanded::SessionGone)
}

/// The body, with its pieces joined.
async fn whole_body(store: &Store, key: CursorKey, due: &Due, request: &mut Request) -> Result<Bytes, NotHanded> {
    let Some(chunks) = request.chunks.take() else { return Ok(request.body.clone()) };
    let mut body = BytesMut::with_capacity(usize::try_from(request.body_bytes).unwrap_or(0));
    for index in 0..chunks.sequences.len() {
        let events = store.events();
        let data = events.open_chunk(key.bucket, key.ephemeral, due.event(), &chunks, index).await.map_err(sort)?;
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
}

pub(crate) fn webhook(
    request: &Request,
    body: &[u8],
    in_base64: bool,
    due: &Due,
    bucket: &Bucket,
    input_name: String,
    output: &Output,
) -> Result<Webhook, NotHanded> {
    let lines = header::forwarded(request, "", &output.headers, due.event(), due.attempt);
    let (body, body_base64) = frame::body(body, in_base64);
    Ok(Webhook {
        meta: Meta {
            id: DeliveryId::of(due.event(), output.id),
            bucked_id: bucket.id,
            bucket_id: bucket.id,
            bucket_name: bucket.name.to_string(),
            input_id: due.pulled.input,
            input_name,
            output_name: output.name.clone(),
            output_destination: destination(request, output)?,
        },
        headers: frame::headers(&lines),
        query: query(request, output),
        body,
        body_base64,
        method: request.method.clone(),
    })
}

/// The query that the client appends: the caller's, unless the output is called as it stands.
fn query(request: &Request, output: &Output) -> String {
    let callers = request.query.as_deref().filter(|_| !output.lock_path);
    callers.map(|query| String::from_utf8_lossy(query).into_owned()).unwrap_or_default()
}

/// The URL that the client is to call, but for the caller's query, which it appends itself. For a
/// bucket without outputs it is the path that was called.
fn destination(request: &Request, output: &Output) -> Result<String, NotHanded> {
    let extra_path = String::from_utf8_lossy(&request.extra_path);
    if output.id == OutputId::NONE {
        return Ok(if extra_path.is_empty() { "/".to_owned() } else { extra_path.into_owned() });
    }
    let unreadable = |_| NotHanded::Unfit(Reason::InvalidDestination);
    let parsed = Destination::parse(&output.destination).map_err(unreadable)?;
    if request.extra_path.is_empty() || output.lock_path {
        return Ok(output.destination.clone());
    }
    let target = parsed.target(&request.extra_path, None, output.lock_path);
    let target = target.map_err(|_| NotHanded::Unfit(Reason::PathEscapes))?;
    let scheme = if parsed.tls { "https" } else { "http" };
    Ok(format!("{scheme}://{}{}", parsed.authority, String::from_utf8_lossy(&target)))
}

#[cfg(test)]
mod tests {
    use model::{AccountId, BucketId, UnixMs};
    use uuid::Uuid;

    use super::*;

    fn destination_of(url: &str, extra_path: &'static str, lock_path: bool) -> Result<String, NotHanded> {
        let (account, bucket) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
        let id = if url.is_empty() { OutputId::NONE } else { OutputId(Uuid::from_u128(3)) };
        let output = Output::new(id, account, bucket, String::new(), url.to_owned(), UnixMs(0));
        let request = Request { extra_path: extra_path.into(), ..Request::default() };
        destination(&request, &Output { lock_path, ..output })
    }

    #[test]
    fn the_extra_path_is_in_the_destination_already() {
        for (url, extra_path, lock_path, expected) in [
            ("http://localhost:8080/x", "", false, "http://localhost:8080/x"),
            ("http://localhost:8080", "/a/b", false, "http://localhost:8080/a/b"),
            ("http://localhost:8080/x/", "/a", false, "http://localhost:8080/x/a"),
            ("https://h/x?k=v", "/a", false, "https://h/x/a?k=v"),
            ("http://localhost:8080/x", "/a", true, "http://localhost:8080/x"),
            ("", "", false, "/"),
            ("", "/a/b", false, "/a/b"),
        ] {
            assert_eq!(destination_of(url, extra_path, lock_path).unwrap(), expected, "{url} {extra_path}");
        }
    }

    #[test]
    fn a_locked_destination_is_called_without_the_callers_query() {
        let (account, bucket) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
        let id = OutputId(Uuid::from_u128(3));
        let output = Output::new(id, account, bucket, String::new(), "http://h/x".to_owned(), UnixMs(0));
        let request = Request { query: Some("a=b".into()), ..Request::default() };
        assert_eq!(query(&request, &output), "a=b");
        assert_eq!(query(&request, &Output { lock_path: true, ..output }), "");
    }

    #[test]
    fn a_path_that_climbs_out_of_the_destination_is_not_delivered() {
        let climbs = destination_of("http://h/x", "/../y", false);
        assert!(matches!(climbs, Err(NotHanded::Unfit(Reason::PathEscapes))));
    }
}

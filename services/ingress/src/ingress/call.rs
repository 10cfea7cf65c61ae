//! A webhook on its way in, and what its sender says of it.

use bytes::Bytes;
use http::Uri;
use model::record::Deduplicate;
use model::request::{Chunks, Request as Webhook};
use model::{EventId, UnixMs};
use tracing::Span;
use verify::{Verdict, delivery};

use crate::body::Whole;
use crate::endpoint;
use crate::route::Route;

/// A webhook on its way in.
pub(super) struct Call {
    pub(super) event: EventId,
    pub(super) route: Route,
    /// The whole path that its sender called.
    pub(super) path: Bytes,
    pub(super) now: UnixMs,
    pub(super) webhook: Webhook,
    pub(super) verdict: Verdict,
    pub(super) span: Span,
}

impl Call {
    /// The URL that the sender called. A proxy may have ended TLS before us, and have called us by
    /// another name: what is configured counts more than what we see.
    pub(super) fn url(&self, public_url: Option<&Uri>) -> String {
        let scheme = public_url.and_then(Uri::scheme_str).unwrap_or(if self.webhook.tls { "https" } else { "http" });
        let by_id = public_url.and_then(Uri::authority).filter(|_| endpoint::is_by_id(&self.path));
        let host = || std::str::from_utf8(self.webhook.header("host")?).ok();
        let authority = by_id.map(http::uri::Authority::as_str).or_else(host).unwrap_or_default();
        let path = String::from_utf8_lossy(&self.path);
        match &self.webhook.query {
            Some(query) => format!("{scheme}://{authority}{path}?{}", String::from_utf8_lossy(query)),
            None => format!("{scheme}://{authority}{path}"),
        }
    }

    /// Puts in the body.
    pub(super) fn fill(&mut self, whole: Whole) {
        match whole {
            Whole::Inline(bytes) => {
                self.webhook.body_bytes = bytes.len() as u64;
                self.webhook.body = bytes;
            }
            Whole::Pieces { sequences, bytes } => {
                self.webhook.body_bytes = bytes;
                self.webhook.chunks = Some(Chunks { sequences });
            }
        }
    }

    /// What its sender calls it, if the owner wants second tries to be folded. One that is only let
    /// through with its verdict beside it must not take the place of the sender's own.
    pub(super) fn delivery(&self) -> Option<String> {
        let input = &self.route.place.as_ref()?.input;
        match input.deduplicate.as_ref().filter(|_| !self.verdict.is_failed())? {
            Deduplicate::Header(name) => delivery::header(name, &self.webhook),
            Deduplicate::Provider => {
                let provider = input.signature.as_ref().and_then(|signature| signature.provider.parse().ok());
                delivery::id(provider, &self.webhook)
            }
        }
    }
}

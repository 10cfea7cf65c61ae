//! What becomes of a webhook that was received as nobody's, once it is certain whose it is.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use http_body_util::Full;
use tokio::time::Instant;
use tracing::warn;

use super::Ingress;
use super::call::Call;
use crate::answer;
use crate::doubts::{Doubt, LOOK_MAX};
use crate::route::{Route, Wanted};

impl Ingress {
    /// Finds out whether a webhook that was answered as nobody's is somebody's.
    pub(super) async fn settle(
        self,
        _doubt: Doubt,
        mut call: Call,
        wanted: Wanted,
        version: Version,
        peer: SocketAddr,
    ) {
        let give_up = Instant::now() + LOOK_MAX;
        loop {
            self.inner.doubts.look().await;
            if self.inner.store.directory().catch_up().await.is_ok() {
                let response = self.receive_again(&mut call, &wanted, version, peer).await;
                if response.is_none_or(|response| response.status() != StatusCode::SERVICE_UNAVAILABLE) {
                    return;
                }
            }
            if Instant::now() >= give_up || self.inner.doubts.is_closing() {
                warn!(event = %call.event, "whose webhook it was could not be found out; it is taken for nobody's");
                return;
            }
        }
    }

    /// Receives what was received as nobody's as its input's; nothing if it is nobody's.
    pub(super) async fn receive_again(
        &self,
        call: &mut Call,
        wanted: &Wanted,
        version: Version,
        peer: SocketAddr,
    ) -> Option<Response<Full<Bytes>>> {
        let route = Route::find(self.inner.store.directory(), wanted);
        if route.place.is_none() && !route.is_unknown {
            return None;
        }
        if call.webhook.chunks.is_some() {
            // Its pieces are where nobody reads; its sender sends it again.
            return Some(answer::unavailable());
        }
        call.webhook.extra_path = route.extra_path.clone();
        call.route = route;
        let body = Full::new(call.webhook.body.clone());
        Some(self.receive(call, None, version, body, peer).await)
    }
}

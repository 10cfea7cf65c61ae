//! The public socket: webhooks over a WebSocket, in the JSON frames that existing clients speak.
//!
//! The cast:
//!
//! - `upgrade` makes a WebSocket of an HTTP/1.1 request.
//! - `frame` is what both sides say.
//! - `serve` is one connection: authentication, subscription, webhooks, pings.
//! - `webhook` makes a frame of an event.
//! - `room` is what frames with large bodies may take of memory.
//! - `pongs` knows which frames a pong proves to have been received.
//! - `claim` finds the cursors of a socket: every socket has its own, and a socket that comes back
//!   takes up what an earlier one of its token left.
//! - `sweep` deletes the groups of sockets that did not come back, and of tokens that were deleted.
//! - `report` takes what a client says over REST as a proof that it has a webhook.

pub(crate) mod claim;
pub(crate) mod frame;
mod pongs;
pub(crate) mod report;
mod room;
mod serve;
pub(crate) mod sweep;
mod upgrade;
pub(crate) mod webhook;

use telemetry::room::Taken;
use tokio::sync::mpsc;

pub(crate) use room::Room;
pub(crate) use upgrade::upgrade;

/// How many webhooks wait for a client that does not read.
const UNREAD_MAX: usize = 2;
/// How many webhooks may be unconfirmed at a time.
const CREDITS: u32 = 256;
/// The largest body that goes into a frame, in bytes: frames are held in memory whole, and text
/// takes up to six times as much when it is escaped.
pub(crate) const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The webhooks to a client of the public socket.
pub(crate) struct SocketLine {
    /// Where they go.
    pub(crate) tx: mpsc::Sender<Outgoing>,
    /// Whether bodies come in Base64 too.
    pub(crate) body_base64: bool,
    /// Where frames have their room.
    pub(crate) room: Room,
}

/// A webhook on its way to a client.
pub(crate) struct Outgoing {
    /// The number of the attempt in its session.
    pub(crate) number: u64,
    /// The frame.
    pub(crate) text: String,
    /// The room that it takes until it is written.
    taken: Taken,
}

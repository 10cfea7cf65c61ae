//! How much memory frames with large bodies may take, over all clients of this dispatcher.
//!
//! A frame is whole in memory until it is written, and escaped text takes six times what the body
//! takes: one webhook may be a frame for each of a thousand outputs, and for each socket.

use telemetry::room::{self, Taken};

use super::BODY_BYTES_MAX;

/// What they may take, in bytes: the largest of all, and some others beside it.
const ROOM_BYTES: usize = 192 * 1024 * 1024;
/// The largest body for whose frame no room is asked, in bytes: most webhooks are smaller, and do not
/// wait for the large ones.
const SMALL_BODY_BYTES_MAX: u64 = 64 * 1024;
/// What a frame may take for each byte of its body: the byte itself, as many as `\u0001` has, and
/// those in Base64.
const BYTES_PER_BODY_BYTE: u64 = 9;

const _: () = assert!(BODY_BYTES_MAX * BYTES_PER_BODY_BYTE <= ROOM_BYTES as u64, "the largest frame fits");

/// The room that there is. Clones share it.
#[derive(Clone)]
pub(crate) struct Room(room::Room);

impl Room {
    /// All of it.
    pub(crate) fn new() -> Self {
        Self(room::Room::new(ROOM_BYTES))
    }

    /// Waits for room for the frame of a body of so many bytes.
    pub(crate) async fn take(&self, body_bytes: u64) -> Taken {
        if body_bytes <= SMALL_BODY_BYTES_MAX {
            return Taken::default();
        }
        self.0.take(body_bytes * BYTES_PER_BODY_BYTE).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_frames_of_large_bodies_wait_for_room_and_others_do_not() {
        let room = Room::new();
        let mut largest = room.take(BODY_BYTES_MAX).now_or_never().unwrap();
        assert!(room.take(BODY_BYTES_MAX).now_or_never().is_none());
        assert!(room.take(SMALL_BODY_BYTES_MAX).now_or_never().is_some());
        // Its text has hardly anything to escape.
        largest.keep(BODY_BYTES_MAX as usize + 1000);
        let second = room.take(BODY_BYTES_MAX).now_or_never().unwrap();
        assert!(room.take(BODY_BYTES_MAX).now_or_never().is_none());
        drop((largest, second));
        assert!(room.take(BODY_BYTES_MAX).now_or_never().is_some());
    }
}

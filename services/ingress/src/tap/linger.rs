//! The end of a connection whose caller may still be sending.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long what a caller still sends is read and dropped after the answer. Long enough for an
/// answer to cross the internet and be read; short, because the connection counts meanwhile.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// The most bytes that are read and dropped after the answer.
const LINGER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A shutdown that first ends the writing side and then, if a part of a message is unread, waits
/// until the caller has stopped: to close with unread bytes resets the connection (RFC 9112,
/// section 9.6), and an answer such as 413 would be lost on its way.
#[derive(Debug, Default)]
pub(super) struct Linger {
    drain: Option<Drain>,
}

#[derive(Debug)]
struct Drain {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Linger {
    /// Shuts down the writing side, then drains the reading side while `unread` is set.
    pub(super) fn poll_shutdown<IO: AsyncRead + AsyncWrite>(
        &mut self,
        mut io: Pin<&mut IO>,
        unread: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.drain.is_none() {
            ready!(io.as_mut().poll_shutdown(cx))?;
            if !unread {
                return Poll::Ready(Ok(()));
            }
        }
        let drain = self
            .drain
            .get_or_insert_with(|| Drain { until: Box::pin(sleep(LINGER_MAX)), bytes_left: LINGER_BYTES_MAX });
        drain.poll(io, cx).map(Ok)
    }
}

impl Drain {
    fn poll<IO: AsyncRead>(&mut self, mut io: Pin<&mut IO>, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [MaybeUninit::uninit(); 8 * 1024];
        while self.until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::uninit(&mut space);
            let ended = ready!(io.as_mut().poll_read(cx, &mut buf)).is_err() || buf.filled().is_empty();
            self.bytes_left = self.bytes_left.saturating_sub(buf.filled().len());
            if ended || self.bytes_left == 0 {
                break;
            }
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;

//! HTTP/2 by hand: frames out, frames in, nothing put right.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// What every connection begins with (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The kinds of frames (RFC 9113, section 6).
#[expect(missing_docs, reason = "the names are those of the standard")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames (RFC 9113, section 6).
#[expect(missing_docs, reason = "the names are those of the standard")]
pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
}

/// The codes of errors (RFC 9113, section 7) that tests ask for.
#[expect(missing_docs, reason = "the names are those of the standard")]
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The number of its stream; 0 is the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A connection on which a test says what it likes. What the other side says is read meanwhile, and
/// nothing of it is answered but settings and pings.
pub struct Http2 {
    write: OwnedWriteHalf,
    reading: JoinHandle<OwnedReadHalf>,
    frames: tokio::sync::mpsc::UnboundedReceiver<Frame>,
}

/// Everything that the other side said until it closed the connection.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// The frames, but for settings, pings and windows.
    pub frames: Vec<Frame>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A block of headers (RFC 7541), each as a literal that no table keeps.
pub fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A number with a prefix of seven bits (RFC 7541, section 5.1).
fn integer(block: &mut Vec<u8>, mut number: usize) {
    const PREFIX: usize = 127;
    if number < PREFIX {
        return block.push(number as u8);
    }
    block.push(PREFIX as u8);
    number -= PREFIX;
    while number >= 128 {
        block.push((number % 128 + 128) as u8);
        number /= 128;
    }
    block.push(number as u8);
}

impl Http2 {
    /// Connects and sends the preface with empty settings.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        Self::open_with(address, &[PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat()).await
    }

    /// Connects and sends these bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn open_with(address: SocketAddr, start: &[u8]) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut read, mut write) = stream.into_split();
        write.write_all(start).await?;
        let (tx, frames) = tokio::sync::mpsc::unbounded_channel();
        let reading = tokio::spawn(async move {
            while let Ok(frame) = read_frame(&mut read).await {
                if tx.send(frame).is_err() {
                    break;
                }
            }
            read
        });
        Ok(Self { write, reading, frames })
    }

    /// Writes these bytes; whether the other side still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.write.write_all(bytes).await.is_ok()
    }

    /// The next frame; none when the other side has closed. Settings and pings are acknowledged.
    ///
    /// # Errors
    /// When neither comes.
    pub async fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        let frame = timeout(PATIENCE, self.frames.recv()).await.context("wait for a frame")?;
        if let Some(asking @ (kind::SETTINGS | kind::PING)) =
            frame.as_ref().filter(|f| f.flags & flag::ACK == 0).map(|f| f.kind)
        {
            let payload =
                frame.as_ref().filter(|_| asking == kind::PING).map(|f| f.payload.clone()).unwrap_or_default();
            self.send(&self::frame(asking, flag::ACK, 0, &payload)).await;
        }
        Ok(frame)
    }

    /// The first frame of this kind for this stream; none when the other side closes before.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn hears(&mut self, kind: u8, stream: u32) -> anyhow::Result<Option<Frame>> {
        loop {
            match self.next().await? {
                Some(frame) if frame.kind == kind && frame.stream == stream => return Ok(Some(frame)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Waits until the other side closes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ended(mut self) -> anyhow::Result<Ended> {
        let mut ended = Ended::default();
        while let Some(frame) = self.next().await? {
            if !matches!(frame.kind, kind::SETTINGS | kind::PING | kind::WINDOW_UPDATE) {
                ended.frames.push(frame);
            }
        }
        Ok(ended)
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Frame {
    /// The code of a GOAWAY or RST_STREAM.
    pub fn code(&self) -> Option<u32> {
        let from = match self.kind {
            kind::GOAWAY => 4,
            kind::RST_STREAM => 0,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(from..from + 4)?.try_into().ok()?))
    }

    /// The status that a HEADERS frame begins with, as far as it stands in the static table or is a
    /// literal of three digits.
    pub fn status(&self) -> Option<u16> {
        const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        match *self.payload.first()? {
            first @ 0x88..=0x8e => Some(INDEXED[usize::from(first - 0x88)]),
            // A literal named by the static table's `:status` (8), plain or in Huffman's code.
            0x08 | 0x48 => digits(self.payload.get(1..)?),
            _ => None,
        }
    }
}

impl Ended {
    /// The code of the last GOAWAY.
    pub fn goaway(&self) -> Option<u32> {
        self.frames.iter().rev().find(|f| f.kind == kind::GOAWAY).and_then(Frame::code)
    }

    /// How many streams were reset with this code.
    pub fn resets(&self, code: u32) -> usize {
        self.frames.iter().filter(|f| f.kind == kind::RST_STREAM && f.code() == Some(code)).count()
    }
}

/// A value of digits (RFC 7541, section 5.2 and appendix B, where 0 to 2 have five bits and the
/// others six).
fn digits(value: &[u8]) -> Option<u16> {
    let (length, rest) = value.split_first()?;
    let bytes = rest.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let five = u16::from_str_radix(bits.get(at..at + 5)?, 2).ok()?;
        let (digit, width) = match five {
            0..=2 => (five, 5),
            // 3 is 011001, 9 is 011111.
            _ => (u16::from_str_radix(bits.get(at..at + 6)?, 2).ok()?.checked_sub(0b01_1001 - 3)?, 6),
        };
        number = number * 10 + digit;
        at += width;
    }
    Some(number)
}

async fn read_frame(read: &mut OwnedReadHalf) -> std::io::Result<Frame> {
    let mut head = [0; 9];
    read.read_exact(&mut head).await?;
    let [high, middle, low, kind, flags, stream @ ..] = head;
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    let mut payload = vec![0; length];
    read.read_exact(&mut payload).await?;
    Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_they_are_written() {
        let status = |payload: &[u8]| Frame { kind: 1, flags: 4, stream: 1, payload: payload.to_vec() }.status();
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x8d]), Some(404));
        assert_eq!(status(&[0x48, 0x03, b'4', b'0', b'8']), Some(408));
        // 4 = 011010, 0 = 00000, 8 = 011110, then ones.
        assert_eq!(status(&[0x48, 0x83, 0b0110_1000, 0b0000_1111, 0b0111_1111]), Some(408));
        // 413: 011010 00001 011001.
        assert_eq!(status(&[0x48, 0x83, 0b0110_1000, 0b0010_1100, 0b1111_1111]), Some(413));
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let value = "v".repeat(1337);
        let block = block(&[("n", &value)]);
        assert_eq!(block[..3], [0, 1, b'n']);
        // 1337 - 127 = 1210 = 0b1001_0111010.
        assert_eq!(block[3..6], [127, 0b1011_1010, 0b0000_1001]);
        assert_eq!(block.len(), 6 + 1337);
    }
}

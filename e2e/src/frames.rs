//! WebSocket by hand (RFC 6455): frames out, frames in, nothing put right.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{Answer, body_length, read_head};
use crate::wait::PATIENCE;

/// The first byte of a frame is the last of its message.
pub const FIN: u8 = 0x80;
/// Kinds of frames (RFC 6455, section 5.2).
pub const CONTINUATION: u8 = 0;
/// Text.
pub const TEXT: u8 = 1;
/// Binary.
pub const BINARY: u8 = 2;
/// The end.
pub const CLOSE: u8 = 8;
/// Asks for a pong.
pub const PING: u8 = 9;
/// Answers a ping.
pub const PONG: u8 = 10;

/// What every client's frame is masked with here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A WebSocket on which a test says what it likes.
pub struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Flags and kind.
    pub first: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A client's frame, in the shortest form.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let head = match length {
        0..=125 => vec![first, length as u8 | 0x80],
        126..=0xffff => [&[first, 126 | 0x80], (length as u16).to_be_bytes().as_slice()].concat(),
        _ => [&[first, 127 | 0x80], (length as u64).to_be_bytes().as_slice()].concat(),
    };
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    head.into_iter().chain(MASK).chain(masked).collect()
}

impl Frames {
    /// Connects and sends these lines, separated by line ends, as a GET. Gives the answer where
    /// that is not 101.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(address: SocketAddr, path: &str, lines: &[&str]) -> anyhow::Result<Result<Self, Answer>> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n").as_bytes()).await?;
        let mut buffer = Vec::new();
        let head = timeout(PATIENCE, read_head(&mut stream, &mut buffer)).await??.context("no answer")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status line")?;
        if status == 101 {
            return Ok(Ok(Self { stream, buffer }));
        }
        body_length(&head)?;
        Ok(Err(Answer { status, head, body: Vec::new() }))
    }

    /// Writes these bytes; whether the other side still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next frame; none when the server has closed.
    ///
    /// # Errors
    /// When neither comes, or a frame is masked or cut short.
    pub async fn hear(&mut self) -> anyhow::Result<Option<Heard>> {
        timeout(PATIENCE, self.read()).await.context("wait for a frame")?
    }

    async fn read(&mut self) -> anyhow::Result<Option<Heard>> {
        loop {
            if let Some((heard, taken)) = parse(&self.buffer)? {
                self.buffer.drain(..taken);
                return Ok(Some(heard));
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(_) | Err(_) if self.buffer.is_empty() => return Ok(None),
                Ok(_) | Err(_) => bail!("cut short within a frame"),
            }
        }
    }

    /// The code of the close frame, over what comes before it; none when the server closes without.
    /// What comes after it is an error.
    ///
    /// # Errors
    /// When the connection does not end with it.
    pub async fn closed(&mut self) -> anyhow::Result<Option<u16>> {
        while let Some(heard) = self.hear().await? {
            if heard.first != FIN | CLOSE {
                continue;
            }
            let code = heard.payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
            if let Some(more) = self.hear().await? {
                bail!("more after the close frame: {more:?}");
            }
            return Ok(Some(code));
        }
        Ok(None)
    }
}

/// Reads a frame and how many bytes it has; none while it is not whole.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<(Heard, usize)>> {
    let Some(&[first, second]) = bytes.first_chunk() else { return Ok(None) };
    if second & 0x80 != 0 {
        bail!("a server's frame is masked");
    }
    let (length, head) = match second {
        126 => (bytes[2..].first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 4),
        127 => (bytes[2..].first_chunk().map(|length| u64::from_be_bytes(*length)), 10),
        length => (Some(u64::from(length)), 2),
    };
    let Some(length) = length else { return Ok(None) };
    let end = head + usize::try_from(length)?;
    Ok(bytes.get(head..end).map(|payload| (Heard { first, payload: payload.to_vec() }, end)))
}

//! A name server over UDP (RFC 1035) that answers for every name.

use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

/// The largest question that is read, in bytes.
const QUESTION_BYTES_MAX: usize = 4096;
/// Header and fixed parts of messages (RFC 1035, section 4).
const HEADER_BYTES: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;

/// A running name server; it ends with the test's runtime.
#[derive(Debug)]
pub struct NameServer {
    /// Where it listens.
    pub address: SocketAddr,
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Another name that it stands for.
    pub alias_of: Option<String>,
    /// Its addresses; those that fit the question are in the answer, to be used once and forgotten.
    pub addresses: Vec<IpAddr>,
}

impl NameServer {
    /// Listens on a free port of this machine. `answer` gets the name in question, in lower case
    /// and without a dot at its end, and how many questions of this kind came for it before.
    pub async fn start(answer: impl Fn(&str, usize) -> Records + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut asked = std::collections::HashMap::<(String, u16), usize>::new();
            let mut message = [0; QUESTION_BYTES_MAX];
            loop {
                let (bytes, peer) = socket.recv_from(&mut message).await.unwrap();
                let Some((name, kind, question_end)) = question(&message[..bytes]) else { continue };
                let before = asked.entry((name.clone(), kind)).or_default();
                let records = answer(&name, *before);
                *before += 1;
                socket.send_to(&reply(&message[..question_end], kind, &records), peer).await.unwrap();
            }
        });
        Self { address }
    }
}

impl Records {
    /// A name with these addresses.
    pub fn of<A: Into<IpAddr>>(addresses: impl IntoIterator<Item = A>) -> Self {
        Self { alias_of: None, addresses: addresses.into_iter().map(Into::into).collect() }
    }
}

/// The name, the type, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*message.get(at)?);
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at + 1..at + 1 + length)?).to_ascii_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes(message.get(at + 1..at + 3)?.try_into().ok()?);
    Some((labels.join("."), kind, at + 5))
}

fn reply(question: &[u8], kind: u16, records: &Records) -> Vec<u8> {
    let mut answers = Vec::new();
    // A name in the answer points at the question (RFC 1035, section 4.1.4), or is written out.
    let mut owner = vec![0xc0, HEADER_BYTES as u8];
    if let Some(alias_of) = &records.alias_of {
        let target = encoded(alias_of);
        answers.push(record(&owner, TYPE_CNAME, &target));
        owner = target;
    }
    for address in &records.addresses {
        match address {
            IpAddr::V4(v4) if kind == TYPE_A => answers.push(record(&owner, TYPE_A, &v4.octets())),
            IpAddr::V6(v6) if kind == TYPE_AAAA => answers.push(record(&owner, TYPE_AAAA, &v6.octets())),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
    }
    let mut message = question[..2].to_vec();
    // An authoritative answer without an error, by a server that recurses.
    message.extend([0x85, 0x80, 0, 1]);
    message.extend((answers.len() as u16).to_be_bytes());
    message.extend([0; 4]);
    message.extend(&question[HEADER_BYTES..]);
    message.extend(answers.concat());
    message
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8][..], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let times = [kind.to_be_bytes(), CLASS_IN.to_be_bytes(), [0; 2], [0; 2], (data.len() as u16).to_be_bytes()];
    [owner, &times.concat(), data].concat()
}

//! Fuzz targets: what is read here of outsiders' bytes.

use model::destination::Destination;
use prost::Message as _;
use proto::v1::{self, ToAgent};
use tokio::time::Instant;

use crate::allow::{Allow, Rule};
use crate::session::state::{State, Step};
use crate::{cli, proxy, rest};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("to_agent", to_agent),
    ("settings_file", settings_file),
    ("moment", moment),
    ("allow_rule", allow_rule),
    ("proxy", proxy),
    ("tunnel", proxy::fuzz::tunnel),
    ("live_list", rest::fuzz::live_list),
    ("log", log),
    ("jq", jq),
];

/// How many attempts the agent makes at once.
const CREDITS: u32 = 4;

/// Messages of a dispatcher, each with its length in two bytes before it, to a session that is open.
/// A length of 0 ends the attempt that was asked for first.
fn to_agent(input: &[u8]) {
    let now = Instant::now();
    let mut state = State::new(CREDITS, now);
    let welcome = v1::Welcome { heartbeat_ms: 10_000, ..v1::Welcome::default() };
    let welcome = ToAgent { message: Some(v1::to_agent::Message::Welcome(welcome)) };
    assert!(state.receive(welcome, now).is_ok());
    let (mut rest, mut under_way) = (input, Vec::new());
    while let [high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (message, more) = more.split_at(more.len().min(length));
        rest = more;
        if length == 0 {
            under_way.pop().into_iter().for_each(|number| assert!(state.finished(number)));
            continue;
        }
        let Ok(message) = ToAgent::decode(message) else { return };
        match state.receive(message, now) {
            Ok(Step::Deliver(delivery)) => under_way.push(delivery.number),
            Ok(_) => {}
            Err(_) => return,
        }
        assert!(under_way.len() <= CREDITS as usize, "never more than there are credits");
        assert_eq!(under_way.is_empty(), state.is_idle());
    }
}

fn settings_file(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        cli::fuzz::settings_file(text);
    }
}

fn moment(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        cli::fuzz::moment(text);
    }
}

fn allow_rule(input: &[u8]) {
    let Some(rule) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Rule>().ok()) else { return };
    let allow = Allow::new(vec![rule]);
    for url in ["http://127.0.0.1:8080/a/b", "https://[::1]/", "http://169.254.169.254/"] {
        let Ok(destination) = Destination::parse(url) else { continue };
        allow.permit(&destination, b"/a/b?c");
    }
}

/// The URL of a proxy, and what goes around it.
fn proxy(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        proxy::fuzz::environment(text);
    }
}

/// A delivery as the API shows it, shown to people: nothing in it steers their terminal.
fn log(input: &[u8]) {
    cli::fuzz::log(input);
}

/// A jq expression, which is compiled; or JSON, which one of ours takes apart.
fn jq(input: &[u8]) {
    cli::fuzz::jq(input);
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}

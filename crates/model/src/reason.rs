//! Why a delivery took the way it took, where its outcome alone does not say: codes for the owner
//! to read, without a word of anybody's.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why something happened. The codes are stored: none is ever used again for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stored code; 0 is none.
            pub fn code(self) -> u32 {
                match self { $(Self::$name => $code,)* }
            }

            /// What the owner reads.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The agent's owner does not allow the destination.
    NotAllowedByAgent = 1, "the agent's owner does not allow this destination";
    /// The extra path leads above the destination's path.
    PathEscapes = 2, "the extra path leads above the destination's path";
    /// The output's rules do not let the event through.
    Rules = 3, "the output's rules do not let it through";
    /// The output or its bucket was deleted meanwhile.
    Deleted = 4, "the output was deleted";
    /// The event cannot be opened.
    Unreadable = 5, "the event cannot be opened";
    /// It waited too long for its turn.
    Throttled = 6, "it waited too long for its turn";
    /// A worker took it by polling.
    Polled = 7, "taken by polling";
    /// The name has no address.
    NoAddress = 20, "the destination's name has no address";
    /// A loopback address.
    Loopback = 21, "the destination is a loopback address";
    /// An address of a private network.
    Private = 22, "the destination is a private address";
    /// A link-local address.
    LinkLocal = 23, "the destination is a link-local address";
    /// An address that clouds serve credentials at.
    Metadata = 24, "the destination is a metadata address";
    /// An address that no public server has.
    Reserved = 25, "the destination is a reserved address";
    /// A port that is not for HTTP.
    Port = 26, "the destination's port is not allowed";
    /// A name for local use.
    LocalName = 27, "the destination's name is a local one";
    /// A destination that cannot be read.
    InvalidDestination = 28, "the destination cannot be read";
    /// What was received and the output's own lines give no HTTP request.
    NoRequest = 29, "no HTTP request to the destination can be made of it";
    /// No TLS with the destination, or a certificate that is not right.
    Tls = 30, "TLS with the destination failed; its certificate may not be valid";
    /// The body does not fit into a frame.
    FrameTooLarge = 40, "the body is too large for a WebSocket client";
}

impl Reason {
    /// The reason of that code; `None` for one of a later version.
    pub fn of(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_different_and_read_back() {
        let codes: HashSet<u32> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(!codes.contains(&0));
        assert!(Reason::ALL.iter().all(|r| Reason::of(r.code()) == Some(*r)));
        assert_eq!(Reason::of(u32::MAX), None);
    }
}

//! What the fuzz targets reach of the client.

use std::collections::VecDeque;

use super::tail::Parser;

/// A live list, in one piece and in many: the same events come of it.
pub(crate) fn live_list(input: &[u8]) {
    let events = |piece: usize| {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        let all = input.chunks(piece).try_for_each(|bytes| parser.feed(bytes, &mut events));
        (all, events)
    };
    let whole = events(input.len().max(1));
    assert_eq!(whole, events(1), "it depends on how the bytes came");
    assert_eq!(whole, events(7), "it depends on how the bytes came");
}

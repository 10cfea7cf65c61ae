//! Deletes the groups of sockets that did not come back, and those of agents whose token was deleted,
//! so that nothing is owed to them for ever.

use std::collections::HashMap;
use std::time::Duration;

use model::record::Group;
use model::{GroupId, TokenId, retry};
use store::cursor::Hold;
use store::fact::CursorKey;
use tokio::time::Instant;

use super::claim;
use crate::courier::configured;
use crate::forget::forget;
use crate::hub::Hub;
use crate::session::Place;

/// How often the groups are looked at.
const ROUND_EVERY: Duration = Duration::from_secs(30);
/// How much longer than its deliveries may be tried nobody may be there: what is too old has ended as
/// expired then.
const AWAY_SLACK: Duration = Duration::from_secs(120);

/// Looks after these groups until the dispatcher stops.
pub(crate) async fn run(hub: &Hub) {
    let mut away = HashMap::new();
    while !hub.stop().is_given() {
        hub.stop().or(tokio::time::sleep(ROUND_EVERY)).await;
        Box::pin(round(hub, &mut away)).await;
    }
}

/// Looks at every group once. `away` remembers since when nobody was seen to have it.
async fn round(hub: &Hub, away: &mut HashMap<CursorKey, Instant>) {
    let groups = hub.store().directory().groups();
    let mut seen = HashMap::new();
    for group in groups.iter().filter(|group| may_be_left(hub, &group.record)) {
        let Some((key, span)) = cursor_of(hub, &group.record) else {
            forget(hub, group).await;
            continue;
        };
        if hub.stop().is_given() {
            return;
        }
        if hub.has(&key) || Hold::is_held(hub.store(), &key).await {
            continue;
        }
        let since = away.get(&key).copied().unwrap_or_else(Instant::now);
        if since.elapsed() > span + AWAY_SLACK {
            forget(hub, group).await;
        } else {
            seen.insert(key, since);
        }
    }
    *away = seen;
}

/// Whether nobody misses the group when nobody has come for it for long.
fn may_be_left(hub: &Hub, group: &Group) -> bool {
    let is_of_gone_token = || token_of(group).is_some_and(|token| hub.store().directory().token(token).is_none());
    claim::is_of_socket(group) || is_of_gone_token()
}

/// The token whose agents are the group, if it is that of a token.
fn token_of(group: &Group) -> Option<TokenId> {
    group.name.parse().ok().filter(|token| group.id == GroupId::of_token(*token))
}

/// The cursor of a group, and for how long a delivery of it may be tried; `None` when its output or
/// bucket is gone. So what is owed while an output is paused, or disabled, ends before its group does.
fn cursor_of(hub: &Hub, group: &Group) -> Option<(CursorKey, Duration)> {
    let (output, bucket) = configured(hub.store().directory(), group.bucket, group.output)?;
    let place = Place { bucket: bucket.id, output: group.output, ephemeral: bucket.ephemeral };
    Some((place.cursor(group.id), retry::span(&output, &bucket)))
}

#[cfg(test)]
mod tests {
    use model::{AccountId, BucketId, OutputId, UnixMs};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_group_is_a_tokens_by_name_and_id_together() {
        let (token, account) = (TokenId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(3)));
        let group = |id, name: &str| Group {
            id,
            output: OutputId(Uuid::from_u128(4)),
            bucket: BucketId(Uuid::from_u128(2)),
            account,
            name: name.to_owned(),
            created_at: UnixMs(0),
            seen_at: None,
        };
        let own = token.to_string();
        assert_eq!(token_of(&group(GroupId::of_token(token), &own)), Some(token));
        assert_eq!(token_of(&group(GroupId::named(account, &own), &own)), None, "somebody named a group like that");
        assert_eq!(token_of(&group(GroupId::PUBLIC, "public")), None);
    }
}

//! Finds a cursor for a socket: the first of its token's that no live socket has.

use model::record::Group;
use model::{AccountId, GroupId, TokenId};
use store::cursor::Hold;
use store::fact::CursorKey;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::clock;
use crate::hub::Hub;
use crate::session::Place;

/// How many sockets of one token may have a cursor on an output at a time.
const SOCKETS_MAX: u32 = 1000;
/// What the names of sockets' groups begin with.
const PREFIX: &str = "socket/";

/// A cursor that no other socket has while the guard lives.
pub(crate) struct Claimed {
    pub(crate) key: CursorKey,
    pub(crate) guard: DropGuard,
}

/// Claims the cursor of the lowest number that no live socket has, and notes its group; `None` when
/// that cannot be done now.
pub(crate) async fn claim(hub: &Hub, account: AccountId, token: TokenId, place: Place) -> Option<Claimed> {
    for number in 0..SOCKETS_MAX {
        let key = place.cursor(GroupId::of_socket(token, place.bucket, number));
        match try_claim(hub, account, token, number, key).await {
            Ok(Some(guard)) => return Some(Claimed { key, guard }),
            Ok(None) => {}
            Err(error) => {
                warn!(output = %key.output, %error, "no cursor can be claimed for a socket now; trying again");
                return None;
            }
        }
    }
    warn!(output = %place.output, "a token has as many sockets as it may");
    None
}

/// The name of a socket's group.
pub(crate) fn name(token: TokenId, number: u32) -> String {
    format!("{PREFIX}{token}/{number}")
}

/// Whether the group is that of a socket.
pub(crate) fn is_of_socket(group: &Group) -> bool {
    let parts = group.name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
    let Some((token, number)) = parts else { return false };
    match (token.parse::<TokenId>(), number.parse()) {
        (Ok(token), Ok(number)) => group.id == GroupId::of_socket(token, group.bucket, number),
        _ => false,
    }
}

/// Claims one cursor; `None` when another socket has it.
async fn try_claim(
    hub: &Hub,
    account: AccountId,
    token: TokenId,
    number: u32,
    key: CursorKey,
) -> Result<Option<DropGuard>, store::Error> {
    let store = hub.store();
    // Read before anybody is asked: who claims meanwhile writes another revision.
    let before = store.directory().group(key.output, key.group);
    if hub.has(&key) || Hold::is_held(store, &key).await {
        return Ok(None);
    }
    let hold = Hold::take(store, &key).await?;
    let held = CancellationToken::new();
    let guard = held.clone().drop_guard();
    hub.tasks().spawn(async move { held.run_until_cancelled(hold.answer()).await });
    let written = match before {
        Some(group) => store.directory().update(&*group.record, group.revision).await,
        None => {
            let group = Group {
                id: key.group,
                output: key.output,
                bucket: key.bucket,
                account,
                name: name(token, number),
                created_at: clock::now(),
                seen_at: None,
            };
            store.directory().create(&group).await
        }
    };
    match written {
        Ok(_) => Ok(Some(guard)),
        Err(store::Error::Conflict | store::Error::Exists) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use model::{BucketId, OutputId, UnixMs};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_group_is_a_sockets_by_name_and_id_together() {
        let token = TokenId(Uuid::from_u128(1));
        let bucket = BucketId(Uuid::from_u128(2));
        let group = |id, name: &str| Group {
            id,
            output: OutputId::NONE,
            bucket,
            account: AccountId(Uuid::from_u128(3)),
            name: name.to_owned(),
            created_at: UnixMs(0),
            seen_at: None,
        };
        let own = GroupId::of_socket(token, bucket, 3);
        assert!(is_of_socket(&group(own, &name(token, 3))));
        assert!(!is_of_socket(&group(own, &name(token, 4))));
        let elsewhere = GroupId::of_socket(token, BucketId(Uuid::from_u128(9)), 3);
        assert!(!is_of_socket(&group(elsewhere, &name(token, 3))));
        assert!(!is_of_socket(&group(own, "blue")));
        let named = name(token, 3);
        assert!(!is_of_socket(&group(GroupId::named(AccountId(Uuid::from_u128(3)), &named), &named)));
    }
}

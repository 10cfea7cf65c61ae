//! Forgets the groups of agents that nobody has come for in a month. Each of their deliveries would
//! expire and take a fact, and each group a record and a cursor, for good: somebody may name one after
//! every machine that comes and goes.

use std::time::Duration;

use model::record::{Bucket, Group, Output};
use model::{GroupId, OutputId, UnixMs};
use store::cursor::Cursor;
use store::directory::Versioned;
use tracing::{debug, info, warn};

use crate::clock;
use crate::hub::Hub;
use crate::session::Place;
use crate::socket::claim;

/// For so long nobody may come for a group: far longer than deliveries are owed to it.
const AWAY_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often it is noted that agents are there.
const NOTE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often every group is looked at, and how soon after the start.
const ROUND_EVERY: Duration = Duration::from_secs(600);
const FIRST_AFTER: Duration = Duration::from_secs(15);

/// What is to be done about a group.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// It is to be noted that its agents are there, or that they may be, or may have been until now.
    Note,
    /// It is to be forgotten.
    Forget,
}

/// Looks at every group until the dispatcher stops.
pub(crate) async fn run(hub: &Hub) {
    let mut wait = FIRST_AFTER;
    while hub.stop().or(tokio::time::sleep(wait)).await.is_some() {
        wait = ROUND_EVERY;
        if !hub.store().knows_time() {
            // By the clock of this machine a month may be over at once.
            wait = FIRST_AFTER;
            continue;
        }
        for group in hub.store().directory().groups() {
            hub.stop().or(see_to(hub, &group)).await;
        }
    }
}

/// Notes that agents of a group are there, unless that was noted of late. What could not be noted is so
/// with the next round.
pub(crate) async fn note_seen(hub: &Hub, output: OutputId, group: GroupId) {
    let Some(group) = hub.store().directory().group(output, group) else { return };
    if due(&group.record, true, clock::of_log(hub)) == Some(Due::Note) {
        note(hub, &group).await;
    }
}

async fn see_to(hub: &Hub, group: &Versioned<Group>) {
    let directory = hub.store().directory();
    let Some(bucket) = directory.bucket(group.record.bucket) else { return };
    let place = Place { bucket: bucket.record.id, output: group.record.output, ephemeral: bucket.record.ephemeral };
    let key = place.cursor(group.record.id);
    let output = directory.output(group.record.output);
    let is_kept_out = output.is_some_and(|output| is_kept_out(&output.record, &bucket.record));
    match due(&group.record, is_kept_out || hub.has(&key), clock::of_log(hub)) {
        Some(Due::Note) => note(hub, group).await,
        Some(Due::Forget) if !Cursor::is_held(hub.store(), &key).await => forget(hub, group).await,
        Some(Due::Forget) | None => {}
    }
}

/// Whether no agent could come, as nothing is given out: what is owed to them waits until something is.
fn is_kept_out(output: &Output, bucket: &Bucket) -> bool {
    output.disabled || output.paused.is_some() || !bucket.stream
}

fn due(group: &Group, is_here: bool, now: UnixMs) -> Option<Due> {
    // Those of sockets and of public outputs have ends of their own.
    if group.id == GroupId::PUBLIC || claim::is_of_socket(group) {
        return None;
    }
    match group.seen_at.map(|at| now.since(at)) {
        None => Some(Due::Note),
        Some(ago) if is_here => (ago >= NOTE_EVERY).then_some(Due::Note),
        Some(ago) => (ago > AWAY_MAX).then_some(Due::Forget),
    }
}

async fn note(hub: &Hub, group: &Versioned<Group>) {
    let seen = Group { seen_at: Some(clock::of_log(hub)), ..group.record.as_ref().clone() };
    match hub.store().directory().update(&seen, group.revision).await {
        Ok(_) => {}
        Err(store::Error::Conflict) => debug!(output = %seen.output, "another dispatcher has noted it"),
        Err(error) => warn!(output = %seen.output, %error, "it was not noted that agents of a group are there"),
    }
}

/// Deletes a group as it was read, unless somebody has come for it since.
pub(crate) async fn forget(hub: &Hub, read: &Versioned<Group>) {
    let group = &read.record;
    match hub.store().directory().delete_group(read).await {
        Err(store::Error::Conflict) => debug!(output = %group.output, "somebody has come for a group"),
        Ok(()) => info!(output = %group.output, group = %group.id, "nobody has come for a group; it is forgotten"),
        Err(error) => warn!(output = %group.output, %error, "a group that nobody comes for could not be forgotten"),
    }
}

#[cfg(test)]
mod tests {
    use model::record::Paused;
    use model::{AccountId, BucketId, TokenId};
    use uuid::Uuid;

    use super::*;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn group(id: GroupId, name: &str, seen_at: Option<UnixMs>) -> Group {
        let (output, bucket) = (OutputId(Uuid::from_u128(4)), BucketId(Uuid::from_u128(2)));
        let account = AccountId(Uuid::from_u128(3));
        Group { id, output, bucket, account, name: name.to_owned(), created_at: UnixMs(0), seen_at }
    }

    #[test]
    fn a_group_is_forgotten_when_its_agents_were_away_for_a_month() {
        let blue = |seen_at| group(GroupId(Uuid::from_u128(7)), "blue", seen_at);
        let ago = |span| blue(Some(NOW.minus(span)));
        let more = Duration::from_millis(1);
        assert_eq!(due(&ago(AWAY_MAX), false, NOW), None);
        assert_eq!(due(&ago(AWAY_MAX + more), false, NOW), Some(Due::Forget));
        assert_eq!(due(&ago(AWAY_MAX + more), true, NOW), Some(Due::Note), "they are back");
        assert_eq!(due(&ago(NOTE_EVERY - more), true, NOW), None);
        assert_eq!(due(&ago(NOTE_EVERY), true, NOW), Some(Due::Note));
        assert_eq!(due(&blue(None), false, NOW), Some(Due::Note), "made by an earlier version");
    }

    #[test]
    fn agents_are_kept_out_where_nothing_is_given_out() {
        let bucket = Bucket::new(BucketId(Uuid::nil()), AccountId(Uuid::nil()), "demo".parse().unwrap(), NOW);
        let output = Output::none(&bucket);
        assert!(!is_kept_out(&output, &bucket));
        assert!(is_kept_out(&Output { disabled: true, ..output.clone() }, &bucket));
        assert!(is_kept_out(&Output { paused: Some(Paused { since: NOW, failures: 10 }), ..output.clone() }, &bucket));
        assert!(is_kept_out(&output, &Bucket { stream: false, ..bucket.clone() }));
    }

    #[test]
    fn groups_that_have_another_end_are_left_alone() {
        let (token, long_ago) = (TokenId(Uuid::from_u128(1)), Some(UnixMs(0)));
        let socket = GroupId::of_socket(token, BucketId(Uuid::from_u128(2)), 3);
        for group in [group(GroupId::PUBLIC, "public", None), group(socket, &claim::name(token, 3), long_ago)] {
            assert_eq!(due(&group, false, NOW), None, "{}", group.name);
        }
    }
}

//! Tests of the layout.

use uuid::Uuid;

use super::*;

#[test]
fn subjects_carry_ids_alone_and_lie_in_their_streams() {
    let layout = Layout { shards: 16 };
    let bucket = BucketId(Uuid::from_u128(0x21));
    assert_eq!(layout.event_stream(bucket, false), "EVENT_1");
    assert_eq!(layout.event_subject(bucket, false), "event.1.00000000000000000000000000000021");
    assert_eq!(layout.event_subject(bucket, true), "ephemeral.00000000000000000000000000000021");
    let fact = layout.fact_subject(bucket, OutputId(Uuid::from_u128(2)), GroupId(Uuid::from_u128(3)));
    assert_eq!(
        fact,
        "fact.1.00000000000000000000000000000021.00000000000000000000000000000002.00000000000000000000000000000003"
    );
}

#[test]
fn shards_are_used_evenly() {
    let layout = Layout { shards: 16 };
    let mut counts = [0u32; 16];
    for _ in 0..16_000 {
        counts[usize::from(layout.shard(BucketId(Uuid::new_v4())))] += 1;
    }
    assert!(counts.iter().all(|n| (700..1300).contains(n)), "{counts:?}");
}

#[test]
fn the_facts_of_ephemeral_buckets_are_kept_and_their_events_are_not() {
    let all = streams(&Options::new("nats://localhost"));
    let file = |name: &str| all.iter().find(|c| c.name == name).unwrap().storage == StorageType::File;
    assert!(file("EVENT_0") && file("FACT_15") && file("CHUNK"));
    assert!(!file("EPHEMERAL") && !file("EPHEMERAL_CHUNK"));
    assert!(all.iter().all(|c| c.max_consumers > 0), "the server's default is 1,000");
}

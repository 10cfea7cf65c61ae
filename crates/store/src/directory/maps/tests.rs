//! What the indices say after records came, changed and went.

use model::UnixMs;
use uuid::Uuid;

use super::*;

const HOST: &str = "hooks.example.com";

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn put_domain(maps: &mut Maps, n: u128, name: &str) {
    let now = UnixMs(0);
    let domain = Domain {
        id: DomainId(id(n)),
        account: AccountId(id(1)),
        domain: name.into(),
        created_at: now,
        updated_at: now,
    };
    maps.put(&Key::Domain(domain.id), &serde_json::to_vec(&domain).unwrap(), Revision(1)).unwrap();
}

fn put_input(maps: &mut Maps, n: u128, host: &str) -> Key {
    let (account, bucket) = (AccountId(id(1)), BucketId(id(2)));
    let mut input = Input::new(InputId(id(n)), account, bucket, "in".into(), UnixMs(0));
    input.custom_domain = host.into();
    let key = Key::Input(bucket, input.id);
    maps.put(&key, &serde_json::to_vec(&input).unwrap(), Revision(1)).unwrap();
    key
}

fn at(maps: &Maps, host: &str) -> Option<Vec<u128>> {
    let (_, inputs) = maps.at_host(host)?;
    let mut ids: Vec<u128> = inputs.map(|input| input.record.id.0.as_u128()).collect();
    ids.sort_unstable();
    Some(ids)
}

#[test]
fn inputs_are_found_by_the_host_that_they_have_now() {
    let mut maps = Maps::default();
    let first = put_input(&mut maps, 10, HOST);
    assert_eq!(at(&maps, HOST), None, "it is nobody's domain");
    put_domain(&mut maps, 5, HOST);
    put_input(&mut maps, 11, HOST);
    put_input(&mut maps, 12, "");
    assert_eq!(at(&maps, HOST), Some(vec![10, 11]));
    put_input(&mut maps, 11, "other.example.com");
    assert_eq!(at(&maps, HOST), Some(vec![10]));
    maps.remove(&first);
    assert_eq!(at(&maps, HOST), Some(vec![]));
}

#[test]
fn a_domain_that_went_does_not_take_its_successor_along() {
    let mut maps = Maps::default();
    put_domain(&mut maps, 5, HOST);
    put_domain(&mut maps, 6, HOST);
    maps.remove(&Key::Domain(DomainId(id(5))));
    assert_eq!(at(&maps, HOST), Some(vec![]));
    maps.remove(&Key::Domain(DomainId(id(6))));
    assert_eq!(at(&maps, HOST), None);
}

/// Of two that take a name at the same moment the later one gives way.
#[test]
fn a_domain_that_gave_way_leaves_the_name_to_the_other() {
    let mut maps = Maps::default();
    for n in [5, 6] {
        put_domain(&mut maps, n, HOST);
    }
    put_domain(&mut maps, 7, "other.example.com");
    maps.remove(&Key::Domain(DomainId(id(6))));
    assert_eq!(maps.at_host(HOST).map(|(domain, _)| domain.record.id), Some(DomainId(id(5))));
}

#[test]
fn an_event_is_due_to_enabled_outputs_and_to_those_that_cannot_be_read() {
    let (account, bucket) = (AccountId(id(1)), BucketId(id(2)));
    let mut maps = Maps::default();
    let mut put = |n, disabled| {
        let new = Output::new(OutputId(id(n)), account, bucket, "out".into(), "http://a/".into(), UnixMs(0));
        let json = serde_json::to_vec(&Output { disabled, ..new }).unwrap();
        maps.put(&Key::Output(bucket, OutputId(id(n))), &json, Revision(1)).unwrap();
    };
    for (n, disabled) in [(5, false), (4, true), (3, false), (6, true)] {
        put(n, disabled);
    }
    // One that was known before, and one that never was.
    for n in [6, 7] {
        maps.note_unopened(&Key::Output(bucket, OutputId(id(n))));
    }
    maps.note_unopened(&Key::Bucket(bucket));
    assert_eq!(maps.due_outputs_of(bucket), [3, 5, 6, 7].map(|n| OutputId(id(n))));
    assert!(maps.due_outputs_of(BucketId(id(9))).is_empty());
}

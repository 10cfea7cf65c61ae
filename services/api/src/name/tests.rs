//! Names of different places are kept apart.

use super::*;

#[test]
fn every_place_has_its_own_kind_of_claims() {
    let (account, other) = (AccountId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(9)));
    let (a, b) = (BucketId(Uuid::from_u128(2)), BucketId(Uuid::from_u128(3)));
    assert_eq!(Space::Buckets(account).kind(), "bucket");
    assert_eq!(Space::Inputs(account, a).kind(), "input.00000000000000000000000000000002");
    assert_eq!(Space::Outputs(account, b).kind(), "output.00000000000000000000000000000003");
    assert_eq!(Space::Outputs(other, b).account(), other);
}

#[test]
fn a_taken_name_is_said_in_the_words_of_the_compatible_api() {
    let (account, bucket) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
    let text = |space: Space| space.taken("x").to_string();
    assert_eq!(text(Space::Buckets(account)), "bucket with name 'x' already exists");
    assert_eq!(text(Space::Inputs(account, bucket)), "input with name 'x' already exists");
    assert_eq!(text(Space::Outputs(account, bucket)), "output with name 'x' already exists");
}

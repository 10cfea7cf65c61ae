//! When certificates are ordered, by whom, and how many.

use uuid::Uuid;

use super::*;
use crate::id::AccountId;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NOW: UnixMs = UnixMs(1_000_000_000_000);

fn name() -> String {
    "hooks.example.com".to_owned()
}

#[test]
fn a_new_domain_is_due_and_one_with_a_certificate_after_two_thirds_of_its_time() {
    assert!(Standing::new(name(), NOW).is_due(NOW));
    let issued = Standing::issued(name(), NOW, NOW.plus(DAY * 90));
    assert!(!issued.is_due(NOW.plus(DAY * 60).minus(Duration::from_millis(1))));
    assert!(issued.is_due(NOW.plus(DAY * 60)));
    assert_eq!(issued.valid_until, Some(NOW.plus(DAY * 90)));
}

#[test]
fn failures_wait_ever_longer_and_a_certificate_stays_what_it_is() {
    let mut standing = Standing::issued(name(), NOW, NOW.plus(DAY * 90));
    let mut waits = Vec::new();
    for _ in 0..12 {
        standing = standing.failed("no", REFUSED_WAIT, NOW, 0.0);
        waits.push(standing.next_at.since(NOW));
    }
    assert_eq!(waits[..3], [REFUSED_WAIT, REFUSED_WAIT * 2, REFUSED_WAIT * 4]);
    assert_eq!(waits.last(), Some(&WAIT_MAX));
    assert_eq!(standing.failed("no", BROKEN_WAIT, NOW, 1.0).next_at.since(NOW), WAIT_MAX + WAIT_MAX / 4);
    let many = Standing { failures: u32::MAX, ..Standing::new(name(), NOW) }.failed("no", BROKEN_WAIT, NOW, 0.5);
    assert_eq!((many.failures, many.valid_until), (u32::MAX, None));
}

#[test]
fn what_went_wrong_is_kept_up_to_a_limit() {
    let whole = "x".repeat(FAILURE_BYTES_MAX);
    let kept = |text: &str| Standing::new(name(), NOW).failed(text, BROKEN_WAIT, NOW, 0.0).failure.unwrap();
    assert_eq!(kept(&whole), whole);
    assert_eq!(kept(&format!("{}é", &whole[1..])), whole[1..]);
}

#[test]
fn one_has_the_desk_until_it_leaves_or_its_time_is_over() {
    let (one, other, account) = (Uuid::from_u128(1), Uuid::from_u128(2), AccountId(Uuid::from_u128(3)));
    let taken = Desk::default().taken(one, account, NOW).unwrap();
    assert_eq!(taken.taken(other, account, NOW), Err(Refusal::Busy));
    assert!(taken.taken(one, account, NOW).is_ok());
    assert!(taken.taken(other, account, NOW.plus(LEASE)).is_ok());
    assert!(taken.left().taken(other, account, NOW).is_ok());
}

#[test]
fn so_many_orders_and_no_more_until_the_oldest_is_long_ago() {
    let holder = Uuid::from_u128(1);
    let account = |number: usize| AccountId(Uuid::from_u128(number as u128));
    let mut desk = Desk::default();
    for _ in 0..ORDERS_PER_ACCOUNT_MAX {
        desk = desk.taken(holder, account(0), NOW).unwrap();
    }
    assert_eq!(desk.taken(holder, account(0), NOW), Err(Refusal::TooManyOfAccount));
    for number in desk.orders.len()..ORDERS_MAX {
        desk = desk.taken(holder, account(number), NOW).unwrap();
    }
    assert_eq!(desk.taken(holder, account(ORDERS_MAX), NOW), Err(Refusal::TooMany));
    let later = desk.taken(holder, account(0), NOW.plus(ORDERS_WINDOW)).unwrap();
    assert_eq!(later.orders.len(), 1);
}

#[test]
fn what_was_stored_is_read() {
    let standing: Standing = serde_json::from_str(
        r#"{"name":"hooks.example.com","valid_until":2000,"failures":1,"failure":"no address","next_at":1500}"#,
    )
    .unwrap();
    let expected = Standing {
        name: name(),
        valid_until: Some(UnixMs(2000)),
        failures: 1,
        failure: Some("no address".to_owned()),
        next_at: UnixMs(1500),
    };
    assert_eq!(standing, expected);
    let desk: Desk = serde_json::from_str(r#"{"holder":null,"until":0,"orders":[]}"#).unwrap();
    assert_eq!(desk, Desk::default());
    let issued: Issued = serde_json::from_str(r#"{"name":"hooks.example.com","cert_pem":"c","key_pem":"k"}"#).unwrap();
    assert_eq!(format!("{issued:?}"), "Issued { name: \"hooks.example.com\", .. }");
}

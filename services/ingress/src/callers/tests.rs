//! Who is admitted.

use model::request::Header;
use model::{AccountId, BucketId, UnixMs};
use uuid::Uuid;

use super::failures::FAILURES_MAX;
use super::*;

const PEER: &str = "192.0.2.1";

fn bucket(auth: CallerAuth) -> Bucket {
    let new = Bucket::new(BucketId(Uuid::nil()), AccountId(Uuid::nil()), "deploys".parse().unwrap(), UnixMs(0));
    Bucket { auth, ..new }
}

fn hash(secret: &str) -> String {
    crypto::token::hash(&Secret::from(secret.to_owned())).unwrap()
}

fn basic(password: &str) -> Bucket {
    bucket(CallerAuth::Basic { username: "ann".into(), password_hash: hash(password) })
}

fn request(lines: &[&str]) -> Request {
    let line = |value: &&str| Header { name: "authorization".into(), value: value.as_bytes().to_vec().into() };
    Request { headers: lines.iter().map(line).collect(), ..Request::default() }
}

fn credentials(text: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(text))
}

async fn admit(callers: &Callers, bucket: &Bucket, lines: &[&str]) -> Admission {
    callers.admit(bucket, &request(lines), PEER.parse().unwrap()).await
}

#[tokio::test]
async fn a_bucket_that_demands_nothing_admits_everyone() {
    let open = bucket(CallerAuth::None);
    for lines in [&[][..], &["Bearer x"], &["Bearer x", "Bearer y"]] {
        assert_eq!(admit(&Callers::new(), &open, lines).await, Admission::Admitted);
    }
}

#[tokio::test]
async fn user_and_password_must_both_be_right() {
    let (callers, bucket) = (Callers::new(), basic("pass:word"));
    let right = credentials("ann:pass:word");
    assert_eq!(admit(&callers, &bucket, &[&right]).await, Admission::Admitted);
    assert_eq!(admit(&callers, &bucket, &[&right.replace("Basic", "bAsIc")]).await, Admission::Admitted);
    let others = ["ann:pass", "ann:", "bob:pass:word", "ann", ":pass:word"].map(credentials);
    for wrong in others.iter().map(String::as_str).chain(["Basic !", "Bearer pass:word", "pass:word", ""]) {
        assert_eq!(admit(&callers, &bucket, &[wrong]).await, Admission::Refused, "{wrong}");
    }
    assert_eq!(admit(&callers, &bucket, &[]).await, Admission::Refused);
    assert_eq!(admit(&callers, &bucket, &[&right, &right]).await, Admission::Refused, "two lines");
}

#[tokio::test]
async fn a_bearer_token_must_be_right() {
    let (callers, bucket) = (Callers::new(), bucket(CallerAuth::Bearer { token_hash: hash("tok") }));
    assert_eq!(admit(&callers, &bucket, &["Bearer tok"]).await, Admission::Admitted);
    for wrong in ["Bearer token", "Bearer", "Basic tok", &credentials("tok:tok")] {
        assert_eq!(admit(&callers, &bucket, &[wrong]).await, Admission::Refused, "{wrong}");
    }
}

#[tokio::test]
async fn what_was_right_is_remembered_until_the_password_changes() {
    let (callers, bucket) = (Callers::new(), basic("old"));
    let (old, new) = (credentials("ann:old"), credentials("ann:new"));
    assert_eq!(admit(&callers, &bucket, &[&old]).await, Admission::Admitted);
    // No turn is left for bcrypt: what is admitted now was remembered.
    callers.inner.places.close();
    assert_eq!(admit(&callers, &bucket, &[&old]).await, Admission::Admitted);
    assert_eq!(admit(&callers, &bucket, &[&new]).await, Admission::Busy);
    assert_eq!(admit(&callers, &bucket, &[&credentials("bob:old")]).await, Admission::Busy);
    assert_eq!(admit(&callers, &basic("new"), &[&old]).await, Admission::Busy);
}

#[tokio::test]
async fn after_so_many_failures_no_more_work_is_done_but_for_what_was_right() {
    let (callers, bucket) = (Callers::new(), basic("right"));
    let right = credentials("ann:right");
    assert_eq!(admit(&callers, &bucket, &[&right]).await, Admission::Admitted);
    for n in 0..FAILURES_MAX {
        assert_eq!(admit(&callers, &bucket, &[&credentials(&format!("ann:{n}"))]).await, Admission::Refused);
    }
    // It would be busy if it went on to bcrypt.
    callers.inner.places.close();
    assert_eq!(admit(&callers, &bucket, &[&credentials("ann:other")]).await, Admission::Refused);
    assert_eq!(admit(&callers, &bucket, &[&right]).await, Admission::Admitted);
}

#[tokio::test]
async fn so_many_wait_for_their_turn_and_no_more() {
    let callers = Callers::new();
    let workers = callers.inner.turns.available_permits();
    assert_eq!(callers.inner.places.available_permits(), workers + QUEUE_MAX);
    let _all = callers.inner.places.acquire_many(u32::try_from(workers + QUEUE_MAX).unwrap()).await.unwrap();
    assert_eq!(admit(&callers, &basic("x"), &[&credentials("ann:x")]).await, Admission::Busy);
}

/// As when a stream is reset: what serves it is dropped when it waits for the first time.
async fn leaves<T>(serving: impl Future<Output = T>) {
    assert!(timeout(Duration::ZERO, serving).await.is_err());
}

#[tokio::test]
async fn a_check_that_has_begun_keeps_its_turn_although_its_caller_has_gone() {
    let inner = Callers::new().inner;
    let (turns, places) = (inner.turns.available_permits(), inner.places.available_permits());
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    leaves(inner.in_turn(move || told.recv().is_ok())).await;
    assert_eq!(inner.turns.available_permits(), turns - 1);
    assert_eq!(inner.places.available_permits(), places - 1);
    go_on.send(()).unwrap();
    let _all = inner.turns.acquire_many(u32::try_from(turns).unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_failures_of_callers_who_leave_count() {
    let (callers, bucket) = (Callers::new(), basic("right"));
    let turns = u32::try_from(callers.inner.turns.available_permits()).unwrap();
    for n in 0..FAILURES_MAX {
        leaves(admit(&callers, &bucket, &[&credentials(&format!("ann:{n}"))])).await;
        drop(callers.inner.turns.acquire_many(turns).await.unwrap());
    }
    // It would be busy if it went on to bcrypt.
    callers.inner.places.close();
    assert_eq!(admit(&callers, &bucket, &[&credentials("ann:other")]).await, Admission::Refused);
}

#[test]
fn so_much_is_remembered_and_no_more() {
    let callers = Callers::new();
    let print = |n: usize| {
        let secret = Secret::from(n.to_string());
        callers.inner.fingerprinter.as_ref().unwrap().fingerprint("hash", &secret).unwrap()
    };
    for n in 0..RIGHT_MAX {
        callers.inner.remember(print(n));
    }
    assert!(callers.inner.recalls(print(0)) && callers.inner.recalls(print(RIGHT_MAX - 1)));
    callers.inner.remember(print(RIGHT_MAX));
    assert!(!callers.inner.recalls(print(0)) && callers.inner.recalls(print(RIGHT_MAX)));
}

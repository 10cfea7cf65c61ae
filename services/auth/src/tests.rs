//! The service through its front door: questions asked over a real NATS.

mod house;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crypto::session::{self, Audience};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::{AccountId, TokenId};
use store::Store;
use store::verification::{Answer, Verified};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Error;
use crate::admin::{SECRET_BYTES_MIN, account_id, ensure_admin};
use crate::failures::FAILURES_MAX;
use house::{House, eventually, issue, renew, revoke, secret, verified, verify};

fn account() -> AccountId {
    AccountId(Uuid::from_u128(7))
}

fn unknown() -> TokenId {
    TokenId(Uuid::new_v4())
}

/// Checks what a session token says by the keys in the directory, as a dispatcher does.
fn check_session(store: &Store, verified: &Verified) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let keys = store.directory().signers();
    let claims = session::verify(verified.session_token.expose(), &keys, Audience::Dispatcher, now).unwrap();
    assert_eq!(claims.account, verified.account);
    assert_eq!(claims.token, verified.token);
    assert_eq!(claims.generation, verified.generation);
    assert_eq!(claims.expires_at, verified.expires_at.seconds());
    let left = Duration::from_secs(claims.expires_at - now);
    assert!(left <= crate::SESSION_LIFETIME_DEFAULT && left > Duration::from_secs(590), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_is_verified_and_stands_for_a_session() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;

    let first = verified(&store, token, secret.expose()).await;
    assert_eq!(first.account, account());
    assert_eq!(first.token, token);
    check_session(&store, &first);
    // This one is remembered.
    let second = verified(&store, token, secret.expose()).await;
    check_session(&store, &second);
    assert_ne!(first.session_token.expose(), second.session_token.expose());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secrets_and_unknown_keys_are_refused_alike() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, right) = issue(&store, account()).await;
    let too_long = "a".repeat(100);
    for (key, wrong) in [
        (token, "wrong"),
        (token, "wrong"),
        (token, ""),
        (token, too_long.as_str()),
        (unknown(), right.expose()),
        (unknown(), ""),
    ] {
        let answer = verify(&store, key, wrong).await;
        assert!(matches!(answer, Answer::Refused), "{answer:?}");
    }
    assert!(matches!(renew(&store, unknown()).await, Answer::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_kept_as_a_sealed_bcrypt_hash_alone() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    let hash = store.credentials().hash(token).await.unwrap().unwrap();
    assert!(hash.starts_with("$2b$10$"), "{hash}");
    assert!(!house.is_on_disk(secret.expose()));
    assert!(!house.is_on_disk(&hash));
    assert!(!house.is_on_disk("a test"));
    // The search does find what lies there in clear.
    assert!(house.is_on_disk(&format!("token.{}", token.0.simple())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_by_every_copy_that_remembers_it() {
    let house = House::new().await;
    let (one, other) = (house.copy().await, house.copy().await);
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    // Enough that both copies have verified it.
    for _ in 0..20 {
        verified(&store, token, secret.expose()).await;
    }
    revoke(&store, token).await;
    eventually("the token is gone", || async { store.directory().token(token).is_none() }).await;
    for _ in 0..20 {
        eventually("it is refused", || async {
            matches!(verify(&store, token, secret.expose()).await, Answer::Refused)
        })
        .await;
        assert!(matches!(renew(&store, token).await, Answer::Refused));
    }
    assert_eq!(store.credentials().hash(token).await.unwrap(), None);
    // Once more changes nothing.
    revoke(&store, token).await;
    one.end().await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_start_at_once_share_one_signing_key() {
    let house = House::new().await;
    let _copies = tokio::join!(house.copy(), house.copy(), house.copy());
    let store = house.store().await;
    assert_eq!(store.directory().signers().len(), 1);
    let (token, secret) = issue(&store, account()).await;
    for _ in 0..10 {
        check_session(&store, &verified(&store, token, secret.expose()).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_copy_knows_the_tokens_and_sessions_of_the_one_before() {
    let house = House::new().await;
    let store = house.store().await;
    let before = house.copy().await;
    let (token, secret) = issue(&store, account()).await;
    let session = verified(&store, token, secret.expose()).await;
    before.end().await;

    let _after = house.copy().await;
    verified(&store, token, secret.expose()).await;
    check_session(&store, &session);
    match renew(&store, token).await {
        Answer::Verified(renewed) => check_session(&store, &renewed),
        other => panic!("not renewed: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_goes_on_after_nats_was_killed() {
    let mut house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    house.restart_nats().await;
    eventually("it is verified again", || async {
        let question = store::verification::Question::Verify { token, secret: secret.clone() };
        matches!(store.verification().ask(&question).await, Ok(Answer::Verified(_)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_the_stop_is_answered() {
    let house = House::new().await;
    let copy = house.copy().await;
    let store = house.store().await;
    let mut asked = (0..5).map(|_| Box::pin(verify(&store, unknown(), "wrong"))).collect::<FuturesUnordered<_>>();
    // One connection keeps its order: when the first is answered, the others have arrived.
    let first = asked.next().await;
    assert!(matches!(first, Some(Answer::Refused)), "{first:?}");
    let (rest, ()) = tokio::join!(asked.collect::<Vec<_>>(), copy.end());
    assert_eq!(rest.len(), 4);
    assert!(rest.iter().all(|answer| matches!(answer, Answer::Refused)), "{rest:?}");
}

/// Without the wait for the same secret, all but the few that have a place would be told to come
/// back.
#[tokio::test(flavor = "multi_thread")]
async fn many_agents_of_one_token_are_let_in_at_once() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    let mut agents = JoinSet::new();
    for _ in 0..500 {
        let (store, secret) = (store.clone(), secret.clone());
        agents.spawn(async move { verify(&store, token, secret.expose()).await });
    }
    while let Some(answer) = agents.join_next().await {
        let answer = answer.unwrap();
        assert!(matches!(answer, Answer::Verified(_)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_fails_too_often_is_turned_away_and_its_owner_is_not() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    verified(&store, token, secret.expose()).await;
    for key in [token, unknown()] {
        for n in 0..FAILURES_MAX {
            let answer = verify(&store, key, &format!("wrong {n}")).await;
            assert!(matches!(answer, Answer::Refused), "{answer:?}");
        }
        let answer = verify(&store, key, "wrong again").await;
        assert!(matches!(answer, Answer::Busy), "{answer:?}");
    }
    verified(&store, token, secret.expose()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_invented_secrets_is_bounded_and_the_others_get_through() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let (token, secret) = issue(&store, account()).await;
    verified(&store, token, secret.expose()).await;
    let mut flood = JoinSet::new();
    for _ in 0..300 {
        let store = store.clone();
        flood.spawn(async move { verify(&store, unknown(), "invented").await });
    }
    verified(&store, token, secret.expose()).await;
    let mut busy = 0;
    while let Some(answer) = flood.join_next().await {
        match answer.unwrap() {
            Answer::Refused => {}
            Answer::Busy => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(busy > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_an_admin_and_the_next_finds_it() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let first = ensure_admin(&store, None).await.unwrap();
    let made = first.secret.unwrap();
    assert_eq!(verified(&store, first.key, made.expose()).await.account, account_id());

    let next = ensure_admin(&store, None).await.unwrap();
    assert_eq!((next.account, next.key), (first.account, first.key));
    assert!(next.secret.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_start_at_once_make_one_admin() {
    let house = House::new().await;
    let mut starts = JoinSet::new();
    for _ in 0..4 {
        let store = house.store().await;
        starts.spawn(async move { ensure_admin(&store, None).await.unwrap() });
    }
    let admins = starts.join_all().await;
    assert_eq!(admins.iter().filter(|admin| admin.secret.is_some()).count(), 1);
    assert!(admins.iter().all(|admin| admin.key == admins[0].key));
    let store = house.store().await;
    assert_eq!(store.directory().tokens_of(account_id()).len(), 1);
    assert_eq!(store.directory().accounts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_admin_is_what_the_operator_says() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let key = unknown();
    let (old, new) = ("the secret of before", "the secret of now");

    for _ in 0..2 {
        let admin = ensure_admin(&store, Some((key, secret(old)))).await.unwrap();
        assert_eq!((admin.account, admin.key), (account_id(), key));
    }
    let before = verified(&store, key, old).await;

    ensure_admin(&store, Some((key, secret(new)))).await.unwrap();
    eventually("the new generation is seen", || async {
        matches!(verify(&store, key, new).await, Answer::Verified(now) if now.generation > before.generation)
    })
    .await;
    let answer = verify(&store, key, old).await;
    assert!(matches!(answer, Answer::Refused), "{answer:?}");
    assert_eq!(store.directory().tokens_of(account_id()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_start_at_once_agree_on_a_given_admin() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let key = unknown();
    let given = "the secret of the operator";
    for changed in [given, "another secret of the operator"] {
        let mut starts = JoinSet::new();
        for _ in 0..4 {
            let store = house.store().await;
            starts.spawn(async move { ensure_admin(&store, Some((key, secret(changed)))).await });
        }
        assert!(starts.join_all().await.iter().all(Result::is_ok));
        let store = house.store().await;
        eventually("it is verified", || async { matches!(verify(&store, key, changed).await, Answer::Verified(_)) })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_admin_credentials_are_named() {
    let house = House::new().await;
    let _copy = house.copy().await;
    let store = house.store().await;
    let ensure = async |key, text: String| ensure_admin(&store, Some((key, secret(&text)))).await;

    let short = ensure(unknown(), "s".repeat(SECRET_BYTES_MIN - 1)).await;
    assert!(matches!(short, Err(Error::SecretTooShort { .. })), "{short:?}");
    assert!(ensure(unknown(), "s".repeat(SECRET_BYTES_MIN)).await.is_ok());
    let long = ensure(unknown(), "s".repeat(crypto::token::SECRET_BYTES_MAX + 1)).await;
    assert!(matches!(long, Err(Error::Crypto(crypto::Error::TooLong { .. }))), "{long:?}");

    let (taken, _) = issue(&store, account()).await;
    let of_other = ensure(taken, "s".repeat(SECRET_BYTES_MIN)).await;
    assert!(matches!(of_other, Err(Error::KeyTaken)), "{of_other:?}");
}

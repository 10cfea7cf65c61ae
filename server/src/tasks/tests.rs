//! An early end is noticed, a panic too, and the end is waited for.

use super::*;

#[tokio::test]
async fn an_early_end_is_named() {
    let mut group = Group::default();
    let stop = group.stop();
    group.spawn("patient", async move { stop.given().await });
    group.spawn("hasty", async {});
    assert_eq!(group.ended_early().await.to_string(), "hasty ended without being told to");
    group.finish().await;
}

#[tokio::test]
async fn a_panic_is_named() {
    let mut group = Group::default();
    group.spawn("broken", async { panic!("on purpose") });
    let err = format!("{:#}", group.ended_early().await);
    assert!(err.contains("broken ended") && err.contains("panic"), "{err}");
}

#[tokio::test]
async fn an_empty_group_never_ends_early() {
    let mut group = Group::default();
    let ended = tokio::time::timeout(std::time::Duration::from_millis(1), group.ended_early()).await;
    assert!(ended.is_err());
}

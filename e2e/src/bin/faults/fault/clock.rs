//! The clock of one process jumps an hour ahead, and then an hour behind.

use std::fs;

use anyhow::Result;
use rand::rngs::SmallRng;

use super::WHILE;
use crate::stage::{Kind, Stage};

/// The library that gives a program another clock, in Debian's package `libfaketime`.
pub(super) const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// How far the clock is off, as the library reads it from its file.
const OFF: [&str; 3] = ["+3600", "-3600", "+0"];

/// That of any of a kind of service.
pub(super) async fn jump(stage: &mut Stage, kind: Kind, dice: &mut SmallRng) -> Result<()> {
    let number = stage.one_of(kind, dice);
    let file = stage.world.dir().join("clock");
    let plan = stage.server(kind, number).plan();
    let other = plan
        .clone()
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME_TIMESTAMP_FILE", &file.to_string_lossy())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    fs::write(&file, "+0")?;
    stage.stop(kind, number).await?;
    stage.server(kind, number).set_plan(other);
    stage.start_again(kind, number).await?;
    for off in OFF {
        fs::write(&file, off)?;
        stage.until_passing().await?;
        stage.goes_on(WHILE).await?;
    }
    stage.stop(kind, number).await?;
    stage.server(kind, number).set_plan(plan);
    stage.start_again(kind, number).await
}

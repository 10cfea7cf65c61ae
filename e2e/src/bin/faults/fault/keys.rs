//! Keys are rotated as docs/keys.md says: an operator's work, not an accident, under the same load.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::keys;
use e2e::wait::{holds, until};
use uuid::Uuid;

use crate::stage::Stage;

/// The new key is given everywhere, then wraps, then is alone.
pub(super) async fn rotate_master(stage: &mut Stage) -> Result<()> {
    let old = stage.master_key.clone();
    let new = BASE64_STANDARD.encode([*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat());
    for masters in [format!("{old},{new}"), format!("{new},{old}")] {
        restart_with(stage, &masters).await?;
    }
    command(stage, &format!("{new},{old}"), &["rotate"]).await?;
    restart_with(stage, &new).await?;
    command(stage, &new, &["status"]).await?;
    stage.master_key = new;
    Ok(())
}

/// Every scope gets another data key.
pub(super) async fn renew(stage: &mut Stage) -> Result<()> {
    let masters = stage.master_key.clone();
    command(stage, &masters, &["renew"]).await
}

/// One server after the other, as a rolling update does.
async fn restart_with(stage: &mut Stage, masters: &str) -> Result<()> {
    let pairs = [&mut stage.auths, &mut stage.apis, &mut stage.dispatchers, &mut stage.ingresses];
    for server in pairs.into_iter().flatten() {
        server.process().terminate()?;
        server.process_mut().exit().await?;
        server.launch_again_with("RELAY_MASTER_KEY", masters)?;
        until("it is ready again", async || Ok(holds(server.status("/readyz").await == Some(200)))).await?;
    }
    Ok(())
}

async fn command(stage: &mut Stage, masters: &str, args: &[&str]) -> Result<()> {
    let (code, said) = keys::around(stage.broker.as_ref(), masters, args).await?;
    ensure!(code == Some(0), "relay-server keys {args:?}: {said}");
    let last = said.lines().last().context("it says nothing")?;
    stage.remark(last.to_owned());
    Ok(())
}

//! Files that cannot be used, and outputs that nobody reads.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

use anyhow::{Result, ensure};
use e2e::{World, programs, story};
use tokio::process::Command;

use crate::command_line::login;

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_named_in_one_line() {
    story(async |world: &World| {
        let file = |name: &str, bytes: &[u8]| -> Result<String> {
            let path = world.dir().join(name);
            std::fs::write(&path, bytes)?;
            Ok(path.to_string_lossy().into_owned())
        };
        let cases = [
            (file("unknown.yml", b"version: v1\nbukets: [a]\n")?, "line 2: unknown field `bukets`"),
            (file("type.yml", b"buckets: 7\n")?, "buckets: invalid type"),
            (file("version.yml", b"version: v9\n")?, "unknown variant `v9`"),
            (file("list.yml", b"- a\n- b\n")?, "invalid type: sequence"),
            (file("yaml.yml", b"buckets: [a\n")?, "line"),
            (file("bytes.yml", b"\xff\xfe\0")?, "valid UTF-8"),
            (file("deep.yml", "[".repeat(100_000).as_bytes())?, "invalid type"),
            (file("bomb.yml", bomb().as_bytes())?, "line"),
            (world.dir().to_string_lossy().into_owned(), "cannot read"),
            (world.dir().join("nowhere.yml").to_string_lossy().into_owned(), "cannot read"),
        ];
        for (path, part) in cases {
            let output = relay(world, &["run", "-c", &path], Stdio::piped()).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.code() == Some(2), "{path}: {} {said}", output.status);
            ensure!(said.lines().count() == 1 && said.contains(part) && said.contains(&path), "{path}: {said}");
        }
        Ok(())
    })
    .await;
}

/// Each line names the one before ten times: a billion, were they followed.
fn bomb() -> String {
    let lines = (1..10).map(|n| format!("x{n}: &x{n} [{}]\n", vec![format!("*x{}", n - 1); 10].join(",")));
    ["x0: &x0 [a]\n".to_owned()].into_iter().chain(lines).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_ends_early_ends_the_command() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        login(world, &server).await?;
        server.api()?.make_bucket("deploys", serde_json::json!({})).await?;
        for args in [["bucket", "ls"].as_slice(), &["completion", "bash"], &["--help"]] {
            // A pipe whose reader has gone before anything is written.
            let (reader, writer) = std::io::pipe()?;
            drop(reader);
            let output = relay(world, args, writer.into()).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.code() == Some(0), "{args:?}: {} {said}", output.status);
            ensure!(output.status.signal().is_none() && said.is_empty(), "{args:?}: {said}");

            let full = std::fs::File::options().write(true).open("/dev/full")?;
            let output = relay(world, args, full.into()).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            // Help is written by a library that does not tell.
            let fails = !args.contains(&"--help");
            ensure!(
                output.status.success() != fails && said.lines().count() <= 1,
                "{args:?}: {} {said}",
                output.status
            );
        }
        Ok(())
    })
    .await;
}

/// Runs `relay` as the person who has logged in, without a terminal.
async fn relay(world: &World, args: &[&str], stdout: Stdio) -> Result<Output> {
    let mut command = Command::new(programs::of_workspace("relay")?);
    let home = world.dir().join("home-person");
    command.env_clear().env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
    command.args(args).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).kill_on_drop(true);
    // `output` would put a pipe of its own into the place of `stdout`.
    let child = command.spawn()?;
    Ok(tokio::time::timeout(e2e::wait::PATIENCE, child.wait_with_output()).await??)
}

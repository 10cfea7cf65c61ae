//! The unit of systemd (systemd.service(5), systemd.exec(5)).

use std::ffi::OsString;
use std::path::Path;

use super::RESTART_SECONDS;
use crate::agent::GRACE;
use crate::cli::failure::Failure;

/// How much longer than the agent's own grace systemd waits before it kills, in seconds.
const STOP_SECONDS_EXTRA: u64 = 5;

/// The unit that runs `program` with `args`, for the machine or for a user.
///
/// # Errors
/// When a path is not UTF-8, which no unit can hold.
pub(super) fn render(program: &Path, args: &[OsString], is_system: bool) -> Result<String, Failure> {
    let words = std::iter::once(program.as_os_str()).chain(args.iter().map(OsString::as_os_str));
    let not_text = || anyhow::anyhow!("a path is not UTF-8, which a unit of systemd cannot name");
    let words = words.map(|word| word.to_str().map(quoted).ok_or_else(not_text)).collect::<Result<Vec<_>, _>>()?;
    let (wanted_by, network) = match is_system {
        true => ("multi-user.target", "Wants=network-online.target\nAfter=network-online.target\n"),
        // The manager of a user knows no such target; the agent itself waits for the network.
        false => ("default.target", ""),
    };
    Ok(format!(
        "[Unit]\n\
         Description=Relay agent: brings webhooks to this network\n\
         {network}\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={}\n\
         Restart=always\n\
         RestartSec={RESTART_SECONDS}\n\
         # Credentials that are refused, or a file that cannot be read, do not mend themselves.\n\
         RestartPreventExitStatus=2 3\n\
         # What is under way is finished first.\n\
         TimeoutStopSec={}\n\
         KillMode=mixed\n\
         NoNewPrivileges=true\n\
         \n\
         [Install]\n\
         WantedBy={wanted_by}\n",
        words.join(" "),
        GRACE.as_secs() + STOP_SECONDS_EXTRA,
    ))
}

/// A word of `ExecStart`, with nothing in it that systemd would replace.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{word}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_the_agent_and_starts_it_again() {
        let args = ["run".into(), "--config".into(), "/home/a b/100%/$x\".yml".into()];
        let unit = render(Path::new("/usr/bin/relay"), &args, false).unwrap();
        for line in [
            r#"ExecStart="/usr/bin/relay" "run" "--config" "/home/a b/100%%/$$x\".yml""#,
            "Restart=always",
            "RestartSec=5",
            "TimeoutStopSec=30",
            "WantedBy=default.target",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line} in\n{unit}");
        }
        assert!(!unit.contains("network-online"));
        let unit = render(Path::new("/usr/bin/relay"), &[], true).unwrap();
        assert!(unit.contains("WantedBy=multi-user.target\n") && unit.contains("After=network-online.target\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_refused() {
        let path: OsString = std::os::unix::ffi::OsStringExt::from_vec(vec![b'/', 0xff]);
        assert!(render(Path::new(&path), &[], true).is_err());
    }
}

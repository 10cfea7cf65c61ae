//! What becomes of `nats-server` when something is killed.

use super::*;

/// The living processes whose first word is `program` and that work for this data directory.
fn processes(program: &str, data: &Path) -> Vec<Pid> {
    let config = data.canonicalize().unwrap().join("nats/nats.conf");
    let config = config.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let words: Vec<&str> = line.split('\0').collect();
            (words.first()?.ends_with(program) && words.contains(&config)).then_some(pid)
        })
        .collect()
}

fn brokers(data: &Path) -> Vec<Pid> {
    processes("nats-server", data)
}

fn guards(data: &Path) -> Vec<Pid> {
    processes("relay-server", data)
}

#[test]
fn a_killed_server_takes_its_broker_along() {
    let data = data();
    let mut server = Running::start(data.path()).ready(data.path());
    assert_eq!((brokers(data.path()).len(), guards(data.path()).len()), (1, 1));
    server.kill();
    until("the broker and its guard are gone", || brokers(data.path()).is_empty() && guards(data.path()).is_empty());
}

#[test]
fn a_stopped_server_leaves_nothing_and_starts_again_on_what_it_kept() {
    let data = data();
    let mut server = Running::start(data.path()).ready(data.path());
    assert!(server.stop().success());
    assert!(brokers(data.path()).is_empty() && guards(data.path()).is_empty());
    let admin =
        || -> serde_json::Value { serde_json::from_slice(&fs::read(data.path().join("admin.json")).unwrap()).unwrap() };
    let before = admin();
    let mut again = Running::start(data.path());
    until("the new address is written down", || admin()["url"] != before["url"]);
    again = again.ready(data.path());
    assert_eq!((&admin()["key"], &admin()["secret"]), (&before["key"], &before["secret"]));
    assert!(again.stop().success());
}

#[test]
fn a_killed_broker_is_started_again_and_so_is_one_whose_guard_was_killed() {
    let data = data();
    let _server = Running::start(data.path()).ready(data.path());
    for victims in [brokers, guards] {
        let (old_brokers, victim) = (brokers(data.path()), victims(data.path()));
        kill_process(victim[0], Signal::KILL).unwrap();
        until("another broker runs, alone", || {
            let now = brokers(data.path());
            now.len() == 1 && now != old_brokers
        });
        until("the server is ready", || health(data.path()).is_some_and(|output| output.status.success()));
    }
}

#[test]
fn a_broker_that_was_left_behind_is_stopped_before_another_starts() {
    let data = data();
    let mut server = Running::start(data.path()).ready(data.path());
    let orphan = brokers(data.path());
    kill_process(guards(data.path())[0], Signal::KILL).unwrap();
    server.kill();
    // Either the server was faster than its own end and started another guard, or the broker is
    // an orphan now; in both cases one broker is there when the next server serves.
    let fresh = Running::start(data.path());
    until("one other broker runs", || {
        let now = brokers(data.path());
        now.len() == 1 && now != orphan
    });
    drop(fresh);
}

#[test]
fn a_data_directory_has_one_server() {
    let data = data();
    let _server = Running::start(data.path()).ready(data.path());
    let second = relay_server().args(["--http-addr", "127.0.0.1:0", "--data-dir"]).arg(data.path()).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains("in use by another relay-server"), "{said}");
}

#[test]
fn what_is_missing_is_said() {
    let data = data();
    let no_broker = relay_server()
        .args(["--http-addr", "127.0.0.1:0", "--nats-server", "/nowhere/nats-server", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    let said = String::from_utf8(no_broker.stderr).unwrap();
    assert!(!no_broker.status.success() && said.contains("cargo xtask up"), "{said}");
    let nobody = Command::new(PROGRAM).args(["health", "--url", "http://127.0.0.1:9/readyz"]).output().unwrap();
    assert!(!nobody.status.success());
}

//! The connection to NATS: to which of its servers, how soon after a failure, and what is logged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ReconnectToServer, Server, ServerAddr};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::counts::Counts;
use crate::{Error, Options};

/// How often NATS is asked whether it is alive; two silences end the connection.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long a server may take to greet us. One that is frozen still has its connections accepted.
const GREETING_WAIT: Duration = Duration::from_secs(2);
/// The first and the longest wait between two tries to reach NATS again, before a part at random is
/// taken off: processes that lost the same server do not come to the next one at the same moment.
const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(20);
const RECONNECT_WAIT_MAX: Duration = Duration::from_millis(500);

/// Connects. `connections` counts each time that a connection was made.
///
/// # Errors
/// [`Error::Unavailable`] when no server can be reached.
pub(crate) async fn connect(
    options: &Options,
    suffix: &str,
    connections: watch::Sender<u64>,
    counts: &Counts,
) -> Result<Client, Error> {
    let counts = counts.clone();
    let name = format!("{}{suffix}", options.client_name);
    let choice = Arc::new(Choice::default());
    let mut connect = ConnectOptions::new()
        .name(&name)
        .custom_inbox_prefix(format!("_INBOX.{}", options.client_name))
        .ping_interval(PING_EVERY)
        .connection_timeout(GREETING_WAIT)
        .reconnect_to_server_callback(move |pool, _| std::future::ready(choice.next(&pool)))
        .event_callback(move |event| {
            note(&event, &connections, &counts);
            std::future::ready(())
        });
    if let Some((user, password)) = &options.credentials {
        connect = connect.user_and_password(user.clone(), password.expose().to_owned());
    }
    if let Some(file) = &options.ca_file {
        connect = connect.require_tls(true).add_root_certificates(file.clone());
    }
    connect.connect(options.servers.clone()).await.map_err(|e| Error::unavailable("connect to NATS", e))
}

/// Which server a connection is made to: never the one that it was made to last, if there is
/// another. Whatever was wrong with that one (it was cut off from the others and still took our
/// connections, or is frozen) may still be wrong.
#[derive(Default)]
struct Choice {
    last: Mutex<Option<ServerAddr>>,
}

impl Choice {
    fn next(&self, pool: &[Server]) -> Option<ReconnectToServer> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let servers: Vec<_> = pool.iter().map(|server| (&server.addr, server.failed_attempts)).collect();
        let (addr, failures) = choose(&servers, last.as_ref(), rand::random())?;
        *last = Some(addr.clone());
        Some(ReconnectToServer { addr: addr.clone(), delay: Some(wait(failures, rand::random())) })
    }
}

/// Of the servers with their failures in a row, one of those with the fewest that is not `last`.
fn choose<'a, A: PartialEq>(servers: &[(&'a A, usize)], last: Option<&A>, random: u32) -> Option<(&'a A, usize)> {
    let others: Vec<_> = servers.iter().filter(|(addr, _)| Some(*addr) != last).copied().collect();
    let candidates = if others.is_empty() { servers } else { &others };
    let fewest = candidates.iter().map(|(_, failures)| *failures).min()?;
    let best: Vec<_> = candidates.iter().filter(|(_, failures)| *failures == fewest).collect();
    best.get(random as usize % best.len()).map(|server| **server)
}

/// The wait before a server that has failed so often in a row is tried again; `random` is from 0 to 1.
fn wait(failures: usize, random: f32) -> Duration {
    let exponent = u32::try_from(failures.min(6)).unwrap_or(6);
    (RECONNECT_WAIT_MIN * 2u32.pow(exponent)).min(RECONNECT_WAIT_MAX).mul_f32(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

fn note(event: &Event, connections: &watch::Sender<u64>, counts: &Counts) {
    match event {
        Event::Connected => {
            if *connections.borrow() > 0 {
                counts.note_reconnect();
            }
            connections.send_modify(|n| *n += 1);
            info!("connected to NATS");
        }
        Event::ServerError(_) | Event::ClientError(_) | Event::SlowConsumer(_) => warn!(%event, "NATS"),
        Event::Disconnected | Event::LameDuckMode | Event::Draining | Event::Closed => info!(%event, "NATS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_is_chosen_than_the_last_one_whatever_chance_says() {
        let servers = [(&'a', 0), (&'b', 0), (&'c', 0)];
        let chosen = |last, random| choose(&servers, last, random).unwrap().0;
        for random in 0..100 {
            assert_ne!(chosen(Some(&'b'), random), &'b');
        }
        assert_eq!([0, 1, 2].map(|random| *chosen(None, random)), ['a', 'b', 'c']);
    }

    #[test]
    fn servers_that_failed_less_go_first_and_a_single_one_is_always_chosen() {
        assert_eq!(choose(&[(&'a', 0), (&'b', 2), (&'c', 1)], Some(&'a'), 7), Some((&'c', 1)));
        assert_eq!(choose(&[(&'a', 3)], Some(&'a'), 7), Some((&'a', 3)));
        assert_eq!(choose::<char>(&[], None, 7), None);
    }

    #[test]
    fn waits_grow_to_their_limit_and_differ() {
        assert_eq!(wait(0, 1.0), RECONNECT_WAIT_MIN);
        assert_eq!((wait(100, 1.0), wait(100, 0.0)), (RECONNECT_WAIT_MAX, RECONNECT_WAIT_MAX / 2));
    }
}

//! Look-ups of names by the system. One that was begun cannot be given up: it has a thread until the
//! system answers, however long the name servers are silent. So there are few, and who asks for a name
//! that is being looked up waits for that look-up.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// How many names are looked up at once: an eighth of the threads that a process has for what blocks.
const LOOKUPS_MAX: usize = 64;
/// How long a name waits for a place among those.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(5);

/// The look-ups that are under way.
#[derive(Debug)]
pub(crate) struct Lookups {
    places: Arc<Semaphore>,
    names: Arc<Mutex<Names>>,
}

type Names = HashMap<String, Shared<oneshot::Receiver<Found>>>;
type Found = Result<Vec<IpAddr>, Arc<io::Error>>;

impl Default for Lookups {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(LOOKUPS_MAX)), names: Arc::default() }
    }
}

impl Lookups {
    /// The addresses of a name, as `look_up` finds them unless somebody has it looked up already.
    ///
    /// # Errors
    /// What `look_up` says; `ResourceBusy` when too many others are being looked up.
    pub(crate) async fn find<F>(&self, name: &str, look_up: impl FnOnce(String) -> F) -> io::Result<Vec<IpAddr>>
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let found = self.under_way(name, look_up).await;
        let found = found.map_err(|_| io::Error::other("the look-up was given up"))?;
        found.map_err(|err| io::Error::new(err.kind(), err))
    }

    fn under_way<F>(&self, name: &str, look_up: impl FnOnce(String) -> F) -> Shared<oneshot::Receiver<Found>>
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let mut names = lock(&self.names);
        if let Some(found) = names.get(name) {
            return found.clone();
        }
        let (tx, rx) = oneshot::channel();
        let rx = rx.shared();
        names.insert(name.to_owned(), rx.clone());
        let (name, looked_up) = (name.to_owned(), look_up(name.to_owned()));
        let (places, names) = (self.places.clone(), self.names.clone());
        // It goes on when nobody waits for it any more, and has its place for as long.
        tokio::spawn(async move {
            let found = match timeout(PLACE_WAIT_MAX, places.acquire()).await {
                Ok(Ok(_place)) => looked_up.await,
                Ok(Err(_)) | Err(_) => Err(busy()),
            };
            lock(&names).remove(&name);
            let _ = tx.send(found.map_err(Arc::new));
        });
        rx
    }
}

fn busy() -> io::Error {
    let text = format!("{LOOKUPS_MAX} other names are being looked up, and none was found in time");
    io::Error::new(io::ErrorKind::ResourceBusy, text)
}

fn lock(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn a_name_whose_servers_are_silent_has_one_thread_and_keeps_nobody_else_waiting() {
        let (lookups, begun) = (Lookups::default(), AtomicUsize::new(0));
        let silent = |_| {
            begun.fetch_add(1, Ordering::Relaxed);
            pending()
        };
        let attempts = (0..1000).map(|_| timeout(Duration::from_secs(30), lookups.find("silent", silent)));
        assert!(join_all(attempts).await.iter().all(Result::is_err));
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        assert_eq!(lookups.find("other", |_| ready(Ok(vec![HERE]))).await.unwrap(), [HERE]);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_names_are_looked_up_at_once_and_the_next_is_told() {
        let lookups = Lookups::default();
        let (answer, answered) = oneshot::channel();
        let first = lookups.under_way("0", |_| async { answered.await.map_err(io::Error::other) });
        let silent: Vec<_> = (1..LOOKUPS_MAX).map(|n| lookups.under_way(&n.to_string(), |_| pending())).collect();
        let next = async || lookups.find("next", |_| ready(Ok(vec![HERE]))).await;
        assert_eq!(next().await.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        answer.send(vec![HERE]).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), [HERE]);
        assert_eq!(next().await.unwrap(), [HERE], "there is a place again");
        drop(silent);
    }

    #[tokio::test]
    async fn every_look_up_is_a_new_one_once_the_last_is_over() {
        let lookups = Lookups::default();
        assert!(lookups.find("name", |_| ready(Err(io::ErrorKind::NotFound.into()))).await.is_err());
        assert_eq!(lookups.find("name", |_| ready(Ok(vec![HERE]))).await.unwrap(), [HERE]);
    }
}

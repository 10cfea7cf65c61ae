//! Groups of tasks that are stopped together, and whose early end is an error.

use std::collections::HashMap;
use std::future::Future;

use anyhow::anyhow;
use telemetry::Stop;
use tokio::task::{Id, JoinError, JoinSet};

/// Tasks with one signal to stop.
#[derive(Debug, Default)]
pub(crate) struct Group {
    stop: Stop,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Group {
    /// The signal that ends the group's tasks.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Starts a task that ends after the group's signal and not before.
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends, which it should not; for ever in a group without tasks.
    pub(crate) async fn ended_early(&mut self) -> anyhow::Error {
        match self.tasks.join_next_with_id().await {
            Some(ended) => match self.name_of(ended) {
                (name, None) => anyhow!("{name} ended without being told to"),
                (name, Some(err)) => anyhow::Error::new(err).context(format!("{name} ended without being told to")),
            },
            None => std::future::pending().await,
        }
    }

    /// Gives the signal and waits for every task.
    pub(crate) async fn finish(mut self) {
        self.stop.give();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let (name, Some(err)) = self.name_of(ended) {
                tracing::error!(task = name, error = %err, "a task ended badly");
            }
        }
    }

    fn name_of(&self, ended: Result<(Id, ()), JoinError>) -> (&'static str, Option<JoinError>) {
        let (id, err) = match ended {
            Ok((id, ())) => (id, None),
            Err(err) => (err.id(), Some(err)),
        };
        (self.names.get(&id).copied().unwrap_or("a task"), err)
    }
}

#[cfg(test)]
mod tests;

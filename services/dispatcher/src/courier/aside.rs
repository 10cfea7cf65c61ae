//! What a courier has done beside its work, so that nothing waits for it.

use model::record::{Output, Paused};
use store::answer::Given;
use tracing::warn;

use super::Courier;
use super::work::Aside;
use crate::alert::What;

impl Courier {
    /// Does it, beside everything else.
    pub(super) fn see_to(&self, aside: Aside) {
        match aside {
            Aside::Bring { to, given } => self.bring(to, given),
            Aside::Pause(paused) => self.pause_output(paused),
        }
    }

    /// Brings an answer to the caller who waits for it.
    fn bring(&self, to: String, given: Given) {
        let (store, bucket) = (self.hub.store().clone(), self.key.bucket);
        self.hub.tasks().spawn(async move {
            if let Err(error) = store.answers().bring(&to, bucket, &given).await {
                warn!(event = %given.event, %error, "an answer could not be brought to its caller");
            }
        });
    }

    /// Pauses the output; its owner sets it free.
    fn pause_output(&self, paused: Paused) {
        let (hub, key, id) = (self.hub.clone(), self.key, self.key.output);
        self.hub.tasks().spawn(async move {
            let Some(output) = hub.store().directory().output(id).filter(|o| o.record.paused.is_none()) else { return };
            let record = Output { paused: Some(paused), ..(*output.record).clone() };
            match hub.store().directory().update(&record, output.revision).await {
                Ok(_) => {
                    warn!(output = %id, failures = paused.failures, "an output that only fails was paused");
                    hub.alerts().raise(key, What::Paused { failures: paused.failures });
                }
                Err(error) => warn!(output = %id, %error, "an output that only fails could not be paused"),
            }
        });
    }
}

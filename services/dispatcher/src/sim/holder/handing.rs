//! An attempt on its way from a courier to an agent.

use model::EventId;
use proto::v1::to_agent::Message as ToAgentMessage;
use rand::RngExt as _;
use tokio::sync::mpsc;

use super::super::plan::{Class, Keeps};
use super::super::witness::key;
use super::super::world::{What, World};
use super::Done;
use crate::courier::{Handed, Handing};
use crate::delivery::{Next, NotHanded, in_turn, message};
use crate::session::{Line, said};

impl World {
    /// The future of a hand-over is at its end, or waits for the agent to read.
    pub(super) fn hand(&mut self, holder: usize) {
        let now = self.wall();
        let Some(handing) = self.holders[holder].handing.take() else { return };
        let (event, place) = (handing.next.due.event(), handing.next.due.pulled.place);
        let (number, attempt) = (handing.next.number, handing.next.due.attempt);
        let handed: Handed = self.send_to_agent(&handing);
        if let Err(NotHanded::Later(_)) = &handed
            && self.is_unread(&handing)
        {
            // The line to the agent is full: waited for.
            self.holders[holder].handing = Some(handing);
            self.at(20, What::Done(holder, Done::Handed));
            return;
        }
        self.say(|| {
            let how = handed.as_ref().map(|_| ()).map_err(|e| format!("{e:?}"));
            format!("courier {holder} hands {place}, attempt {attempt}, as number {number}: {how:?}")
        });
        if let Ok(key) = &handed {
            self.begun(holder, event, place, attempt);
            if self.rng.random_bool(0.15) {
                self.holders[holder].sending = Some((handing, *key));
                let after = self.jitter(200);
                return self.at(after, What::Done(holder, Done::Sent));
            }
        }
        if self.work(holder).handed(handed, now).is_err() {
            self.holders[holder].pause = self.now + 300;
        }
    }

    fn send_to_agent(&mut self, handing: &Handing) -> Handed {
        if self.now < self.trouble_until && self.rng.random_bool(0.5) {
            return Err(NotHanded::Later(store::Error::Conflict));
        }
        let Handing { session, next, busy } = handing;
        let Next { number, span, due, output } = next;
        let request = self.request(due.pulled.place);
        let key = match busy {
            Some(busy) => in_turn(busy, due, output, &request)?,
            None => None,
        };
        let Line::Agent(line) = session.line() else { return Err(NotHanded::SessionGone) };
        let (number, span, due, output) = (*number, span.clone(), due.clone(), output.clone());
        let next = Next { number, span, due, output };
        let delivery = ToAgentMessage::Delivery(message(next, request, 0));
        match line.try_send(said(delivery)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(NotHanded::Later(store::Error::Exists)),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(NotHanded::SessionGone),
        }
        let link = self.link_of(session.id());
        let after = self.short();
        self.at(after, What::Pump(link));
        Ok(key)
    }

    fn is_unread(&self, handing: &Handing) -> bool {
        let Line::Agent(line) = handing.session.line() else { return false };
        !line.is_closed() && line.capacity() == 0
    }

    /// An attempt has begun: what must hold then.
    fn begun(&mut self, holder: usize, event: EventId, place: u64, attempt: u32) {
        let order = self.plan.order;
        let is_calm = self.plan.class == Class::Calm;
        let one = &mut self.holders[holder];
        let others: Vec<u64> = one.keys.values().copied().collect();
        let is_taken = match order {
            Keeps::Arrival => false,
            Keeps::Strict => !others.is_empty(),
            Keeps::Key => others.contains(&key(place)),
        };
        one.keys.insert(event, key(place));
        let is_first = attempt == 1 && order != Keeps::Key;
        let is_late = is_first && one.first.is_some_and(|first| first > event);
        if is_first {
            one.first = one.first.max(Some(event));
        }
        if is_taken {
            self.fail(format!("two of one key are in hand of courier {holder}: {place} and {others:?}"));
        }
        if is_late && is_calm {
            self.fail(format!("the first attempt at {place} begins out of order"));
        }
    }
}

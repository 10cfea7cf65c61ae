//! Whatever happens in whatever order: no event is lost, and the order is kept.

use std::collections::BTreeSet;

use model::order;
use model::record::OrderKey;
use model::request::Request;
use proptest::prelude::*;

use super::*;

/// How many keys there are.
const KEYS: u128 = 3;

#[derive(Clone, Debug)]
enum Step {
    Take,
    Begin,
    PutBack,
    Lose,
    /// An attempt ends; its fact is on the way.
    Conclude,
    /// A fact is in the log: tried again after so many milliseconds, or ended.
    Log(Option<u64>),
    /// The event of a parked delivery is read.
    Read,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Take),
        4 => Just(Step::Begin),
        1 => Just(Step::PutBack),
        1 => Just(Step::Lose),
        3 => Just(Step::Conclude),
        3 => prop::option::of(0..60_000u64).prop_map(Step::Log),
        1 => Just(Step::Read),
        2 => (0..30_000u64).prop_map(Step::Pass),
    ]
}

/// A book, and what has not ended.
struct Played {
    book: Book,
    open: BTreeSet<EventId>,
    taken: u128,
    now: UnixMs,
}

fn key(event: EventId) -> Key {
    let body = (event.0.as_u128() % KEYS).to_string();
    order::key(&OrderKey::Pointer(String::new()), &Request { body: body.into(), ..Request::default() })
}

impl Played {
    fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (book, now) = (&mut self.book, self.now);
        let in_hand = book.in_hand.keys().min().copied();
        let concluding = book.concluding.keys().min().copied();
        match (step, in_hand, concluding) {
            (Step::Take, _, _) => {
                self.taken += 1;
                book.take(pulled(self.taken), now);
                self.open.insert(event(self.taken));
            }
            (Step::Begin, _, _) => self.begin()?,
            (Step::PutBack, Some(event), _) => book.put_back(event),
            (Step::Lose, Some(event), _) => book.lost(event),
            (Step::Conclude, Some(event), _) => drop(book.conclude(event)),
            (Step::Log(Some(wait)), _, Some(event)) => {
                book.note(false, now);
                book.retry(event, now.plus(Duration::from_millis(*wait)), now);
            }
            (Step::Log(None), _, Some(event)) => {
                book.note(true, now);
                book.ended(event);
                self.open.remove(&event);
            }
            (Step::Read, _, _) => {
                if let Some((event, _)) = book.parked_due(now) {
                    book.unpark(Pulled { receipt: None, ..pulled(event.0.as_u128()) }, now);
                }
            }
            (Step::Pass(wait), _, _) => self.now = now.plus(Duration::from_millis(*wait)),
            (Step::PutBack | Step::Lose | Step::Conclude | Step::Log(_), _, _) => {}
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), TestCaseError> {
        let Some(due) = self.book.begin(self.now) else { return Ok(()) };
        let (event, busy) = (due.event(), self.book.busy_keys());
        let Some(busy) = busy else {
            self.book.begun(event, None, self.now);
            let first = self.open.first().copied();
            prop_assert!(self.book.limits.waits == Waits::Never || first == Some(event), "strict order");
            return Ok(());
        };
        if due.key.is_none() && busy.contains(&key(event)) {
            self.book.wait_for_key(event, key(event));
            return Ok(());
        }
        self.book.begun(event, Some(key(event)), self.now);
        let first = self.open.iter().find(|open| key(**open) == key(event));
        prop_assert_eq!(first, Some(&event), "order by key");
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let here = self.book.all().map(Due::event);
        let parked = self.open.iter().copied().filter(|event| self.book.parked.at(*event).is_some());
        let known: Vec<_> = here.chain(parked).collect();
        prop_assert_eq!(known.len(), self.open.len(), "each is in one place");
        prop_assert_eq!(&known.into_iter().collect::<BTreeSet<_>>(), &self.open);
        prop_assert!(self.book.in_hand() <= self.book.limits.at_once);
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_event_is_lost_and_the_order_is_kept(
        waits in prop::sample::select(vec![Waits::Never, Waits::Always, Waits::SameKey]),
        at_once in 1..6usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut book = Book::new();
        let at_once = if waits == Waits::Always { 1 } else { at_once };
        book.allow(Limits { waits, at_once, ..Limits::default() });
        let mut played = Played { book, open: BTreeSet::new(), taken: 0, now: NOW };
        for step in &steps {
            played.play(step)?;
            played.check()?;
        }
    }
}

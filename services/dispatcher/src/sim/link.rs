//! A session between a dispatcher and an agent, and the connection that carries it: in order, as long
//! as it lasts.

use std::collections::VecDeque;
use std::sync::Arc;

use agent::session::state::{State, Step};
use agent::session::unsure::Unsure;
use agent::worker::{Report, Ticket};
use model::SessionId;
use proto::v1;
use proto::v1::from_agent::Message as FromAgentMessage;
use proto::v1::to_agent::Message as ToAgentMessage;
use tokio::sync::mpsc;

use super::nats::millis;
use super::world::{What, World};
use crate::DRAIN_MAX;
use crate::courier::ToCourier;
use crate::session::{HEARTBEAT, Line, Said, Session};

/// How many messages wait for an agent that does not read.
const UNREAD_MAX: usize = 8;

/// A session, both ends of it.
pub(super) struct Link {
    pub(super) dispatcher: usize,
    pub(super) agent: usize,
    session: Arc<Session>,
    line: mpsc::Receiver<Said>,
    state: State,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    reports_tx: mpsc::UnboundedSender<Report>,
    unsure: Unsure,
    /// On the way to the agent; `None` is the end.
    down: VecDeque<Option<v1::ToAgent>>,
    up: VecDeque<Option<v1::FromAgent>>,
    last_down_at: u64,
    last_up_at: u64,
    is_broken: bool,
    pub(super) dispatcher_open: bool,
    pub(super) agent_open: bool,
    /// The dispatcher is about to stop.
    is_drained: bool,
}

impl World {
    /// An agent opens a session with a dispatcher that is there.
    pub(super) fn open(&mut self, agent: usize, dispatcher: usize) -> usize {
        let credits = self.plan.credits;
        let (line_tx, line) = mpsc::channel(UNREAD_MAX);
        let session = Arc::new(Session::new(credits, Line::Agent(line_tx)));
        let (reports_tx, reports) = mpsc::unbounded_channel();
        let link = self.links.len();
        self.links.push(Link {
            dispatcher,
            agent,
            session: session.clone(),
            line,
            state: State::new(credits, self.instant()),
            reports,
            reports_tx,
            unsure: Unsure::default(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            last_down_at: 0,
            last_up_at: 0,
            is_broken: false,
            dispatcher_open: true,
            agent_open: true,
            is_drained: false,
        });
        self.say(|| format!("agent {agent} opens session {link} with dispatcher {dispatcher}"));
        let welcome = v1::Welcome { heartbeat_ms: millis(HEARTBEAT) as u32, ..v1::Welcome::default() };
        self.send_down(link, Some(v1::ToAgent { message: Some(ToAgentMessage::Welcome(welcome)) }));
        for output in 0..self.plan.outputs {
            self.join(dispatcher, output, ToCourier::Join(session.clone()));
        }
        link
    }

    pub(super) fn link_of(&self, id: SessionId) -> usize {
        self.links.iter().position(|link| link.session.id() == id).unwrap()
    }

    /// The dispatcher's end writes what waits.
    pub(super) fn pump(&mut self, link: usize) {
        let one = &mut self.links[link];
        if !one.dispatcher_open {
            return;
        }
        if let Ok(Ok(message)) = one.line.try_recv() {
            self.send_down(link, Some(*message));
        }
    }

    fn send_down(&mut self, link: usize, message: Option<v1::ToAgent>) {
        let at = (self.now + self.short()).max(self.links[link].last_down_at);
        let one = &mut self.links[link];
        if one.is_broken {
            return;
        }
        one.last_down_at = at;
        one.down.push_back(message);
        self.at(at - self.now, What::Down(link));
    }

    fn send_up(&mut self, link: usize, message: Option<v1::FromAgent>) {
        let at = (self.now + self.short()).max(self.links[link].last_up_at);
        let one = &mut self.links[link];
        if one.is_broken {
            return;
        }
        one.last_up_at = at;
        one.up.push_back(message);
        self.at(at - self.now, What::Up(link));
    }

    /// The agent hears the dispatcher.
    pub(super) fn down(&mut self, link: usize) {
        let instant = self.instant();
        let one = &mut self.links[link];
        let Some(message) = one.down.pop_front().filter(|_| one.agent_open) else { return };
        let Some(message) = message else { return self.agent_closes(link) };
        match one.state.receive(message, instant) {
            Ok(Step::Deliver(delivery)) if self.agents[one.agent].leaves_for.is_some() => {
                one.state.finished(delivery.number);
                self.say_leave(link, vec![delivery.number]);
            }
            Ok(Step::Deliver(delivery)) => {
                let ticket = Ticket::new(delivery.number, one.reports_tx.clone());
                let agent = one.agent;
                self.take(agent, delivery.attempt, ticket);
            }
            Ok(Step::Drain) => {
                let agent = one.agent;
                self.say(|| format!("agent {agent} is asked to go elsewhere"));
                self.connect_again(agent);
            }
            Ok(_) => {}
            Err(violation) => self.fail(format!("the agent ends session {link}: {violation}")),
        }
    }

    /// The agent says how attempts ended.
    pub(super) fn report(&mut self, link: usize) {
        let instant = self.instant();
        while let Ok(Report { number, ended }) = self.links[link].reports.try_recv() {
            let one = &mut self.links[link];
            if ended.is_none() && self.agents[one.agent].leaves_for.is_some() {
                one.state.finished(number);
                self.say_leave(link, vec![number]);
                continue;
            }
            let (true, Some(ended)) = (one.state.finished(number), ended) else { continue };
            let outcome = v1::Outcome::new(number, ended.outcome, ended.duration_ms);
            one.unsure.add(ended, instant);
            self.send_up(link, Some(v1::FromAgent { message: Some(FromAgentMessage::Outcome(outcome)) }));
        }
    }

    /// The agent says that it is about to stop, and gives deliveries back.
    pub(super) fn say_leave(&mut self, link: usize, given_back: Vec<u64>) {
        let message = Some(FromAgentMessage::Leave(v1::Leave { given_back }));
        self.send_up(link, Some(v1::FromAgent { message }));
    }

    /// The dispatcher hears the agent.
    pub(super) fn up(&mut self, link: usize) {
        let one = &mut self.links[link];
        let Some(message) = one.up.pop_front().filter(|_| one.dispatcher_open) else { return };
        let Some(message) = message else { return self.dispatcher_closes(link) };
        let (heard, dispatcher) = (one.session.hear(message), one.dispatcher);
        if let Err(status) = heard {
            return self.fail(format!("the dispatcher ends session {link}: {}", status.message()));
        }
        match self.links[link].session.is_closed() {
            true => self.turn_all(dispatcher),
            false => self.tell(dispatcher),
        }
        self.end_if_drained(link);
    }

    /// The dispatcher is told to stop: it asks the agent to go elsewhere.
    pub(super) fn drain(&mut self, link: usize) {
        self.links[link].is_drained = true;
        self.send_down(link, Some(v1::ToAgent { message: Some(ToAgentMessage::Drain(v1::Drain {})) }));
        self.at(millis(DRAIN_MAX), What::NoticeDown(link));
        self.end_if_drained(link);
    }

    fn end_if_drained(&mut self, link: usize) {
        let one = &self.links[link];
        if one.is_drained && one.dispatcher_open && one.session.in_flight() == 0 {
            self.dispatcher_closes(link);
        }
    }

    /// The connection breaks: of what was on its way, only the beginning arrives.
    pub(super) fn cut(&mut self, link: usize, is_noticed: bool) {
        if self.links[link].is_broken {
            return;
        }
        self.say(|| format!("session {link} breaks"));
        let (down, up) = (self.jitter(3) as usize, self.jitter(3) as usize);
        let one = &mut self.links[link];
        one.is_broken = true;
        one.down.truncate(down);
        one.up.truncate(up);
        let heartbeat = millis(HEARTBEAT);
        let (agent, dispatcher) = match is_noticed {
            true => (self.jitter(300), self.jitter(300)),
            false => (heartbeat + self.jitter(heartbeat), 2 * heartbeat + self.jitter(heartbeat)),
        };
        self.at(agent, What::NoticeUp(link));
        self.at(dispatcher, What::NoticeDown(link));
    }

    /// The session is over for the agent.
    pub(super) fn agent_closes(&mut self, link: usize) {
        let instant = self.instant();
        if !std::mem::replace(&mut self.links[link].agent_open, false) {
            return;
        }
        self.say(|| format!("session {link} is over for the agent"));
        let one = &mut self.links[link];
        one.reports.close();
        while let Ok(report) = one.reports.try_recv() {
            if let Some(ended) = report.ended {
                one.unsure.add(ended, instant);
            }
        }
        let (agent, unsure) = (one.agent, std::mem::take(&mut one.unsure));
        for ended in unsure.into_lost(instant) {
            self.agents[agent].ledger.remember(ended, instant);
        }
        self.send_up(link, None);
        if self.agents[agent].current == Some(link) {
            self.connect_again(agent);
        }
    }

    /// The session is over for the dispatcher.
    pub(super) fn dispatcher_closes(&mut self, link: usize) {
        if !std::mem::replace(&mut self.links[link].dispatcher_open, false) {
            return;
        }
        self.say(|| format!("session {link} is over for the dispatcher"));
        let one = &mut self.links[link];
        one.session.close();
        one.line.close();
        let (id, dispatcher) = (one.session.id(), one.dispatcher);
        for output in 0..self.plan.outputs {
            self.leave(dispatcher, output, ToCourier::Leave(id));
        }
        self.send_down(link, None);
    }

    /// The dispatcher's process is gone.
    pub(super) fn dispatcher_dies(&mut self, link: usize) {
        self.links[link].dispatcher_open = false;
        self.links[link].line.close();
        self.cut(link, true);
    }

    /// The agent's process is gone.
    pub(super) fn agent_dies(&mut self, link: usize) {
        self.links[link].agent_open = false;
        self.links[link].reports.close();
        self.cut(link, true);
    }
}

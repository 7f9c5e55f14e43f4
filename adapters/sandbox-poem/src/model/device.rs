//! Device flows (RFC 8628).

use std::collections::HashMap;
use std::time::Duration;

use super::{Person, UserCode};
use crate::clock::Moment;

/// What slow_down adds to the interval (RFC 8628 section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// How long an ended flow can still be told from one that never was.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Flows that live at one time.
const CAPACITY: usize = 1000;

/// How flows run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceRules {
    /// How long people have to consent.
    pub(crate) lifetime: Duration,
    /// The pace of polling.
    pub(crate) interval: Duration,
    /// When somebody consents unasked.
    pub(crate) auto_consent: Option<Duration>,
    /// Who that is.
    pub(crate) auto_person: AutoPerson,
}

/// Who consents where nobody is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AutoPerson {
    /// Alice, always.
    #[default]
    Alice,
    /// Somebody new in each flow: `person-0001`, `person-0002` and so on.
    SomebodyNew,
}

/// All flows, by device code.
pub(crate) struct DeviceFlows {
    rules: DeviceRules,
    flows: HashMap<String, Flow>,
    started: u64,
}

struct Flow {
    request: Request,
    /// Counts all flows that ever started.
    number: u64,
    started_at: Moment,
    interval: Duration,
    polled_at: Option<Moment>,
    state: State,
}

/// What a client asks for, and the code under which people find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) user_code: UserCode,
    pub(crate) scopes: Vec<String>,
}

enum State {
    Waiting,
    Allowed(Person),
    Denied,
    Redeemed { family: String },
}

/// What became of a flow, as the person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting,
    Allowed,
    Denied,
}

/// Too many flows live.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Why a poll brings no tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PollRefusal {
    Unknown,
    Pending,
    TooSoon,
    Denied,
    Expired,
    /// The code has brought tokens before: one of the two askers stole it.
    Redeemed {
        family: String,
    },
}

impl DeviceFlows {
    pub(crate) fn new(rules: DeviceRules) -> Self {
        Self {
            rules,
            flows: HashMap::new(),
            started: 0,
        }
    }

    /// Starts a flow.
    pub(crate) fn start(
        &mut self,
        device_code: String,
        request: Request,
        now: Moment,
    ) -> Result<(), Full> {
        let keep = self.rules.lifetime + REMEMBERED;
        self.flows.retain(|_, flow| now < flow.started_at + keep);
        let is_taken = |flow: &Flow| flow.request.user_code == request.user_code;
        // A user code comes up twice so rarely that the client may as well try again.
        if self.flows.len() >= CAPACITY || self.flows.values().any(is_taken) {
            return Err(Full);
        }
        self.started += 1;
        let flow = Flow {
            request,
            number: self.started,
            started_at: now,
            interval: self.rules.interval,
            polled_at: None,
            state: State::Waiting,
        };
        self.flows.insert(device_code, flow);
        Ok(())
    }

    /// Redeems a device code for the right to start the token family `family`, once.
    pub(crate) fn redeem(
        &mut self,
        device_code: &str,
        family: &str,
        now: Moment,
    ) -> Result<(Person, Vec<String>), PollRefusal> {
        let rules = self.rules;
        let flow = self
            .flows
            .get_mut(device_code)
            .ok_or(PollRefusal::Unknown)?;
        flow.settle(&rules, now);
        if let State::Redeemed { family } = &flow.state {
            let family = family.clone();
            return Err(PollRefusal::Redeemed { family });
        }
        if flow.has_expired(&rules, now) {
            return Err(PollRefusal::Expired);
        }
        flow.keep_pace(now)?;
        let person = match &flow.state {
            State::Allowed(person) => person.clone(),
            State::Denied => return Err(PollRefusal::Denied),
            State::Waiting | State::Redeemed { .. } => return Err(PollRefusal::Pending),
        };
        flow.state = State::Redeemed {
            family: family.to_owned(),
        };
        Ok((person, flow.request.scopes.clone()))
    }

    /// What a user code asks for and what became of it, while the flow lives.
    pub(crate) fn find(&mut self, code: &UserCode, now: Moment) -> Option<(&Request, Outcome)> {
        let flow = self.live(code, now)?;
        let outcome = match &flow.state {
            State::Waiting => Outcome::Waiting,
            State::Allowed(_) | State::Redeemed { .. } => Outcome::Allowed,
            State::Denied => Outcome::Denied,
        };
        Some((&flow.request, outcome))
    }

    /// Records what a person decided; the first decision counts. False when nothing waits for one.
    pub(crate) fn decide(&mut self, code: &UserCode, allowed: Option<Person>, now: Moment) -> bool {
        let waiting = self
            .live(code, now)
            .filter(|flow| matches!(flow.state, State::Waiting));
        let Some(flow) = waiting else { return false };
        flow.state = allowed.map_or(State::Denied, State::Allowed);
        true
    }

    /// Makes a person consent in place of the one who consents unasked, until the device code is redeemed. Returns false
    /// when no such flow lives or the code has been redeemed.
    pub(crate) fn consent_as(&mut self, code: &UserCode, person: Person, now: Moment) -> bool {
        let open = self.live(code, now);
        let open = open.filter(|flow| matches!(flow.state, State::Waiting | State::Allowed(_)));
        let Some(flow) = open else { return false };
        flow.state = State::Allowed(person);
        true
    }

    fn live(&mut self, code: &UserCode, now: Moment) -> Option<&mut Flow> {
        let rules = self.rules;
        let flow = self
            .flows
            .values_mut()
            .find(|flow| flow.request.user_code == *code && !flow.has_expired(&rules, now))?;
        flow.settle(&rules, now);
        Some(flow)
    }
}

impl Flow {
    fn has_expired(&self, rules: &DeviceRules, now: Moment) -> bool {
        now >= self.started_at + rules.lifetime
    }

    /// Lets somebody consent when the time has come.
    fn settle(&mut self, rules: &DeviceRules, now: Moment) {
        let due = rules
            .auto_consent
            .is_some_and(|delay| now >= self.started_at + delay);
        if due && matches!(self.state, State::Waiting) {
            self.state = State::Allowed(match rules.auto_person {
                AutoPerson::Alice => Person::alice(),
                AutoPerson::SomebodyNew => Person::numbered(self.number),
            });
        }
    }

    /// Refuses a client that asks again too soon, and lengthens its interval for good.
    fn keep_pace(&mut self, now: Moment) -> Result<(), PollRefusal> {
        let too_soon = self
            .polled_at
            .is_some_and(|polled_at| now < polled_at + self.interval);
        self.polled_at = Some(now);
        if too_soon {
            self.interval += SLOW_DOWN;
            return Err(PollRefusal::TooSoon);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

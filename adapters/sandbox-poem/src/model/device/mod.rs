//! Device flows (RFC 8628).

use std::collections::HashMap;
use std::time::Duration;

use super::{Person, UserCode};
use crate::clock::Moment;

/// How much `slow_down` adds to the interval (RFC 8628 section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// How long a flow stays stored after it has expired.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Maximum number of stored flows.
const CAPACITY: usize = 1000;

/// Settings for all flows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceRules {
    /// How long people have to consent.
    pub(crate) lifetime: Duration,
    pub(crate) interval: Duration,
    /// How long after the start of a flow a person consents automatically.
    pub(crate) auto_consent: Option<Duration>,
    /// Who consents automatically.
    pub(crate) auto_person: AutoPerson,
}

/// The person who consents automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AutoPerson {
    /// Alice, always.
    #[default]
    Alice,
    /// A new person in each flow: `person-0001`, `person-0002` and so on.
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
    /// 1 for the first flow, 2 for the second, and so on.
    number: u64,
    started_at: Moment,
    interval: Duration,
    polled_at: Option<Moment>,
    state: State,
}

/// A device authorization request and its user code.
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

/// What the person has decided so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting,
    Allowed,
    Denied,
}

/// No flow can start: too many are stored, or the user code is taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PollRefusal {
    Unknown,
    Pending,
    TooSoon,
    Denied,
    Expired,
    /// The code was redeemed before, so one of the two clients may have stolen it.
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

    pub(crate) fn start(
        &mut self,
        device_code: String,
        request: Request,
        now: Moment,
    ) -> Result<(), Full> {
        let kept_for = self.rules.lifetime + REMEMBERED;
        self.flows
            .retain(|_, flow| now < flow.started_at + kept_for);
        let is_taken = |flow: &Flow| flow.request.user_code == request.user_code;
        // A duplicate user code is so rare that the client may as well try again.
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

    /// Redeems a device code once. `family` is the name of the token family that starts with it.
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

    /// Returns the request and the decision for a user code, unless the flow has expired.
    pub(crate) fn find(&mut self, code: &UserCode, now: Moment) -> Option<(&Request, Outcome)> {
        let flow = self.live(code, now)?;
        let outcome = match &flow.state {
            State::Waiting => Outcome::Waiting,
            State::Allowed(_) | State::Redeemed { .. } => Outcome::Allowed,
            State::Denied => Outcome::Denied,
        };
        Some((&flow.request, outcome))
    }

    /// Records a person's decision. Only the first decision counts. Returns false if no flow waits for a decision.
    pub(crate) fn decide(&mut self, code: &UserCode, allowed: Option<Person>, now: Moment) -> bool {
        let waiting = self
            .live(code, now)
            .filter(|flow| matches!(flow.state, State::Waiting));
        let Some(flow) = waiting else { return false };
        flow.state = allowed.map_or(State::Denied, State::Allowed);
        true
    }

    /// Records that `person` consents. Replaces an earlier consent. Returns false if the code is unknown, expired,
    /// declined or redeemed.
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

    /// Applies the automatic consent once it is due.
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

    /// Rejects a poll that comes before the interval has passed, and lengthens the interval.
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

//! Invariants that hold for every sequence of transitions.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fault::FaultCode;
use crate::grant::{AccountKey, LifetimeHints, ProviderName, TokenOrigin};
use crate::secret::Sealed;

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const LEASE: Duration = Duration::from_secs(15);
/// Maximum number of responses in flight. There are two if the refresh token is leased again while the first response
/// is late.
const TASKS: usize = 2;

/// Returns the `n`th refresh token that the provider issued.
fn token(n: usize) -> Sealed {
    Sealed::from_bytes(n.to_le_bytes().to_vec())
}

fn origin() -> TokenOrigin {
    TokenOrigin {
        issuer: Some("https://id.example".to_owned()),
        token_endpoint: "https://id.example/token".to_owned(),
        client_id: "client".to_owned(),
    }
}

fn grant(refresh_token: Option<Sealed>) -> NewGrant {
    NewGrant {
        account: AccountKey {
            provider: ProviderName::new("one"),
            account_id: "ada".to_owned(),
        },
        identified: true,
        display_name: "Ada".to_owned(),
        scopes: Vec::new(),
        access_token: token(0),
        refresh_token,
        extra: None,
        origin: origin(),
        requested_at: START,
        access_token_expires_at: None,
        hints: LifetimeHints::default(),
        refresh_token_expires_at: None,
        grant_expires_at: None,
        next_refresh_at: Some(START),
    }
}

fn answer(n: usize, requested_at: Timestamp) -> RefreshedTokens {
    RefreshedTokens {
        access_token: Ok(token(n)),
        refresh_token: Some(token(n)),
        scopes: Vec::new(),
        extra: None,
        origin: origin(),
        requested_at,
        access_token_expires_at: None,
        hints: LifetimeHints::default(),
        refresh_token_expires_at: None,
        next_refresh_at: Some(requested_at),
    }
}

fn failure(status: AccountStatus, now: Timestamp) -> RefreshFailure {
    RefreshFailure {
        is_shown: true,
        status,
        fault: Fault::new(FaultCode::ProviderUnavailable, "gone"),
        next_refresh_at: (status == AccountStatus::Degraded).then_some(now),
        attempts: Attempts::default(),
    }
}

/// A task that has used a refresh token but has not recorded the response yet.
struct InFlight {
    generation: Generation,
    lease: LeaseVersion,
    /// `None` if the provider refused.
    answer: Option<RefreshedTokens>,
}

/// One account, tasks that refresh it, and a provider that rotates refresh tokens. The provider accepts its newest
/// refresh token. It also accepts the previous refresh token until the newest is used. A consent with a refresh token
/// begins a new grant.
struct World {
    stored: StoredTokens,
    now: Timestamp,
    in_flight: Vec<InFlight>,
    newest: usize,
    before: Option<usize>,
    given: usize,
}

impl World {
    fn new() -> Self {
        Self {
            stored: StoredTokens::new(AccountId(1), grant(Some(token(0))), START),
            now: START,
            in_flight: Vec::new(),
            newest: 0,
            before: None,
            given: 0,
        }
    }

    fn present(&mut self, lease: &StoredTokens, is_usable: bool) {
        let presented = lease.refresh_token.as_ref();
        let is_newest = presented == Some(&token(self.newest));
        let is_retry = self.before.is_some_and(|n| presented == Some(&token(n)));
        let answer = (is_newest || is_retry).then(|| {
            self.given += 1;
            if is_newest {
                self.before = Some(self.newest);
            }
            self.newest = self.given;
            self.answer(is_usable)
        });
        self.in_flight.push(InFlight {
            generation: lease.generation,
            lease: lease.lease.version,
            answer,
        });
        // No two requests are sent in the same millisecond.
        self.now = self.now + Duration::from_millis(1);
    }

    fn answer(&self, is_usable: bool) -> RefreshedTokens {
        let answer = answer(self.newest, self.now);
        if is_usable {
            return answer;
        }
        let failure = failure(AccountStatus::Degraded, self.now);
        RefreshedTokens {
            access_token: Err(Box::new(failure)),
            ..answer
        }
    }

    fn consent(&mut self, brings_one: bool) {
        if brings_one {
            self.given += 1;
            (self.newest, self.before) = (self.given, None);
        }
        let grant = NewGrant {
            requested_at: self.now,
            ..grant(brings_one.then(|| token(self.newest)))
        };
        let relinked = self.stored.relink(grant, None, self.now);
        self.stored = relinked.expect("another server");
    }

    /// Claims and uses the refresh token, if the lease allows it.
    fn refresh(&mut self, is_usable: bool) {
        let seen = self.stored.lease.version;
        let claimed = self.stored.claim(seen, self.now, self.now + LEASE);
        if self.in_flight.len() < TASKS
            && let Some(claimed) = claimed
        {
            self.stored = claimed.clone();
            self.present(&claimed, is_usable);
        }
    }

    /// Records the response of one of the tasks.
    fn record(&mut self, which: usize) {
        if self.in_flight.is_empty() {
            return;
        }
        let task = self.in_flight.remove(which % self.in_flight.len());
        let (generation, lease) = (task.generation, task.lease);
        let Some(answer) = task.answer else {
            return self.record_refusal(generation, lease);
        };
        let stored = &self.stored;
        let recorded = stored.record_refresh(generation, lease, answer.clone());
        let Some((next, outcome)) = recorded else {
            return;
        };
        // A caller that does not know whether a commit succeeded records the response again.
        if outcome == RecordedRefresh::Stored {
            let again = next.record_refresh(generation, lease, answer);
            assert_eq!(again, Some((next.clone(), RecordedRefresh::Stored)));
        }
        self.stored = next;
    }

    fn record_refusal(&mut self, generation: Generation, lease: LeaseVersion) {
        let over = failure(AccountStatus::RelinkRequired, self.now);
        self.stored = self.stored.record_failure(generation, lease, over).0;
    }

    /// Whether the stored refresh token is the newest. Also true without a stored refresh token, because a consent may
    /// drop a refused one.
    fn holds_newest(&self) -> bool {
        let stored = self.stored.refresh_token.as_ref();
        stored.is_none_or(|stored| *stored == token(self.newest))
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Uses the refresh token. The provider may respond with an unusable access token.
    Refresh {
        is_usable: bool,
    },
    /// Records the response of one of the tasks.
    Record(usize),
    /// Records a failure of an earlier lease, this many versions before the current lease.
    Fail(i64),
    /// Releases an earlier lease, this many versions before the current lease.
    Release(i64),
    SuspectGrant,
    Wait(u64),
    /// The person consents again, and the provider may issue a refresh token.
    Consent {
        brings_one: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Refresh { is_usable: true }),
        1 => Just(Step::Refresh { is_usable: false }),
        4 => any::<usize>().prop_map(Step::Record),
        1 => (0..2_i64).prop_map(Step::Fail),
        1 => (0..3_i64).prop_map(Step::Release),
        1 => Just(Step::SuspectGrant),
        3 => (1..20_u64).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(|brings_one| Step::Consent { brings_one }),
    ];
    proptest::collection::vec(step, 0..60)
}

impl World {
    fn take(&mut self, step: &Step) {
        let (generation, lease) = (self.stored.generation, self.stored.lease.version);
        match *step {
            Step::Refresh { is_usable } => self.refresh(is_usable),
            Step::Record(which) => self.record(which),
            Step::Fail(earlier) => {
                let lease = LeaseVersion(lease.0 - earlier);
                let passing = failure(AccountStatus::Degraded, self.now);
                self.stored = self.stored.record_failure(generation, lease, passing).0;
            }
            Step::Release(earlier) => {
                self.stored = self.stored.release(LeaseVersion(lease.0 - earlier));
            }
            Step::SuspectGrant => {
                let fault = Fault::new(FaultCode::ProviderUnavailable, "restored");
                let marked = self.stored.mark_suspect(self.now, &fault);
                self.stored = marked.unwrap_or_else(|| self.stored.clone());
            }
            Step::Wait(seconds) => self.now = self.now + Duration::from_secs(seconds),
            Step::Consent { brings_one } => self.consent(brings_one),
        }
    }
}

proptest! {
    #[test]
    fn the_newest_refresh_token_is_stored(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
            // No refresh token may be lost if every response is recorded in the end.
            let mut end = World { stored: world.stored.clone(), in_flight: Vec::new(), ..world };
            for task in &world.in_flight {
                end.in_flight.push(InFlight { answer: task.answer.clone(), ..*task });
            }
            while !end.in_flight.is_empty() {
                end.record(0);
            }
            prop_assert!(end.holds_newest(), "after {:?}: {:?}", step, end.stored);
        }
    }

    #[test]
    fn the_generation_never_goes_down_and_grows_with_the_refresh_token(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            let before = world.stored.clone();
            world.take(&step);
            let after = &world.stored;
            prop_assert!(after.generation >= before.generation);
            let is_same = after.refresh_token == before.refresh_token;
            prop_assert_eq!(is_same, after.generation == before.generation);
            prop_assert!(after.lease.version >= before.lease.version);
        }
    }

    #[test]
    fn nothing_ends_the_lease_of_somebody_else(steps in steps(), other in 1..5_i64) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
            world.refresh(true);
            let stored = &world.stored;
            let other = LeaseVersion(stored.lease.version.0 - other);
            let generation = stored.generation;
            let passing = failure(AccountStatus::Degraded, world.now);
            let (failed, counts) = stored.record_failure(generation, other, passing);
            prop_assert!(!counts);
            prop_assert_eq!(&failed, stored);
            prop_assert_eq!(&stored.release(other), stored);
            let recorded = stored.record_refresh(generation, other, answer(999, world.now));
            let recorded = recorded.ok_or_else(|| TestCaseError::fail("another origin"))?;
            prop_assert_eq!(recorded.0.lease, stored.lease);
        }
    }

    #[test]
    fn no_consent_brings_back_a_refresh_token_of_no_use(
        steps in steps(), is_dead in any::<bool>(), is_foreign in any::<bool>(), brings_one in any::<bool>(),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.take(step));
        let mut stored = world.stored;
        if is_dead {
            stored.account.status = AccountStatus::RelinkRequired;
        }
        let mut grant = grant(brings_one.then(|| token(999)));
        grant.requested_at = world.now;
        if is_foreign {
            grant.origin.client_id = "another".to_owned();
        }
        let is_of_use = stored.account.status != AccountStatus::RelinkRequired && !is_foreign;
        let linked = stored.relink(grant.clone(), None, world.now);
        let linked = linked.expect("another server");
        prop_assert_eq!(linked.account.status, AccountStatus::Active);
        if is_of_use && !brings_one {
            prop_assert_eq!(linked.refresh_token, stored.refresh_token);
            prop_assert_eq!(linked.lease, stored.lease);
        } else {
            prop_assert_eq!(&linked.refresh_token, &grant.refresh_token);
            prop_assert_eq!(linked.lease.until, None);
            prop_assert!(linked.generation > stored.generation);
            prop_assert_eq!(linked.account.next_refresh_at.is_some(), brings_one);
        }
    }

    #[test]
    fn an_older_consent_replaces_no_tokens_of_use(
        steps in steps(), brings_one in any::<bool>(), is_clear in any::<bool>(),
        is_clock_set_back in any::<bool>(),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.take(step));
        let stored = world.stored;
        let moment = Duration::from_millis(u64::from(is_clear));
        let before = stored.account.linked_at - SYNCHRONISED_WITHIN - moment;
        let older = NewGrant {
            requested_at: before,
            ..grant(brings_one.then(|| token(999)))
        };
        let now = if is_clock_set_back { before } else { world.now };
        let linked = stored.relink(older, None, now).expect("another server");
        let is_of_use = stored.account.status != AccountStatus::RelinkRequired;
        let is_enough = stored.refresh_token.is_some() || !brings_one;
        let is_kept = is_of_use && is_enough && is_clear && !is_clock_set_back;
        prop_assert_eq!(linked == stored, is_kept);
    }
}

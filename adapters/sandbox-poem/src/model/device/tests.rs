use super::*;

const RULES: DeviceRules = DeviceRules {
    lifetime: Duration::from_secs(600),
    interval: Duration::from_secs(5),
    auto_consent: None,
    auto_person: AutoPerson::Alice,
};

fn at(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

fn code() -> UserCode {
    UserCode::from_number(7)
}

fn started(rules: DeviceRules) -> DeviceFlows {
    let mut flows = DeviceFlows::new(rules);
    let request = Request {
        user_code: code(),
        scopes: vec!["profile".to_owned()],
    };
    assert_eq!(flows.start("device".to_owned(), request, at(0)), Ok(()));
    flows
}

fn poll(flows: &mut DeviceFlows, seconds: u64) -> Result<String, PollRefusal> {
    let redeemed = flows.redeem("device", "family", at(seconds));
    redeemed.map(|(person, _)| person.username())
}

#[test]
fn pending_until_somebody_allows_it_and_then_once() {
    let mut flows = started(RULES);
    assert_eq!(poll(&mut flows, 0), Err(PollRefusal::Pending));
    assert!(flows.decide(&code(), Person::parse("bob"), at(3)));
    assert_eq!(poll(&mut flows, 5), Ok("bob".to_owned()));
    let family = "family".to_owned();
    assert_eq!(poll(&mut flows, 10), Err(PollRefusal::Redeemed { family }));
    assert_eq!(
        flows.redeem("another", "family", at(10)),
        Err(PollRefusal::Unknown)
    );
}

#[test]
fn asking_too_soon_lengthens_the_interval_for_good() {
    let mut flows = started(RULES);
    assert_eq!(poll(&mut flows, 1), Err(PollRefusal::Pending));
    assert_eq!(poll(&mut flows, 5), Err(PollRefusal::TooSoon));
    assert_eq!(poll(&mut flows, 14), Err(PollRefusal::TooSoon));
    assert_eq!(poll(&mut flows, 29), Err(PollRefusal::Pending));
    assert_eq!(poll(&mut flows, 43), Err(PollRefusal::TooSoon));
}

#[test]
fn a_hasty_client_gets_its_tokens_when_it_slows_down() {
    let mut flows = started(RULES);
    assert_eq!(poll(&mut flows, 1), Err(PollRefusal::Pending));
    assert!(flows.decide(&code(), Some(Person::alice()), at(2)));
    assert_eq!(poll(&mut flows, 3), Err(PollRefusal::TooSoon));
    assert_eq!(poll(&mut flows, 13), Ok("alice".to_owned()));
}

#[test]
fn the_first_decision_counts() {
    let mut flows = started(RULES);
    assert!(flows.decide(&code(), None, at(1)));
    assert!(!flows.decide(&code(), Some(Person::alice()), at(2)));
    assert_eq!(poll(&mut flows, 3), Err(PollRefusal::Denied));
    assert_eq!(
        flows.find(&code(), at(3)).map(|found| found.1),
        Some(Outcome::Denied)
    );
}

#[test]
fn time_runs_out_even_for_an_allowed_flow() {
    let mut flows = started(RULES);
    assert!(flows.decide(&code(), Some(Person::alice()), at(599)));
    assert_eq!(poll(&mut flows, 600), Err(PollRefusal::Expired));
    assert_eq!(flows.find(&code(), at(600)), None);
    assert!(!flows.decide(&code(), None, at(600)));
}

#[test]
fn alice_consents_by_herself_when_wished_for() {
    let mut flows = started(DeviceRules {
        auto_consent: Some(Duration::from_secs(3)),
        ..RULES
    });
    assert_eq!(poll(&mut flows, 2), Err(PollRefusal::Pending));
    assert_eq!(poll(&mut flows, 7), Ok("alice".to_owned()));
}

#[test]
fn somebody_new_consents_in_each_flow_when_wished_for() {
    let mut flows = DeviceFlows::new(DeviceRules {
        auto_consent: Some(Duration::ZERO),
        auto_person: AutoPerson::SomebodyNew,
        ..RULES
    });
    for number in 1..=3 {
        let request = Request {
            user_code: UserCode::from_number(number),
            scopes: Vec::new(),
        };
        let device_code = number.to_string();
        assert_eq!(flows.start(device_code.clone(), request, at(0)), Ok(()));
        let redeemed = flows.redeem(&device_code, "family", at(1));
        let person = redeemed.map(|(person, _)| person.subject());
        assert_eq!(person, Ok(format!("sandbox-person-000{number}")));
    }
}

#[test]
fn memory_is_bounded_and_freed() {
    let mut flows = DeviceFlows::new(RULES);
    let mut start = |number: u64, now| {
        let request = Request {
            user_code: UserCode::from_number(number),
            scopes: Vec::new(),
        };
        flows.start(number.to_string(), request, now)
    };
    assert!((0..CAPACITY as u64).all(|number| start(number, at(0)).is_ok()));
    assert_eq!(start(9999, at(1)), Err(Full));
    assert_eq!(start(9999, at(1200)), Ok(()));
}

#[test]
fn a_user_code_names_one_flow() {
    let mut flows = started(RULES);
    let request = Request {
        user_code: code(),
        scopes: Vec::new(),
    };
    assert_eq!(flows.start("other".to_owned(), request, at(1)), Err(Full));
}

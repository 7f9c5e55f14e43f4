use super::*;

const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_secs(60),
    refresh: Duration::from_secs(3600),
};

fn at(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

fn fresh(mark: &str) -> Fresh {
    Fresh {
        access: format!("a{mark}"),
        refresh: format!("r{mark}"),
    }
}

fn grant() -> (Person, Vec<String>) {
    let scopes = ["profile", "hello"].map(str::to_owned);
    (Person::alice(), scopes.to_vec())
}

fn started() -> (Families, Issued) {
    let mut families = Families::new(LIFETIMES, Reuse::Forbidden);
    let first = families.start("f", grant(), fresh("1"), at(0));
    (families, first)
}

fn is_valid(families: &Families, issued: &Issued, seconds: u64) -> bool {
    families.person(&issued.access_token, at(seconds)).is_some()
}

#[test]
fn an_access_token_lasts_as_long_as_it_says() {
    let (families, first) = started();
    assert_eq!(first.expires_in, LIFETIMES.access);
    assert!(is_valid(&families, &first, 59));
    assert!(!is_valid(&families, &first, 60));
    assert_eq!(families.person("sandbox_at_other", at(1)), None);
    assert_eq!(families.person(&first.refresh_token, at(1)), None);
}

#[test]
fn a_grace_period_ends_after_its_time() {
    let grace = Reuse::Grace(Duration::from_secs(10));
    let mut families = Families::new(LIFETIMES, grace);
    let first = families.start("f", grant(), fresh("1"), at(0));
    let mut present =
        |token: &str, mark: &str, seconds| families.refresh(token, None, fresh(mark), at(seconds));
    let second = present(&first.refresh_token, "2", 100);
    assert!(second.is_ok_and(|second| !second.is_retry));
    // A retry does not extend the grace period.
    for seconds in [105, 109] {
        let retried = present(&first.refresh_token, &format!("{seconds}"), seconds);
        assert!(retried.is_ok_and(|retried| retried.is_retry), "{seconds}");
    }
    let late = present(&first.refresh_token, "late", 110);
    assert_eq!(late, Err(RefreshRefusal::Reused));
}

#[test]
fn each_refresh_rotates_and_starts_the_lifetime_anew() {
    let (mut families, first) = started();
    let mut latest = first.clone();
    for round in 1..4 {
        let fresh = fresh(&format!("round {round}"));
        let next = families.refresh(&latest.refresh_token, None, fresh, at(3000 * round));
        let next = next.unwrap_or_else(|refusal| panic!("round {round}: {refusal:?}"));
        assert_ne!(next.refresh_token, latest.refresh_token);
        assert_ne!(next.access_token, latest.access_token);
        assert_eq!(next.scopes, first.scopes);
        latest = next;
    }
    assert!(is_valid(&families, &latest, 9059));
}

#[test]
fn a_reused_refresh_token_ends_its_family_and_no_other() {
    let (mut families, first) = started();
    let other = families.start("g", grant(), fresh("other"), at(0));
    let second = families.refresh(&first.refresh_token, None, fresh("2"), at(10));
    let second = second.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert!(is_valid(&families, &first, 11) && is_valid(&families, &second, 11));

    let reused = families.refresh(&first.refresh_token, None, fresh("3"), at(11));
    assert_eq!(reused, Err(RefreshRefusal::Reused));
    assert!(!is_valid(&families, &first, 12) && !is_valid(&families, &second, 12));
    let latest = families.refresh(&second.refresh_token, None, fresh("4"), at(12));
    assert_eq!(latest, Err(RefreshRefusal::Unknown));
    assert!(is_valid(&families, &other, 12));
}

fn forgiving(retries: u32) -> (Families, Issued) {
    let mut families = Families::new(LIFETIMES, Reuse::Retries(retries));
    let first = families.start("f", grant(), fresh("1"), at(0));
    (families, first)
}

fn refresh(families: &mut Families, token: &Issued, mark: &str) -> Result<Issued, RefreshRefusal> {
    families.refresh(&token.refresh_token, None, fresh(mark), at(1))
}

#[test]
fn a_lost_answer_is_given_again_and_the_lost_tokens_die() {
    let (mut families, first) = forgiving(1);
    let lost = refresh(&mut families, &first, "lost").unwrap();
    let second = refresh(&mut families, &first, "2").unwrap();
    assert!(!lost.is_retry && second.is_retry);
    assert!(is_valid(&families, &first, 2) && is_valid(&families, &second, 2));
    assert!(!is_valid(&families, &lost, 2));
    assert!(refresh(&mut families, &second, "3").is_ok());
    let dead = refresh(&mut families, &lost, "4");
    assert_eq!(dead, Err(RefreshRefusal::Reused));
}

#[test]
fn no_more_retries_than_granted() {
    let (mut families, first) = forgiving(1);
    assert!(refresh(&mut families, &first, "2").is_ok());
    assert!(refresh(&mut families, &first, "3").is_ok());
    let third = refresh(&mut families, &first, "4");
    assert_eq!(third, Err(RefreshRefusal::Reused));

    let (mut families, first) = forgiving(2);
    for mark in ["2", "3", "4"] {
        assert!(refresh(&mut families, &first, mark).is_ok(), "{mark}");
    }
    assert!(refresh(&mut families, &first, "5").is_err());
}

#[test]
fn no_retry_once_the_successor_is_used() {
    let (mut families, first) = forgiving(u32::MAX);
    let second = refresh(&mut families, &first, "2").unwrap();
    let third = refresh(&mut families, &second, "3").unwrap();
    let old = refresh(&mut families, &first, "4");
    assert_eq!(old, Err(RefreshRefusal::Reused));
    assert!(!is_valid(&families, &third, 2));
}

#[test]
fn every_rotation_grants_its_own_retry() {
    let (mut families, mut latest) = forgiving(1);
    for round in 0..3 {
        assert!(refresh(&mut families, &latest, &format!("lost {round}")).is_ok());
        latest = refresh(&mut families, &latest, &format!("kept {round}")).unwrap();
    }
}

#[test]
fn an_unused_refresh_token_expires() {
    let (mut families, first) = started();
    let late = families.refresh(&first.refresh_token, None, fresh("2"), at(3600));
    assert_eq!(late, Err(RefreshRefusal::Expired));
}

#[test]
fn scopes_can_shrink_for_one_token_and_never_grow() {
    let (mut families, first) = started();
    let ask = |scope: &str| Some(vec![scope.to_owned()]);
    let wide = families.refresh(&first.refresh_token, ask("admin"), fresh("2"), at(1));
    assert_eq!(wide, Err(RefreshRefusal::ScopeTooWide));
    let narrow = families.refresh(&first.refresh_token, ask("hello"), fresh("3"), at(2));
    let narrow = narrow.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(narrow.scopes, ["hello"]);
    let all = families.refresh(&narrow.refresh_token, None, fresh("4"), at(3));
    assert_eq!(all.map(|issued| issued.scopes), Ok(first.scopes));
}

#[test]
fn revoking_takes_what_depends_on_it() {
    let (mut families, first) = started();
    families.revoke("sandbox_at_never");
    families.revoke("sandbox_rt_never.issued");
    assert!(is_valid(&families, &first, 1));

    families.revoke(&first.access_token);
    assert!(!is_valid(&families, &first, 1));
    let second = families.refresh(&first.refresh_token, None, fresh("2"), at(1));
    let second = second.unwrap_or_else(|refusal| panic!("{refusal:?}"));

    families.revoke(&second.refresh_token);
    assert!(!is_valid(&families, &second, 2));
    let gone = families.refresh(&second.refresh_token, None, fresh("3"), at(2));
    assert_eq!(gone, Err(RefreshRefusal::Unknown));
}

#[test]
fn memory_is_bounded() {
    let (mut families, first) = started();
    let mut latest = first.refresh_token.clone();
    for round in 0..100 {
        let fresh = fresh(&format!("x{round}"));
        let next = families.refresh(&latest, None, fresh, at(1));
        latest = next.map_or(latest, |issued| issued.refresh_token);
    }
    assert_eq!(families.access.len(), ACCESS_TOKENS);

    for number in 0..CAPACITY {
        let mark = number.to_string();
        families.start(&mark, grant(), fresh(&mark), at(2));
    }
    assert_eq!(families.families.len(), CAPACITY);
    let evicted = families.refresh(&latest, None, fresh("late"), at(3));
    assert_eq!(evicted, Err(RefreshRefusal::Unknown));

    families.start("new", grant(), fresh("new"), at(4000));
    assert_eq!((families.families.len(), families.access.len()), (1, 1));
}

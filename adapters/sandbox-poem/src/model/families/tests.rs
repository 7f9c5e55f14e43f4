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
    let mut families = Families::new(LIFETIMES);
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

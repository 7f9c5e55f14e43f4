use std::collections::HashMap;
use std::time::Duration;

use super::Person;
use crate::clock::Moment;

/// Lifetime of a session.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Maximum number of sessions. If there are more, the oldest session ends.
const CAPACITY: usize = 1000;

/// The sessions of all browsers, by the secret in their cookie.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: HashMap<String, Session>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) csrf: String,
    /// The person, if somebody has logged in.
    pub(crate) person: Option<Person>,
    expires_at: Moment,
}

impl Sessions {
    /// Starts a session for a new browser.
    pub(crate) fn open(&mut self, id: String, csrf: String, now: Moment) {
        self.sessions.retain(|_, session| now < session.expires_at);
        if self.sessions.len() >= CAPACITY {
            let first = self.sessions.iter().min_by_key(|(_, s)| s.expires_at);
            if let Some(first) = first.map(|(id, _)| id.clone()) {
                self.sessions.remove(&first);
            }
        }
        let session = Session {
            csrf,
            person: None,
            expires_at: now + LIFETIME,
        };
        self.sessions.insert(id, session);
    }

    pub(crate) fn find(&mut self, id: &str, now: Moment) -> Option<&mut Session> {
        self.sessions
            .get_mut(id)
            .filter(|session| now < session.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(seconds)
    }

    #[test]
    fn a_browser_is_known_for_an_hour() {
        let mut sessions = Sessions::default();
        sessions.open("id".to_owned(), "csrf".to_owned(), at(0));
        assert!(sessions.find("id", at(3599)).is_some());
        assert!(sessions.find("id", at(3600)).is_none());
        assert!(sessions.find("other", at(0)).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let mut sessions = Sessions::default();
        for number in 0..=CAPACITY {
            let now = Moment::from_millis(number as u64);
            sessions.open(number.to_string(), String::new(), now);
        }
        assert_eq!(sessions.sessions.len(), CAPACITY);
        assert!(sessions.find("0", at(2)).is_none());
        assert!(sessions.find("1000", at(2)).is_some());
    }
}

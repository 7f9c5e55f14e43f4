//! Times in words.

use std::time::Duration;

use central_oauth_domain::Timestamp;
use time::format_description::well_known::Rfc3339;

use super::texts::{Text, Texts};
use crate::dto::utc;

/// A time in the three forms that a page needs.
pub(super) struct Moment {
    /// `2 minutes ago`, or `in 2 minutes`.
    pub(super) when: String,
    /// `3 June 2026, 14:05 UTC`.
    pub(super) date: String,
    /// RFC 3339, for programs.
    pub(super) machine: String,
}

impl Moment {
    /// Returns a past time in the language of `texts`.
    pub(super) fn said(texts: Texts, instant: Timestamp, now: Timestamp) -> Self {
        let utc = utc(instant);
        let date = texts
            .say("date")
            .with("day", utc.day())
            .with("month", utc.month());
        let time = format!("{:02}:{:02}", utc.hour(), utc.minute());
        Self {
            when: texts.ago(now.since(instant)).to_string(),
            date: date.with("year", utc.year()).with("time", time).to_string(),
            machine: utc.format(&Rfc3339).unwrap_or_default(),
        }
    }

    /// Returns a time in English, for operators. It may be in the future.
    pub(super) fn of(instant: Timestamp, now: Timestamp) -> Self {
        let english = Texts::english();
        let moment = Self::said(english, instant, now);
        if instant <= now {
            return moment;
        }
        let when = format!("in {}", english.span(instant.since(now)));
        Self { when, ..moment }
    }
}

impl Texts {
    /// Formats a duration rounded down to its largest unit: `9 minutes`. The page's script does the same.
    pub(super) fn span(self, length: Duration) -> Text {
        let (number, unit) = rounded(length);
        self.say(&format!("span-{unit}")).count(number)
    }

    fn ago(self, age: Duration) -> Text {
        match rounded(age) {
            (0..10, "second") => self.say("ago-now"),
            (number, unit) => self.say(&format!("ago-{unit}")).count(number),
        }
    }

    /// Returns the words for 0, 1 and 2 of a unit, for the script. In these languages, larger numbers use the form of
    /// 2.
    pub(super) fn forms(self, id: &str) -> String {
        [0, 1, 2]
            .map(|number| self.say(id).count(number).to_string())
            .join("|")
    }
}

/// Rounds a duration down to its largest unit.
fn rounded(length: Duration) -> (u64, &'static str) {
    let seconds = length.as_secs();
    match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_formatted() {
        let said = [0, 1, 59, 60, 119, 120, 3600, 86_400, 200_000].map(|seconds| {
            Texts::english()
                .span(Duration::from_secs(seconds))
                .to_string()
        });
        let expected = [
            "0 seconds",
            "1 second",
            "59 seconds",
            "1 minute",
            "1 minute",
            "2 minutes",
            "1 hour",
            "1 day",
            "2 days",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn times_are_formatted() {
        let then = Timestamp::from_millis(1_780_495_500_999);
        let moment = Moment::of(then, then + Duration::from_secs(150));
        assert_eq!(moment.when, "2 minutes ago");
        assert_eq!(moment.date, "3 June 2026, 14:05 UTC");
        assert_eq!(moment.machine, "2026-06-03T14:05:00Z");
        assert_eq!(Moment::of(then, then).when, "just now");
        let ahead = Moment::of(then + Duration::from_secs(200_000), then);
        assert_eq!(ahead.when, "in 2 days");
    }
}

//! Numbers that the store assigns to rows.

/// Defines a type for row numbers. The API returns such a number as a string.
macro_rules! number {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

pub(crate) use number;

/// Returns the next number, or 0 after the highest number, so that a corrupt row causes no panic. Callers compare the
/// result only for equality.
pub(crate) const fn next(number: i64) -> i64 {
    match number.checked_add(1) {
        Some(next) => next,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::grant::{Generation, LeaseVersion};
    use crate::link::LinkVersion;

    #[test]
    fn the_last_number_is_followed_by_another_one() {
        assert_eq!(Generation(i64::MAX).next(), Generation(0));
        assert_eq!(LeaseVersion(i64::MAX).next(), LeaseVersion(0));
        assert_eq!(LinkVersion(i64::MAX).next(), LinkVersion(0));
        assert_eq!(Generation(-1).next(), Generation(0));
    }
}

//! The validity of a certificate (RFC 5280, section 4.1.2.5).

use std::time::Duration;

use central_oauth_domain::Timestamp;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{DateTime, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

/// How long before its expiry a certificate should have been renewed.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) struct Validity {
    from: DateTime,
    until: DateTime,
}

impl Validity {
    /// Reads the validity of a certificate in DER.
    pub(super) fn of(certificate: &[u8]) -> der::Result<Self> {
        let mut certificate = inside(AnyRef::from_der(certificate)?)?;
        let mut fields = inside(certificate.decode()?)?;
        // Skips the version, which certificates of version 1 lack, and then the serial number, the algorithm and the
        // issuer.
        if fields.decode::<AnyRef<'_>>()?.tag().is_context_specific() {
            fields.decode::<AnyRef<'_>>()?;
        }
        fields.decode::<AnyRef<'_>>()?;
        fields.decode::<AnyRef<'_>>()?;
        let mut times = inside(fields.decode()?)?;
        Ok(Self {
            from: time(times.decode()?)?,
            until: time(times.decode()?)?,
        })
    }

    /// Returns a warning if the certificate has expired, is not valid yet or expires soon.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        let now = Duration::from_millis(now.as_millis().try_into().unwrap_or(0));
        let (from, until) = (self.from.unix_duration(), self.until.unix_duration());
        // Short-lived certificates are renewed later, so the warning comes in the last quarter of their lifetime.
        let soon = SOON.min(until.saturating_sub(from) / 4);
        if until <= now {
            let until = self.until;
            return Some(format!("expired at {until}: clients refuse it; renew it"));
        }
        if now < from {
            let from = self.from;
            return Some(format!(
                "is not valid before {from}: clients refuse it until then"
            ));
        }
        let is_soon = until - now <= soon;
        is_soon.then(|| format!("expires at {}: renew it", self.until))
    }
}

fn inside(sequence: AnyRef<'_>) -> der::Result<SliceReader<'_>> {
    SliceReader::new(sequence.value())
}

fn time(time: AnyRef<'_>) -> der::Result<DateTime> {
    match time.tag() {
        Tag::UtcTime => Ok(time.decode_as::<UtcTime>()?.to_date_time()),
        _ => Ok(time.decode_as::<GeneralizedTime>()?.to_date_time()),
    }
}

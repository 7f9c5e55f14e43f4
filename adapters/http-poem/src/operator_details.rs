//! The operator's name, contact and logo, which the pages show.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use url::Url;

/// The person or organisation that runs the service. All pages for people show these details.
#[derive(Debug, Clone, Default)]
pub struct OperatorDetails {
    /// The operator's name.
    pub name: Option<String>,
    /// Where people reach the operator.
    pub contact: Option<Contact>,
    /// The picture beside the name.
    pub logo: Option<Logo>,
}

/// An https or mailto URL.
#[derive(Debug, Clone)]
pub struct Contact(Url);

/// The text is not a [`Contact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an https or mailto address, such as mailto:help@example.com")]
pub struct NoContact;

impl Contact {
    /// Parses a URL.
    ///
    /// # Errors
    /// See [`NoContact`].
    pub fn parse(text: &str) -> Result<Self, NoContact> {
        let url = Url::parse(text).map_err(|_| NoContact)?;
        let is_contact = match url.scheme() {
            "https" => url.username().is_empty() && url.password().is_none(),
            "mailto" => is_mailbox(url.path()),
            _ => false,
        };
        is_contact.then_some(Self(url)).ok_or(NoContact)
    }
}

fn is_mailbox(path: &str) -> bool {
    let parts = path.split_once('@');
    let has_parts = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    has_parts && path.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Display for Contact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A picture that the service serves itself.
#[derive(Clone)]
pub struct Logo {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: LogoFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogoFormat {
    Png,
    Svg,
}

/// Why a file is not a [`Logo`].
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file is too large.
    #[error("the file is larger than 256 KiB")]
    TooLarge,
    /// The file is neither a PNG nor an SVG picture.
    #[error("the file is neither a PNG nor an SVG picture")]
    Format,
}

impl Logo {
    const MOST_BYTES: u64 = 256 * 1024;

    /// Reads a logo from a file.
    ///
    /// # Errors
    /// See [`LogoError`].
    pub fn read(path: &Path) -> Result<Self, LogoError> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(Self::MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(LogoError::TooLarge);
        }
        Ok(Self {
            format: LogoFormat::of(&bytes).ok_or(LogoError::Format)?,
            bytes,
        })
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

impl LogoFormat {
    fn of(bytes: &[u8]) -> Option<Self> {
        // PNG specification, section 5.2.
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_xml = text.starts_with('<') && text.contains("<svg");
        is_xml.then_some(Self::Svg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_web_pages_and_mailboxes() {
        for text in [
            "https://example.com/help?from=link",
            "mailto:help@example.com",
            "mailto:help@example.com?subject=Accounts",
        ] {
            let contact = Contact::parse(text).map(|contact| contact.to_string());
            assert_eq!(contact.as_deref(), Ok(text));
        }
        for text in [
            "help@example.com",
            "http://example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https://bank.example@evil.example/",
            "mailto:",
            "mailto:help",
            "mailto:@example.com",
            "mailto:a b@example.com",
        ] {
            assert!(Contact::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn formats_are_recognised_by_their_content() {
        let png = LogoFormat::of(b"\x89PNG\r\n\x1a\n\0\0");
        assert_eq!(png, Some(LogoFormat::Png));
        for svg in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a logo -->\n<svg/>",
        ] {
            assert_eq!(LogoFormat::of(svg.as_bytes()), Some(LogoFormat::Svg));
        }
        for other in [&b""[..], b"GIF89a", b"<html>", b"see <svg", b"\xff\xd8\xff"] {
            assert_eq!(LogoFormat::of(other), None);
        }
    }
}

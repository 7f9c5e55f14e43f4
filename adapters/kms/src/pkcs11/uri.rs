//! Parses the PKCS#11 URI of a key (RFC 7512).

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::InvalidKeyName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyAddress {
    /// The path of the vendor's library.
    pub(super) module: PathBuf,
    pub(super) token: TokenName,
    pub(super) object: String,
}

/// Selects one of the tokens that the module finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenName {
    Label(String),
    Slot(u64),
}

impl KeyAddress {
    /// Parses `pkcs11:token=LABEL;object=LABEL?module-path=PATH`; `slot-id=NUMBER` may replace `token=LABEL`.
    ///
    /// # Errors
    /// [`InvalidKeyName::Token`]. It contains no value of the URI, because people write PINs into these URIs.
    pub(super) fn parse(uri: &str) -> Result<Self, InvalidKeyName> {
        let uri = uri.strip_prefix("pkcs11:").unwrap_or(uri);
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (mut token, mut object, mut module) = (None, None, None);
        for (text, separator) in [(path, ';'), (query, '&')] {
            for attribute in text.split(separator).filter(|part| !part.is_empty()) {
                let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
                let value = decoded(value)?;
                let is_news = match (name, separator) {
                    ("token", ';') => token.replace(TokenName::Label(value)).is_none(),
                    ("slot-id", ';') => token.replace(slot(&value)?).is_none(),
                    ("object", ';') => object.replace(value).is_none(),
                    ("module-path", '&') => module.replace(PathBuf::from(value)).is_none(),
                    ("pin-value" | "pin-source", _) => return Err(wrong("must not name the PIN")),
                    _ => {
                        return Err(wrong(
                            "may only have token, slot-id, object and module-path",
                        ));
                    }
                };
                if !is_news {
                    return Err(wrong(
                        "names something twice (token and slot-id count as one)",
                    ));
                }
            }
        }
        let module = module.filter(|path| path.is_absolute());
        Ok(Self {
            module: module.ok_or_else(|| wrong("needs module-path, an absolute path"))?,
            token: token.ok_or_else(|| wrong("needs token or slot-id"))?,
            object: object.ok_or_else(|| wrong("needs object"))?,
        })
    }
}

fn decoded(value: &str) -> Result<String, InvalidKeyName> {
    let text = percent_decode_str(value).decode_utf8();
    let text = text.map_err(|_| wrong("has a value that is not UTF-8"))?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(wrong("has an empty value or a control character"));
    }
    Ok(text.into_owned())
}

fn slot(value: &str) -> Result<TokenName, InvalidKeyName> {
    let number = value.parse();
    number
        .map(TokenName::Slot)
        .map_err(|_| wrong("has a slot-id that is no number"))
}

const fn wrong(problem: &'static str) -> InvalidKeyName {
    InvalidKeyName::Token(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_token_or_slot() {
        let module = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
        for (token, named) in [
            ("token=My%20token", TokenName::Label("My token".to_owned())),
            ("slot-id=3", TokenName::Slot(3)),
        ] {
            let uri =
                format!("pkcs11:{token};object=a%3Bb?module-path=/usr/lib/softhsm/libsofthsm2.so");
            let address = KeyAddress {
                module: module.clone(),
                token: named,
                object: "a;b".to_owned(),
            };
            assert_eq!(KeyAddress::parse(&uri), Ok(address));
        }
    }

    #[test]
    fn what_does_not_name_one_key_is_rejected() {
        for bad in [
            "pkcs11:",
            "pkcs11:token=t;object=k",
            "pkcs11:token=t;object=k?module-path=libsofthsm2.so",
            "pkcs11:object=k?module-path=/m.so",
            "pkcs11:token=t?module-path=/m.so",
            "pkcs11:token=;object=k?module-path=/m.so",
            "pkcs11:token=t;slot-id=1;object=k?module-path=/m.so",
            "pkcs11:token=t;object=k;object=l?module-path=/m.so",
            "pkcs11:slot-id=one;object=k?module-path=/m.so",
            "pkcs11:token=t;object=k;serial=1?module-path=/m.so",
            "pkcs11:token=t;object=k?module-path=/m.so&pin-value=1234",
            "pkcs11:token=t;object=k;pin-source=/pin?module-path=/m.so",
            "pkcs11:token=%ff;object=k?module-path=/m.so",
        ] {
            let error = KeyAddress::parse(bad).expect_err(bad);
            assert!(matches!(error, InvalidKeyName::Token(_)), "{bad}");
            assert!(!error.to_string().contains("1234"), "{error}");
        }
    }
}

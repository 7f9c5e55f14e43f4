//! Parses a signed JWT in compact form (RFC 7519, RFC 7515 section 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::workload::{ClaimValue, Claims, RepeatedClaim, Rule, WorkloadRefusal};
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use serde_json::{Map, Number, Value};

use super::json;
use crate::identity::jws::{self, ASYMMETRIC, BadSignature, Signature, TYPES};

/// Maximum size of a JWT. Those of CI and cloud platforms have one to three kilobytes.
const MAX_BYTES: usize = 16 * 1024;
/// The claims that are times.
const DATES: [&str; 3] = ["exp", "iat", "nbf"];
/// Maximum nesting of objects in claims.
const MAX_DEPTH: usize = 4;

/// A parsed JWT. Do not trust its content before [`Jwt::verify`] has succeeded.
pub(super) struct Jwt<'a> {
    signature: Signature,
    signed: &'a str,
    pub(super) claims: Claims,
}

impl<'a> Jwt<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, WorkloadRefusal> {
        if token.len() > MAX_BYTES {
            let detail = format!("the token is larger than {MAX_BYTES} bytes");
            return Err(WorkloadRefusal::new(Rule::Size, detail));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(form)?;
        let (header, payload) = signed.split_once('.').ok_or_else(form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| form());
        let header = json::object(&decode(header)?, "header")?;
        let algorithm = check_header(&header)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(form()),
        };
        let payload = decode(payload)?;
        if payload.starts_with(b"eyJ") {
            return Err(nested());
        }
        let mut claims = Claims::default();
        add(
            &mut claims,
            "",
            json::object(&payload, "payload")?,
            MAX_DEPTH,
        )?;
        Ok(Self {
            signature: Signature {
                algorithm,
                key_id,
                bytes: decode(signature)?,
            },
            signed,
            claims,
        })
    }

    /// Returns the unverified `iss`.
    pub(super) fn issuer(&self) -> Result<String, WorkloadRefusal> {
        let missing = || WorkloadRefusal::new(Rule::Required, "the token has no iss");
        match self.claims.get("iss") {
            Some(ClaimValue::Text(issuer)) => Ok(issuer.clone()),
            _ => Err(missing()),
        }
    }

    /// Checks the signature. [`Rule::Key`] means that none of these keys can have made the signature.
    pub(super) fn verify(&self, keys: &CoreJsonWebKeySet) -> Result<(), WorkloadRefusal> {
        let verified = self.signature.verify(self.signed, keys);
        verified.map_err(|reason| match reason {
            BadSignature::UnknownKey => {
                let detail = "the issuer publishes no key that can have signed the token";
                WorkloadRefusal::new(Rule::Key, detail)
            }
            BadSignature::Wrong | BadSignature::Algorithm => {
                WorkloadRefusal::new(Rule::Signature, "the token's signature is wrong")
            }
        })
    }
}

fn check_header(header: &Map<String, Value>) -> Result<CoreJwsSigningAlgorithm, WorkloadRefusal> {
    if header.contains_key("crit") {
        let detail =
            "the token's header requires extensions (crit), which this service does not have";
        return Err(WorkloadRefusal::new(Rule::Extensions, detail));
    }
    if header.contains_key("cty") || header.contains_key("enc") {
        return Err(nested());
    }
    let typ = header
        .get("typ")
        .map(|typ| typ.as_str().unwrap_or_default());
    if typ.is_some_and(|typ| !TYPES.contains(&typ.to_ascii_lowercase().as_str())) {
        let detail = "the token's header names another type of token (typ)";
        return Err(WorkloadRefusal::new(Rule::Type, detail));
    }
    let named = header.get("alg").cloned().unwrap_or_default();
    // Excludes `none` and algorithms with a shared secret, whatever keys there are.
    jws::algorithm(named)
        .filter(|known| ASYMMETRIC.contains(known))
        .ok_or_else(|| {
            let detail =
                "the token's algorithm (alg) is not one with a public key, such as RS256 or ES256";
            WorkloadRefusal::new(Rule::Algorithm, detail)
        })
}

/// Adds the members of an object to the claims. A nested member gets the name `outer/inner`.
fn add(
    claims: &mut Claims,
    prefix: &str,
    members: Map<String, Value>,
    depth: usize,
) -> Result<(), WorkloadRefusal> {
    let Some(deeper) = depth.checked_sub(1) else {
        let detail = "the token's claims are nested too deeply";
        return Err(WorkloadRefusal::new(Rule::Form, detail));
    };
    for (name, value) in members {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(inner) => add(claims, &format!("{name}/"), inner, deeper)?,
            Value::Number(number) if DATES.contains(&&*name) => {
                claims.insert(name, date(&number)).map_err(repeated)?;
            }
            value => claims.insert(name, claim(value)).map_err(repeated)?,
        }
    }
    Ok(())
}

/// Reads a NumericDate, which may have a fraction (RFC 7519 section 2).
fn date(number: &Number) -> ClaimValue {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => ClaimValue::Number(whole),
        (None, Some(number)) if number.abs() < 1e15 => ClaimValue::Number(number.floor() as i64),
        _ => ClaimValue::Other,
    }
}

fn claim(value: Value) -> ClaimValue {
    match value {
        Value::String(text) => ClaimValue::Text(text),
        Value::Bool(flag) => ClaimValue::Flag(flag),
        // A number with a fraction is not rounded, because it could become the id of somebody else.
        Value::Number(number) => number
            .as_i64()
            .map_or(ClaimValue::Other, ClaimValue::Number),
        Value::Array(items) => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            });
            texts
                .collect::<Option<_>>()
                .map_or(ClaimValue::Other, ClaimValue::Texts)
        }
        Value::Null | Value::Object(_) => ClaimValue::Other,
    }
}

fn repeated(_: RepeatedClaim) -> WorkloadRefusal {
    let detail = "two of the token's claims have the same name";
    WorkloadRefusal::new(Rule::Members, detail)
}

fn nested() -> WorkloadRefusal {
    WorkloadRefusal::new(
        Rule::Nesting,
        "the token contains or is another token (cty, enc)",
    )
}

fn form() -> WorkloadRefusal {
    WorkloadRefusal::new(Rule::Form, "the token is not a signed JWT")
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const HEADERS: [&str; 18] = [
        r#"{"#,
        r#"}"#,
        r#""alg":"RS256""#,
        r#""alg":"none""#,
        r#""alg":"HS256""#,
        r#""alg":["RS256"]"#,
        r#""typ":"JWT""#,
        r#""kid":"k""#,
        r#""kid":7"#,
        r#""jwk":{}"#,
        r#""crit":["exp"]"#,
        r#""jku":"https://evil.example""#,
        ",",
        "null",
        "\u{feff}",
        "[",
        "\"",
        r#""zip":"DEF""#,
    ];
    const CLAIMS: [&str; 18] = [
        r#"{"#,
        r#"}"#,
        r#""iss":"https://a.example""#,
        r#""iss":7"#,
        r#""exp":1e400"#,
        r#""exp":-1"#,
        r#""iat":9223372036854775808"#,
        r#""nbf":1.5"#,
        r#""aud":["a","b"]"#,
        r#""sub":null"#,
        r#""a":{"a":{"a":{"a":{"a":1}}}}"#,
        ",",
        "eyJ",
        "\0",
        "[[[[",
        r#""\u0000":"#,
        r#""sub":"x""#,
        "true",
    ];

    fn part(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        let loose = vec(select(pieces), 0..10).prop_map(|pieces| pieces.concat());
        let whole = vec(select(&pieces[2..11]), 0..6)
            .prop_map(|members| format!("{{{}}}", members.join(",")));
        prop_oneof![loose, whole].prop_map(|text| URL_SAFE_NO_PAD.encode(text))
    }

    fn token() -> impl Strategy<Value = String> {
        let made = (part(&HEADERS), part(&CLAIMS), "[A-Za-z0-9_.=-]{0,20}");
        let made = made.prop_map(|(header, payload, rest)| format!("{header}.{payload}.{rest}"));
        prop_oneof![3 => made, 1 => "[eyJA-Za-z0-9_.=-]{0,80}", 1 => any::<String>()]
    }

    proptest! {
        #[test]
        fn no_token_is_genuine_without_a_key(token in token()) {
            if let Ok(jwt) = Jwt::parse(&token) {
                prop_assert!(matches!(jwt.signature.algorithm, CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256), "{token}");
                prop_assert!(jwt.verify(&CoreJsonWebKeySet::new(Vec::new())).is_err());
                let _ = jwt.issuer();
            }
        }
    }
}

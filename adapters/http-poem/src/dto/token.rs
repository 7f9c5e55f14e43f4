use std::collections::BTreeMap;

use central_oauth_domain::usecases::HandedToken;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Account, ErrorDetail, example_time, seconds_down, utc};

/// A valid access token of the provider.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct Token {
    /// The provider's access token.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// When the token expires. Absent if it does not expire, as far as the provider says.
    #[serde(serialize_with = "rfc3339", skip_serializing_if = "Option::is_none")]
    expires_at: Option<OffsetDateTime>,
    /// Seconds until the token expires. Absent if `expires_at` is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// The granted scopes.
    scopes: Vec<String>,
    /// Members of the provider's token response that clients need to use this token, such as the host that accepts it.
    /// The operator chooses which members are returned. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<BTreeMap<String, String>>,
    account: Account,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<ErrorDetail>,
}

impl From<HandedToken> for Token {
    fn from(mut token: HandedToken) -> Self {
        Self {
            access_token: token.access_token.expose().to_owned(),
            token_type: "Bearer".to_owned(),
            expires_at: token.expires_at.map(utc),
            expires_in: token.expires_in.map(seconds_down),
            scopes: std::mem::take(&mut token.account.scopes),
            extra: Some(token.extra.into_members()).filter(|members| !members.is_empty()),
            account: token.account.into(),
            warning: token.warning.map(ErrorDetail::from),
        }
    }
}

impl Example for Token {
    fn example() -> Self {
        Self {
            access_token: "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_at: Some(example_time(480)),
            expires_in: Some(28_800),
            scopes: vec!["repo".to_owned(), "read:user".to_owned()],
            extra: None,
            account: Account::example(),
            warning: None,
        }
    }
}

fn rfc3339<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = at.map(|at| at.format(&Rfc3339)).transpose();
    text.map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::Fault;
    use poem_openapi::types::ToJSON as _;

    use super::super::AccountStatus;
    use super::*;

    fn assert_serializes_as_documented(token: &Token) {
        let serialized = serde_json::to_value(token).unwrap();
        assert_eq!(Some(serialized), token.to_json());
    }

    fn relink_required() -> Account {
        let mut account = Account::example();
        account.status = AccountStatus::RelinkRequired;
        account
    }

    #[test]
    fn a_token_serializes_as_documented() {
        assert_serializes_as_documented(&Token::example());
        assert_serializes_as_documented(&Token {
            expires_at: None,
            expires_in: None,
            ..Token::example()
        });
        let extra = [("instance_url".to_owned(), "https://eu.example".to_owned())];
        assert_serializes_as_documented(&Token {
            extra: Some(extra.into()),
            warning: Some(Fault::new("min_ttl_unmet", "the token expires sooner").into()),
            account: relink_required(),
            ..Token::example()
        });
    }
}

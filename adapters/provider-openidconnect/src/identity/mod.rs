pub(crate) mod id_token;
pub(crate) mod jws;
pub(crate) mod userinfo;

pub(crate) use id_token::{Unverified, Verifier, unverified_claims};

use central_oauth_domain::grant::Identity;
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::text::{deceptive, presentable};

/// OpenID Connect Core section 2 limits `sub` to 255 characters.
const MAX_ID: usize = 255;
const MAX_NAME: usize = 200;

/// A person as the provider describes them.
pub(crate) struct Person {
    /// The person's id at the provider.
    pub(crate) id: String,
    /// The tenant that assigned the id, if the issuer serves many.
    pub(crate) tenant: Option<String>,
    pub(crate) name: Option<String>,
}

impl Person {
    fn new(id: String, name: Option<&str>) -> Result<Self, ProviderError> {
        if id.trim().is_empty() || id.len() > MAX_ID || deceptive(&id).is_some() {
            return Err(ProviderError::nonsense("an invalid id of a person"));
        }
        let name = name.map(shortened).filter(|name| !name.is_empty());
        Ok(Self {
            id,
            tenant: None,
            name,
        })
    }
}

impl From<Person> for Identity {
    fn from(person: Person) -> Self {
        Self::Known {
            // A subject identifier (`sub`) is unique only per issuer (OpenID Connect Core section 2), and each tenant
            // is an issuer of its own.
            account_id: match person.tenant {
                Some(tenant) => format!("{tenant}:{}", person.id),
                None => person.id,
            },
            display_name: person.name,
        }
    }
}

fn shortened(name: &str) -> String {
    let visible = presentable(name);
    visible.trim().chars().take(MAX_NAME).collect()
}

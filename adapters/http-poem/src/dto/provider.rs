use poem_openapi::Object;
use poem_openapi::types::Example;

/// A provider where people can consent.
#[derive(Object)]
pub(crate) struct Provider {
    /// The provider's name in requests and responses.
    pub(crate) name: String,
    /// The provider's name for people.
    pub(crate) display_name: String,
}

/// The configured providers.
#[derive(Object)]
#[oai(example)]
pub(crate) struct ProviderList {
    /// All configured providers, sorted by name.
    pub(crate) items: Vec<Provider>,
}

impl Example for ProviderList {
    fn example() -> Self {
        let github = Provider {
            name: "github".to_owned(),
            display_name: "GitHub".to_owned(),
        };
        Self {
            items: vec![github],
        }
    }
}

//! The embedded profile files, one line each. A test compares this list with the folder.

macro_rules! file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../profiles/", $name, ".toml")),
        )
    };
}

/// Names and contents, sorted by name.
pub(super) const FILES: &[(&str, &str)] = &[
    file!("atlassian"),
    file!("auth0"),
    file!("bitbucket"),
    file!("discord"),
    file!("dropbox"),
    file!("entra"),
    file!("github"),
    file!("github-app"),
    file!("gitlab"),
    file!("google"),
    file!("huggingface"),
    file!("keycloak"),
    file!("linkedin"),
    file!("notion"),
    file!("okta"),
    file!("salesforce"),
    file!("slack"),
    file!("spotify"),
    file!("strava"),
    file!("twitch"),
    file!("zoho"),
    file!("zoom"),
];

pub(super) fn file(name: &str) -> Option<&'static str> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

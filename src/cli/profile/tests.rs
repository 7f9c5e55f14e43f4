//! Tests of the selection of a service.

use super::*;
use crate::config::Environment;

#[test]
fn the_service_of_a_saved_key_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.toml");
    let key = format!("coak_{}", "x".repeat(40));
    let saved = format!("server = \"http://127.0.0.1:8080\"\naccess_key = {key:?}\n");
    std::fs::write(&file, saved).unwrap();
    let is_default = |server: Option<&str>, key_file: Option<&PathBuf>| {
        let variables = [
            Some(("CENTRAL_OAUTH_ACCESS_KEY".into(), key.clone().into())),
            server.map(|server| ("CENTRAL_OAUTH_SERVER".into(), server.into())),
        ];
        let environment = Environment::new(variables.into_iter().flatten()).unwrap();
        let config = ClientConfig::read(&environment).unwrap();
        let target = Target {
            key_file: key_file.cloned(),
            ..Target::at(None)
        };
        let profile = target.profile(&config).ok().unwrap();
        assert_eq!(profile.server.as_str(), "http://127.0.0.1:8080/");
        profile.is_default
    };
    assert!(is_default(None, None));
    assert!(!is_default(Some("http://127.0.0.1:8080"), None));
    assert!(!is_default(None, Some(&file)));
}

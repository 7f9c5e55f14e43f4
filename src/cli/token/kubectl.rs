//! A kubectl credential plugin: <https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::{Options, fetch};
use crate::cli::print::result;
use crate::cli::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// Prints an `ExecCredential`.
pub(super) async fn answer(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let profile = options.workload.profile(&options.target, config).await?;
    let asked = environment.other("KUBERNETES_EXEC_INFO");
    let asked: Value = asked.map_or(Value::Null, |it| {
        serde_json::from_str(it).unwrap_or_default()
    });
    let hosts = options.hosts(&profile);
    let cluster = asked["spec"]["cluster"]["server"].as_str();
    let cluster = cluster.and_then(|server| Url::parse(server).ok());
    if !cluster.is_some_and(|server| hosts.include(&server)) {
        let message = "kubectl asks for a server that is not among the hosts of this key: add --host with the host and port \
                       of the server, and set provideClusterInfo in the kubeconfig";
        return Err(Failure::new(Exit::Other, message));
    }
    let (token, _) = fetch(&profile, options.min_ttl).await?;
    let mut status = json!({ "token": token.access_token });
    if let Some(at) = token.expires_at {
        status["expirationTimestamp"] = at.format(&Rfc3339)?.into();
    }
    let version = VERSIONS.into_iter().find(|it| asked["apiVersion"] == *it);
    result(json!({
        "apiVersion": version.unwrap_or(VERSIONS[0]),
        "kind": "ExecCredential",
        "status": status,
    }))?;
    Ok(Exit::Done)
}

use super::options::Options;
use super::return_code;
use crate::cli::Failure;
use crate::cli::client::{Client, LinkCode, LinkRequest};

/// Requests a link code. Also asks for a return code if the options or the service require one.
pub(super) async fn ask(client: &Client, options: &Options) -> Result<LinkCode, Failure> {
    // For a workload, the page shows what the platform has verified, not a name that the machine chose.
    let machine = match options.workload.is_wanted() {
        true => None,
        false => machine_name(),
    };
    let request = |return_code| LinkRequest {
        provider: options.provider.as_deref(),
        client_name: options.client_name.as_deref().or(machine.as_deref()),
        labels: options
            .labels
            .iter()
            .map(|it| (&*it.name, &*it.value))
            .collect(),
        role: options.role,
        key_expires_at: options.key_expires_at.as_deref(),
        return_code,
    };
    if options.return_code {
        return_code::can_be_typed(options.json)?;
    }
    match client.start_link(&request(options.return_code)).await {
        Err(refused) if refused.has_code("return_code_required") => {
            return_code::can_be_typed(options.json)?;
            Ok(client.start_link(&request(true)).await?)
        }
        asked => Ok(asked?),
    }
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(format!("central-oauth on {}", name.trim()))
}

//! The demonstration of `dev --auto`: a client, a person and the sandbox. Prints every step with its request.

mod person;

use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use url::Url;

use super::client::{Client, LinkCode, LinkRequest, http};
use super::profile::Origin;
use super::{Exit, Failure, print};
use person::Person;

/// How long the consent at the sandbox may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the flow from the link code to a token that works.
pub(super) async fn run(service: &Url, api: &Url) -> Result<Exit, Failure> {
    let client = Client::new(service.clone())?;
    let (code, key) = ask_for_a_code(&client, service).await?;
    let client = client.with(key, Origin::Variable("this demonstration".to_owned()));
    Person::new(service)?.confirm(&code.link_code).await?;
    wait_for_the_link(&client, &code).await?;
    let token = fetch_a_token(&client).await?;
    use_the_token(api, &token).await?;
    print::result("\nThat is all. Without --auto the person is you: central-oauth dev")?;
    Ok(Exit::Done)
}

async fn ask_for_a_code(client: &Client, service: &Url) -> Result<(LinkCode, AccessKey), Failure> {
    let url = format!("{service}v1/link-code");
    step(1, "The client asks for a link code.", "POST", &url)?;
    let request = LinkRequest {
        client_name: Some("dev --auto"),
        ..LinkRequest::default()
    };
    let code = client.start_link(&request).await?;
    let (digits, lives) = (&code.link_code, code.expires_in);
    answer(&format!("link_code {digits}, lives {lives} s"))?;
    answer(&format!("verification_url {}", code.verification_url))?;
    let key = code.access_key.clone().map(AccessKey::new);
    let key = key.ok_or_else(|| unexpected("no access_key"))?;
    answer("access_key coak_…, which the client saves; it gives no access yet")?;
    Ok((code, key))
}

async fn wait_for_the_link(client: &Client, code: &LinkCode) -> Result<(), Failure> {
    let text = "The sandbox's person consents; the client polls.";
    step(5, text, "GET", "/v1/poll/{link_code}")?;
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        sleep(Duration::from_secs(code.interval)).await;
        let poll = match client.poll(&code.link_code).await {
            Err(refused) if refused.is(StatusCode::TOO_MANY_REQUESTS) => continue,
            polled => polled?,
        };
        answer(&format!("status {}", poll.status))?;
        match (poll.status.as_str(), poll.account) {
            ("pending" | "authorizing", _) => {}
            ("linked", Some(account)) => {
                let (name, provider) = (account.display_name, account.provider);
                return answer(&format!("account {name} at {provider}"));
            }
            (status, _) => return Err(unexpected(&format!("the link is {status}"))),
        }
    }
    Err(unexpected("the sandbox's person did not consent in time"))
}

async fn fetch_a_token(client: &Client) -> Result<String, Failure> {
    let text = "The client asks for an access token.";
    step(6, text, "GET", "/v1/token")?;
    let (token, _) = client.token(0).await?;
    let shown: String = token.access_token.chars().take(6).collect();
    let lasts = token
        .expires_in
        .map_or_else(|| "without expiry".to_owned(), |s| format!("for {s} s"));
    answer(&format!("access_token {shown}…, good {lasts}"))?;
    Ok(token.access_token)
}

async fn use_the_token(api: &Url, token: &str) -> Result<(), Failure> {
    let text = "The client uses it at the provider.";
    step(7, text, "GET", api.as_str())?;
    let request = http(api).build()?.get(api.clone()).bearer_auth(token);
    let response = request.send().await?;
    let status = response.status();
    let body = response.text().await?;
    answer(&format!("{status} {}", body.trim()))?;
    if status.is_success() {
        Ok(())
    } else {
        Err(unexpected("the provider does not accept the token"))
    }
}

fn step(number: u8, text: &str, method: &str, url: &str) -> Result<(), Failure> {
    print::result(format_args!("\n{number}. {text}\n   {method} {url}"))
}

fn answer(text: &str) -> Result<(), Failure> {
    print::result(format_args!("   -> {text}"))
}

fn unexpected(text: &str) -> Failure {
    Failure::new(Exit::Other, text)
}

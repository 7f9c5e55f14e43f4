//! A program at allauth, which has only a public client id.

use reqwest::Client;

use crate::support::allauth::Allauth;
use crate::support::http::{self, Answer};

pub(crate) struct Device {
    client: Client,
    metadata: Answer,
}

impl Device {
    pub(crate) async fn new(provider: &Allauth) -> Self {
        let client = http::client();
        let discovery = provider.url("/.well-known/openid-configuration");
        let metadata = http::send(client.get(discovery)).await.expect(200);
        assert_eq!(metadata.str("issuer"), provider.issuer);
        Self { client, metadata }
    }

    pub(crate) async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        self.post_as(Allauth::DEVICE_CLIENT_ID, endpoint, form)
            .await
    }

    pub(crate) async fn post_as(&self, id: &str, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let form = [form, &[("client_id", id)]].concat();
        http::send(self.client.post(self.metadata.str(endpoint)).form(&form)).await
    }

    pub(crate) async fn poll(&self, device_code: &str) -> Answer {
        let form = [
            ("grant_type", super::DEVICE_CODE_GRANT),
            ("device_code", device_code),
        ];
        self.post("token_endpoint", &form).await
    }

    pub(crate) async fn refresh(&self, tokens: &Answer) -> Answer {
        let old = tokens.str("refresh_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", old)];
        self.post("token_endpoint", &form).await
    }

    pub(crate) async fn revoke(&self, token: &str, hint: &str) {
        let form = [("token", token), ("token_type_hint", hint)];
        self.post("revocation_endpoint", &form).await.expect(200);
    }

    pub(crate) async fn userinfo(&self, tokens: &Answer) -> Answer {
        let request = self.client.get(self.metadata.str("userinfo_endpoint"));
        http::send(request.bearer_auth(tokens.str("access_token"))).await
    }
}

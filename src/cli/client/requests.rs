//! The requests of the client commands.

use reqwest::{Method, StatusCode};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::answers::{
    AccountDetails, Confirmation, Deleted, Health, LinkCode, LinkRequest, NewKey, Page, Poll,
    ProviderList, Token,
};
use super::problem::foreign;
use super::{Client, Refused};

/// All items of a list, unparsed, and the time by the clock of the service.
pub(crate) struct Listed {
    server: Url,
    pub(crate) items: Vec<Value>,
    pub(crate) now: Option<OffsetDateTime>,
}

impl Listed {
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, Refused> {
        let items: serde_json::Result<_> = self.items.iter().map(T::deserialize).collect();
        items.map_err(|_| foreign(&self.server, StatusCode::OK))
    }
}

impl Client {
    pub(crate) async fn start_link(&self, wanted: &LinkRequest<'_>) -> Result<LinkCode, Refused> {
        let request = self.request(Method::POST, "/v1/link-code");
        self.answer(request.json(wanted)).await
    }

    /// Requests the liveness if `live` is set, else the readiness.
    pub(crate) async fn health(&self, live: bool) -> Result<Health, Refused> {
        let path = if live { "/v1/healthz" } else { "/v1/readyz" };
        self.answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn poll(&self, link_code: &str) -> Result<Poll, Refused> {
        let path = format!("/v1/poll/{link_code}");
        self.answer(self.request(Method::GET, &path)).await
    }

    pub(crate) async fn confirm(&self, link_code: &str, code: &str) -> Result<Poll, Refused> {
        let path = format!("/v1/link/{link_code}/confirm");
        let confirmation = Confirmation { return_code: code };
        let request = self.request(Method::POST, &path);
        self.answer(request.json(&confirmation)).await
    }

    /// Returns the response to `GET /v1/token`: the fields that commands use, and the complete JSON.
    pub(crate) async fn token(&self, min_ttl: u64) -> Result<(Token, Value), Refused> {
        let request = self.request(Method::GET, "/v1/token");
        let complete: Value = self.answer(request.query(&[("min_ttl", min_ttl)])).await?;
        let token = Token::deserialize(&complete).ok();
        let token = token.filter(|token| !token.access_token.is_empty());
        let token = token.ok_or_else(|| foreign(&self.server, StatusCode::OK))?;
        Ok((token, complete))
    }

    pub(crate) async fn providers(&self) -> Result<ProviderList, Refused> {
        self.answer(self.request(Method::GET, "/v1/providers"))
            .await
    }

    /// Returns one page of a list, and the time by the clock of the service.
    pub(crate) async fn page(
        &self,
        path: &str,
        filters: &[(&str, String)],
        cursor: Option<&str>,
    ) -> Result<(Page, Option<OffsetDateTime>), Refused> {
        const LIMIT: (&str, &str) = ("limit", "200");
        let mut query = vec![LIMIT];
        query.extend(filters.iter().map(|(name, value)| (*name, value.as_str())));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.request(Method::GET, path).query(&query);
        let response = self.send(request).await?;
        Ok((self.read(&response)?, response.date))
    }

    /// Returns all items of a list that match the filters.
    pub(crate) async fn list(
        &self,
        path: &str,
        filters: &[(&str, String)],
    ) -> Result<Listed, Refused> {
        let (mut page, now) = self.page(path, filters, None).await?;
        let mut items = page.items;
        while let Some(cursor) = page.next_cursor {
            (page, _) = self.page(path, filters, Some(&cursor)).await?;
            if page.next_cursor.as_ref() == Some(&cursor) {
                let server = &self.server;
                let why = format!("{server} answered the same page of a list again");
                return Err(Refused::Unreachable(why));
            }
            items.append(&mut page.items);
        }
        let server = self.server.clone();
        Ok(Listed { server, items, now })
    }

    pub(crate) async fn account(&self, id: &str) -> Result<AccountDetails, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::GET, &path)).await
    }

    pub(crate) async fn delete_account(&self, id: &str) -> Result<Deleted, Refused> {
        let path = format!("/v1/accounts/{id}");
        self.answer(self.request(Method::DELETE, &path)).await
    }

    pub(crate) async fn refresh_account(&self, id: &str) -> Result<AccountDetails, Refused> {
        let path = format!("/v1/accounts/{id}/refresh");
        self.answer(self.request(Method::POST, &path)).await
    }

    /// Requests a link code for a relink of this account.
    pub(crate) async fn relink_account(&self, id: &str) -> Result<LinkCode, Refused> {
        let path = format!("/v1/accounts/{id}/relink");
        self.answer(self.request(Method::POST, &path)).await
    }

    pub(crate) async fn create_key(&self, id: &str, key: &NewKey<'_>) -> Result<Value, Refused> {
        let path = format!("/v1/accounts/{id}/keys");
        self.answer(self.request(Method::POST, &path).json(key))
            .await
    }

    pub(crate) async fn delete_key(
        &self,
        id: &str,
        key: &str,
        descendants: bool,
    ) -> Result<(), Refused> {
        let path = format!("/v1/accounts/{id}/keys/{key}");
        let mut request = self.request(Method::DELETE, &path);
        // Sent only if needed, because older versions of the service reject unknown query parameters.
        if descendants {
            request = request.query(&[("descendants", "true")]);
        }
        self.send(request).await.map(|_| ())
    }
}

use super::Links;
use super::start::{LinkParameters, LinkRequest, StartedLink, client_name};
use crate::audit::Actor;
use crate::grant::{AccountId, InertKey, KeyHolder, ProviderName};
use crate::link::Requester;
use crate::ports::NewLinkKey;
use crate::secret::AccessKey;
use crate::usecases::workloads::VerifiedWorkload;
use crate::usecases::{Refusal, WorkloadCall, Workloads};

impl Links {
    /// Hands out a link code to a workload. If the workload has linked an account at the provider before, the link
    /// relinks that account. The workload gets no access key: it polls, and later requests the token, with any fresh
    /// JWT. Records the result.
    ///
    /// # Errors
    /// As [`Workloads::serve`]. Also if no policy allows a link at the provider, the JWT was used for a link code
    /// before, or there are too many links.
    pub async fn start_for_workload(
        &self,
        workloads: &Workloads,
        call: WorkloadCall<'_>,
        request: LinkRequest,
    ) -> Result<StartedLink, Refusal> {
        let workload = workloads.recognise(call, "link").await?;
        let unanswered = workloads.unanswered(&workload);
        let started = self.start_for(workloads, &workload, request).await;
        unanswered.mark_answered();
        workloads.record_link_result(&workload, started)
    }

    async fn start_for(
        &self,
        workloads: &Workloads,
        workload: &VerifiedWorkload,
        request: LinkRequest,
    ) -> Result<StartedLink, Refusal> {
        if request.role.is_some() || request.key_expires_at.is_some() {
            let detail = "role and key_expires_at are for new keys, and a workload gets none";
            return Err(Refusal::Unprocessable(detail.to_owned()));
        }
        let only = workload.only_provider().map(ProviderName::as_str);
        let named = request.provider.as_deref().or(only);
        let provider = self.providers.choose(named)?.name().clone();
        self.judge_return_code(request.return_code, &provider)?;
        let (key, hash) = match self.linked_by(workload, &provider).await? {
            Some((key, account)) => {
                let key = key.id;
                (NewLinkKey::Relink { key, account }, None)
            }
            None => {
                let unused = AccessKey::generate(&self.entropy);
                let hash = self.vault.hash_access_key(&unused);
                (NewLinkKey::New(InertKey::owner(hash)), Some(hash))
            }
        };
        let linking = workloads.linking(workload, &provider, hash.as_ref())?;
        let parameters = LinkParameters {
            provider,
            requester: Requester {
                client_name: client_name(request.requester.client_name)?,
                workload: Some(workload.shown.clone()),
                ..request.requester
            },
            // All jobs of a workload share one limit, wherever they run.
            network: Some(workload.identity),
            key,
            return_code: request.return_code,
            most_open: Self::MOST_OPEN,
            actor: Actor::Anonymous,
            address: request.address,
            workload: Some(linking),
        };
        self.create(parameters, None).await
    }

    /// Returns the account at a provider that a workload has linked, and the key with which the workload linked it.
    async fn linked_by<'a>(
        &self,
        workload: &'a VerifiedWorkload,
        provider: &ProviderName,
    ) -> Result<Option<(&'a KeyHolder, AccountId)>, Refusal> {
        for (key, id) in workload.relinkable(provider) {
            match self.accounts.get(id).await {
                Ok(account) if account.key.provider == *provider => return Ok(Some((key, id))),
                // The account belongs to another provider, or was deleted since.
                Ok(_) | Err(Refusal::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

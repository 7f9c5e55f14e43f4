//! Replicas whose configurations differ, while a change is rolled out.

use super::*;
use crate::testing::services;

impl Stage {
    /// Creates a replica that lacks the provider.
    async fn replica_without_provider(&self) -> Self {
        let mut other = self.another_replica().await;
        other.ports.providers = Providers::new([], None);
        other.services = services(&other.ports, &settings());
        other
    }

    /// Runs the scheduler until the account shows an error.
    pub(super) async fn until_shown(&self) {
        while self.only_account().await.last_error.is_none() {
            self.until_due().await;
            assert_eq!(self.refresh_due().await, 1);
        }
    }
}

/// Links an account. Returns a replica that can refresh the account, a key of the account, and a replica that fails to
/// refresh it with `error`.
async fn fit_and_misfit(error: &str) -> (Stage, AccessKey, Stage) {
    let stage = Stage::new().await;
    stage.check_in("one").await;
    stage.check_in("two").await;
    if error == "secret_key_missing" {
        let fit = stage.replica_with_a_newer_key().await;
        let (_, key) = fit.linked().await;
        return (fit, key, stage);
    }
    let (_, key) = stage.linked().await;
    let misfit = match error {
        "client_changed" => stage.replica_with_another_client().await,
        _ => stage.replica_without_provider().await,
    };
    (stage, key, misfit)
}

const ERRORS: [&str; 3] = [
    "client_changed",
    "provider_not_configured",
    "secret_key_missing",
];

#[tokio::test]
async fn a_replica_that_cannot_refresh_leaves_the_account_to_the_others() {
    for error in ERRORS {
        let (fit, key, misfit) = fit_and_misfit(error).await;
        for round in 1..=3 {
            misfit.until_due().await;
            fit.check_in("one").await;
            fit.check_in("two").await;
            // `misfit` claims the refresh and finds that it cannot send it. After that, it lets other replicas claim
            // first.
            let claimed = misfit.refresh_due().await;
            assert_eq!(claimed, 1, "{error}");
            fit.until_due().await;
            assert_eq!(misfit.refresh_due().await, 0, "{error}");
            assert_eq!(fit.refresh_due().await, 1, "{error}");
            let token = fit.token(&key, 0).await.unwrap();
            assert_eq!(token.access_token.expose(), format!("refreshed-{round}"));
        }
        let account = fit.only_account().await;
        assert_eq!(account.status, AccountStatus::Active);
    }
}

#[tokio::test]
async fn a_caller_gets_a_token_from_a_replica_that_can_refresh() {
    for error in ERRORS {
        let (fit, key, misfit) = fit_and_misfit(error).await;
        misfit.until_due().await;
        misfit.refresh_due().await;
        let token = fit.token(&key, 3000).await.unwrap();
        assert_eq!(token.access_token.expose(), "refreshed-1", "{error}");
    }
}

#[tokio::test]
async fn an_error_of_another_replica_is_no_pause_for_one_that_can_refresh() {
    for error in ERRORS {
        let (fit, key, misfit) = fit_and_misfit(error).await;
        misfit.until_shown().await;
        let shown = fit.only_account().await.last_error.unwrap();
        assert_eq!(&*shown.code, error);
        fit.clock.advance(secs(400));
        misfit.refresh_due().await;
        // During the pause, replicas that cannot refresh do not try again.
        let failures = fit.stored().await.attempts.failures;
        let refusal = misfit.token(&key, 0).await.err();
        assert!(refusal.is_some(), "{error}");
        assert_eq!(fit.stored().await.attempts.failures, failures);
        let token = fit.token(&key, 0).await.unwrap();
        assert_eq!(token.access_token.expose(), "refreshed-1", "{error}");
        assert!(token.warning.is_none());
    }
}

#[tokio::test]
async fn the_pause_of_a_provider_binds_every_replica() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.advance(secs(3700));
    let word = ProviderError::Refused {
        code: "internal_error".to_owned(),
        detail: "the provider's own".to_owned(),
    };
    (0..3).for_each(|_| stage.provider.answer_refresh(Err(word.clone().into())));
    assert!(stage.token(&key, 0).await.is_err());
    assert!(stage.token(&key, 0).await.is_err());
    assert_eq!(stage.provider.presented().len(), 1);
}

#[tokio::test]
async fn a_service_that_runs_alone_says_at_once_what_it_cannot_do() {
    for error in ["client_changed", "provider_not_configured"] {
        let stage = Stage::new().await;
        let (_, key) = stage.linked().await;
        let misfit = match error {
            "client_changed" => stage.replica_with_another_client().await,
            _ => stage.replica_without_provider().await,
        };
        misfit.until_due().await;
        misfit.check_in("one").await;
        assert!(misfit.token(&key, 3000).await.is_ok());
        let shown = stage.only_account().await.last_error.unwrap();
        assert_eq!(&*shown.code, error);
    }
}

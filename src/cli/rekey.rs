//! `central-oauth rekey`: seals everything in the database with the present key.

use std::sync::Arc;

use central_oauth_domain::usecases::{Rekeyed, rekey};

use super::migrate::must_exist;
use super::{Exit, Failure, print};
use crate::config::{Environment, Keys, LogConfig, StoreConfig};
use crate::{telemetry, wiring};

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let (config, keys) = (StoreConfig::read(environment)?, Keys::read(environment)?);
    telemetry::install(LogConfig::read(environment, "warn")?);
    must_exist(&config)?;
    let entropy = Arc::new(wiring::entropy());
    let (store, vault) = wiring::unlocked_store(&config, &keys, &entropy).await?;
    let rekeyed = rekey(&store, &vault).await.map_err(Failure::other)?;
    store.close().await.map_err(Failure::other)?;
    tell(&rekeyed)
}

fn tell(rekeyed: &Rekeyed) -> Result<Exit, Failure> {
    let failed = |message: String| Err(Failure::new(Exit::Other, message));
    let (resealed, unreadable) = (rekeyed.resealed, rekeyed.unreadable);
    print::result(format_args!("Rows sealed with the present key: {resealed}"))?;
    if unreadable > 0 {
        return failed(format!(
            "{unreadable} rows do not open with any configured key; they were left as they are"
        ));
    }
    if !rekeyed.left.is_empty() {
        let message = "a service still seals with an old key: start it with the present one, then run this again";
        return failed(message.to_owned());
    }
    print::result("PREVIOUS_SECRET_KEYS is needed no more.")?;
    Ok(Exit::Done)
}

//! Changing the secret key.

use super::*;
use crate::ports::{DamagedRow, OwnerKind, Resealing, SealStore};
use crate::secret::{RefreshToken, SealId, Sealed};
use crate::usecases::{UnlockError, rekey, require_all_keys};
use crate::vault::Vault;

/// Unlocks the store with a cipher.
async fn vault(stage: &Stage, cipher: FakeCipher) -> Result<Vault, UnlockError> {
    unlock(stage.store.as_ref(), Arc::new(cipher), &seeded_entropy(3)).await
}

/// Returns a service whose store has a sealed value in every table.
async fn full_stage() -> Stage {
    let stage = Stage::new().await;
    stage.linked().await;
    stage
        .provider
        .answer_identify(Ok(ScriptedProvider::person("bob")));
    let (_, bob) = stage.linked().await;
    let gone = crate::ports::ProviderError::unavailable("gone");
    stage.provider.answer_revoke(Err(gone));
    let (caller, account) = (stage.caller(&bob).await, stage.last_account().await);
    stage.accounts.delete(&caller, account, HOME).await.unwrap();
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    stage
}

#[tokio::test]
async fn everything_moves_to_the_present_key() {
    let stage = full_stage().await;
    let store = stage.store.as_ref();
    let both = vault(&stage, FakeCipher::new(2).also_opening(&[1]))
        .await
        .unwrap();
    require_all_keys(store, &both).await.unwrap();
    let moved = rekey(store, &both).await.unwrap();
    assert_eq!(
        (moved.resealed, moved.overtaken, moved.unreadable.len()),
        (4, 0, 0)
    );
    assert!(moved.left.is_empty());
    assert_eq!(rekey(store, &both).await.unwrap().resealed, 0);

    let new = vault(&stage, FakeCipher::new(2)).await.unwrap();
    require_all_keys(store, &new).await.unwrap();
    let tokens = store.accounts(None, 1).await.unwrap().remove(0);
    let tokens = store.tokens(tokens.id).await.unwrap().unwrap();
    let opened = new.open::<RefreshToken>(&tokens.refresh_token.unwrap(), &tokens.account.key);
    assert!(opened.is_ok_and(|token| token.expose() == "refresh-1"));
    assert!(
        vault(&stage, FakeCipher::new(1)).await.is_err(),
        "the old key opens nothing"
    );
}

#[tokio::test]
async fn a_key_that_is_still_needed_is_missed() {
    let stage = full_stage().await;
    let store = stage.store.as_ref();
    let both = vault(&stage, FakeCipher::new(2).also_opening(&[1]))
        .await
        .unwrap();
    // Re-encrypts only the hash key, as if `rekey` had been killed after it. The other values still need the old key.
    let owners = crate::ports::OwnerKind::Service;
    let row = store.rows_sealed_otherwise(owners, both.current_seal_id(), 0, 1);
    let row = row.await.unwrap().remove(0).unwrap();
    let values = vec![both.reseal(&row.owner, &row.values[0]).unwrap()];
    let resealing = crate::ports::Resealing { row, values };
    assert_eq!(store.reseal(&[resealing]).await.unwrap(), 1);

    let new = vault(&stage, FakeCipher::new(2)).await.unwrap();
    let refused = require_all_keys(store, &new).await;
    assert!(matches!(refused, Err(UnlockError::MissingKeys(keys)) if keys.len() == 1));
    // Without the old key, `rekey` changes nothing. With both keys, it re-encrypts the rest.
    let moved = rekey(store, &new).await.unwrap();
    assert_eq!((moved.resealed, moved.unreadable.len()), (0, 3));
    assert_eq!(moved.left.len(), 1);
    assert_eq!(rekey(store, &both).await.unwrap().resealed, 3);
    require_all_keys(store, &new).await.unwrap();
}

#[tokio::test]
async fn a_token_that_was_refreshed_meanwhile_is_never_put_back() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let store = stage.store.as_ref();
    let both = vault(&stage, FakeCipher::new(2).also_opening(&[1]))
        .await
        .unwrap();
    let owners = crate::ports::OwnerKind::Account;
    let row = store.rows_sealed_otherwise(owners, both.current_seal_id(), 0, 1);
    let row = row.await.unwrap().remove(0).unwrap();
    let values = row
        .values
        .iter()
        .map(|value| both.reseal(&row.owner, value).unwrap());
    let values = values.collect();
    let account = stage.last_account().await;
    stage
        .accounts
        .refresh(&Caller::ADMIN, account, HOME)
        .await
        .unwrap();
    let resealing = crate::ports::Resealing { row, values };
    assert_eq!(store.reseal(&[resealing]).await.unwrap(), 0);
    let caller = stage.caller(&key).await;
    let token = stage.tokens.hand_out(&caller, secs(0), HOME).await.unwrap();
    assert_eq!(token.access_token.expose(), "refreshed-1");
}

/// Replaces the header of one value of a kind of owner.
async fn damage(stage: &Stage, owners: OwnerKind, vault: &Vault, header: SealId) -> DamagedRow {
    let store = stage.store.as_ref();
    let row = store.rows_sealed_otherwise(owners, vault.current_seal_id(), 0, 1);
    let row = row.await.unwrap().remove(0).unwrap();
    let mut values: Vec<_> = row.values.iter().map(|it| it.sealed.clone()).collect();
    let rest = &values[0].as_bytes()[SealId::LENGTH..];
    values[0] = Sealed::from_bytes([&header.0, rest].concat());
    let damaged = DamagedRow(row.id);
    assert_eq!(store.reseal(&[Resealing { row, values }]).await.unwrap(), 1);
    damaged
}

#[tokio::test]
async fn a_damaged_header_is_no_missing_key() {
    let stage = full_stage().await;
    let store = stage.store.as_ref();
    // In this vault, key 2 is the current key, so `damage` finds the rows that key 1 has sealed.
    let new = FakeCipher::new(2).also_opening(&[1]);
    let new = Vault::unlock(Arc::new(new), &store.hash_key().await.unwrap().unwrap()).unwrap();
    let vault = vault(&stage, FakeCipher::new(1)).await.unwrap();
    // One header now names an unknown version, the other one an unknown key.
    let version = damage(&stage, OwnerKind::Account, &new, SealId([0xff; 5])).await;
    let key = damage(&stage, OwnerKind::Link, &new, SealId([1, 0, 0, 0, 3])).await;
    let expected = vec![(OwnerKind::Account, version), (OwnerKind::Link, key)];
    assert_eq!(require_all_keys(store, &vault).await.unwrap(), expected);

    // The key of one more row is missing.
    let owners = OwnerKind::Revocation;
    let row = store.rows_sealed_otherwise(owners, new.current_seal_id(), 0, 1);
    let row = row.await.unwrap().remove(0).unwrap();
    let values = row
        .values
        .iter()
        .map(|it| new.reseal(&row.owner, it).unwrap());
    let values = values.collect();
    assert_eq!(store.reseal(&[Resealing { row, values }]).await.unwrap(), 1);
    let refused = require_all_keys(store, &vault).await;
    assert!(
        matches!(refused, Err(UnlockError::MissingKeys(keys)) if keys == [new.current_seal_id()])
    );
}

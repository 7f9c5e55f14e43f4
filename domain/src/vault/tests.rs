use super::*;
use crate::grant::ProviderName;
use crate::grant::revocation::RevocationReference;
use crate::secret::{
    AccessToken, ConsentUri, DeviceCode, ExtraText, IdToken, RefreshToken, UserCode,
};

/// A cipher that returns the associated data in place of the ciphertext.
struct Showing;

impl Cipher for Showing {
    fn seal(&self, _: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
        Ok(Sealed::from_bytes(associated_data.to_vec()))
    }

    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, CipherError> {
        if sealed.as_bytes() != associated_data {
            return Err(CipherError::Corrupt);
        }
        Ok(zeroize::Zeroizing::new(vec![0; 32]))
    }

    fn current_seal_id(&self) -> SealId {
        SealId([0; 5])
    }

    fn known_seal_ids(&self) -> Vec<SealId> {
        vec![self.current_seal_id()]
    }

    fn keyed_hash(&self, _: &HashKey, _: &[u8]) -> KeyedHash {
        KeyedHash::from_bytes([0; 32])
    }
}

fn frozen(parts: &[&[u8]]) -> Sealed {
    let part = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    Sealed::from_bytes(parts.iter().flat_map(part).collect())
}

/// The values in existing databases were sealed with exactly this associated data. With any other, they cannot be
/// decrypted.
#[test]
fn the_associated_data_never_changes() {
    let hash_key = Vault::seal_hash_key(&Showing, &HashKey::new([0; 32])).unwrap();
    assert_eq!(hash_key, frozen(&[b"service_keys", b"hash_key_with_macs"]));
    let earlier =
        Sealed::from_bytes(b"\0\0\0\0\0\0\0\x0cservice_keys\0\0\0\0\0\0\0\x08hash_key".to_vec());
    let vault = Vault::unlock(Arc::new(Showing), &earlier).unwrap();
    assert_eq!(vault.verify(&hash_key), Ok(()));
    assert_eq!(
        vault.mark_rows_authenticated(&earlier),
        Ok(Some(hash_key.clone()))
    );
    assert_eq!(vault.mark_rows_authenticated(&hash_key), Ok(None));
    assert_eq!(
        vault.unmark_rows_authenticated(&hash_key),
        Ok(Some(earlier.clone()))
    );
    assert_eq!(vault.unmark_rows_authenticated(&earlier), Ok(None));
    let (account, link) = (
        AccountKey {
            provider: ProviderName::new("github"),
            account_id: "ada".to_owned(),
        },
        KeyedHash::from_bytes([1; 32]),
    );
    let revocation = RevocationReference([2; 16]);
    let state = vault.seal_state(&LinkCode::parse("12345678").unwrap(), &link);
    let state = unhex(&state.unwrap()).unwrap();
    let expected = frozen(&[b"state", b"link_code", &[1; 32]]);
    assert_eq!(state, expected.as_bytes());

    let (access, refresh) = (AccessToken::new("a"), RefreshToken::new("r"));
    let (id, extra) = (IdToken::new("i"), ExtraText::new("e"));
    let (device, user) = (DeviceCode::new("d"), UserCode::new("u"));
    let (callback, uri) = (CallbackQuery::new("c"), ConsentUri::new("v"));
    let of_account = |column: &str| frozen(&[b"tokens", column.as_bytes(), b"github", b"ada"]);
    let of_link = |column: &str| frozen(&[b"device_codes", column.as_bytes(), &[1; 32]]);
    let of_revocation = |column: &str| frozen(&[b"revocations", column.as_bytes(), &[2; 16]]);
    for (sealed, expected) in [
        (vault.seal(&access, &account), of_account("access_token")),
        (vault.seal(&refresh, &account), of_account("refresh_token")),
        (vault.seal(&extra, &account), of_account("extra")),
        (vault.seal(&device, &link), of_link("device_code")),
        (vault.seal(&user, &link), of_link("user_code")),
        (vault.seal(&callback, &link), of_link("callback")),
        (
            vault.seal(&uri, &link),
            of_link("verification_uri_complete"),
        ),
        (vault.seal(&access, &link), of_link("access_token")),
        (vault.seal(&refresh, &link), of_link("refresh_token")),
        (vault.seal(&id, &link), of_link("id_token")),
        (vault.seal(&extra, &link), of_link("extra")),
        (
            vault.seal(&access, &revocation),
            of_revocation("access_token"),
        ),
        (
            vault.seal(&refresh, &revocation),
            of_revocation("refresh_token"),
        ),
        (vault.seal(&id, &revocation), of_revocation("id_token")),
    ] {
        assert_eq!(sealed.unwrap().as_bytes(), expected.as_bytes());
    }
    for (owner, kind, expected) in [
        (SealedTo::Service, SecretKind::HashKey, hash_key),
        (SealedTo::Service, SecretKind::HashKey, earlier),
        (
            SealedTo::Account(account),
            SecretKind::Extra,
            of_account("extra"),
        ),
        (
            SealedTo::Link(link),
            SecretKind::VerificationUriComplete,
            of_link("verification_uri_complete"),
        ),
    ] {
        let value = SealedValue {
            kind,
            sealed: expected.clone(),
        };
        assert_eq!(vault.reseal(&owner, &value), Ok(expected));
    }
}

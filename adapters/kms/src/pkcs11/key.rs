//! Finds a key on the token and uses it.

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use zeroize::Zeroizing;

use super::ciphertext::{Ciphertext, Method};
use super::judgement::judge;
use crate::{KEY_LENGTH, KmsError};

const IV_LENGTH: usize = 12;
const TAG_BITS: u64 = 128;
/// Associated data of AES-GCM. It makes other programs with the same AES key reject our ciphertext.
const CONTEXT: &[u8] = b"central-oauth";

/// Encrypts the secret key with the AES key of this label, or with the RSA key if there is no AES key.
pub(super) fn encrypt(
    session: &Session,
    object: &str,
    key: &[u8; KEY_LENGTH],
) -> Result<Ciphertext, KmsError> {
    let (method, bytes) = match find(session, ObjectClass::SECRET_KEY, object)? {
        Some(aes) => (Method::AesGcm, encrypt_gcm(session, aes, key)?),
        None => {
            let public = find(session, ObjectClass::PUBLIC_KEY, object)?;
            let rsa = public.ok_or_else(|| missing(object))?;
            let bytes = session.encrypt(&oaep(), rsa, key).map_err(judge)?;
            (Method::RsaOaep, bytes)
        }
    };
    Ok(Ciphertext {
        method,
        object: object.to_owned(),
        bytes,
    })
}

/// Decrypts the secret key with the key that the ciphertext names.
pub(super) fn decrypt(
    session: &Session,
    ciphertext: &Ciphertext,
) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let Ciphertext {
        method,
        object,
        bytes,
    } = ciphertext;
    let class = match method {
        Method::AesGcm => ObjectClass::SECRET_KEY,
        Method::RsaOaep => ObjectClass::PRIVATE_KEY,
    };
    let key = find(session, class, object)?.ok_or_else(|| missing(object))?;
    match method {
        Method::AesGcm => decrypt_gcm(session, key, bytes),
        Method::RsaOaep => {
            let decrypted = session.decrypt(&oaep(), key, bytes);
            decrypted.map(Zeroizing::new).map_err(judge)
        }
    }
}

fn encrypt_gcm(
    session: &Session,
    key: ObjectHandle,
    plaintext: &[u8],
) -> Result<Vec<u8>, KmsError> {
    let mut iv = [0; IV_LENGTH];
    session.generate_random_slice(&mut iv).map_err(judge)?;
    let mut bytes = iv.to_vec();
    let parameters = GcmParams::new(&mut iv, CONTEXT, TAG_BITS.into()).map_err(judge)?;
    let encrypted = session.encrypt(&Mechanism::AesGcm(parameters), key, plaintext);
    bytes.extend(encrypted.map_err(judge)?);
    Ok(bytes)
}

fn decrypt_gcm(
    session: &Session,
    key: ObjectHandle,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let Some((iv, encrypted)) = bytes.split_first_chunk::<IV_LENGTH>() else {
        return Err(KmsError::Refused("the wrapped key is too short".to_owned()));
    };
    let mut iv = *iv;
    let parameters = GcmParams::new(&mut iv, CONTEXT, TAG_BITS.into()).map_err(judge)?;
    let decrypted = session.decrypt(&Mechanism::AesGcm(parameters), key, encrypted);
    decrypted.map(Zeroizing::new).map_err(judge)
}

fn oaep() -> Mechanism<'static> {
    let (hash, mask) = (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1);
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()))
}

/// Finds the key of this class and label. Fails if there are several.
fn find(
    session: &Session,
    class: ObjectClass,
    label: &str,
) -> Result<Option<ObjectHandle>, KmsError> {
    let kind = match class {
        ObjectClass::SECRET_KEY => KeyType::AES,
        _ => KeyType::RSA,
    };
    let wanted = [
        Attribute::Class(class),
        Attribute::KeyType(kind),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let found = session.find_objects(&wanted).map_err(judge)?;
    match found[..] {
        [] => Ok(None),
        [key] => Ok(Some(key)),
        _ => {
            let problem = format!("several keys on the token have the label {label:?}");
            Err(KmsError::Refused(problem))
        }
    }
}

fn missing(label: &str) -> KmsError {
    KmsError::Refused(format!(
        "the token has no AES or RSA key {label:?} that this PIN may use"
    ))
}

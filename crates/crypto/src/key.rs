//! Master keys, and the data keys that they wrap.
//!
//! A data key belongs to one scope (the id of a bucket, or `system`) and one epoch. It is stored
//! only wrapped: AES-256-GCM under a master key with a random 96-bit nonce. A master key wraps some
//! keys a day, far from the 2^32 messages at which random nonces become a risk (NIST SP 800-38D,
//! 8.3). Rotating the master key re-wraps data keys and touches nothing that they sealed.

use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::encoding::{self, ID_BYTES, hex_id};
use crate::{Error, Secret, random};

#[cfg(test)]
mod tests;

/// Bytes in a master key and in a data key: AES-256.
pub const KEY_BYTES: usize = 32;

/// The longest scope: a UUID as text is 36 bytes, the rest is room for a prefix.
pub const SCOPE_BYTES_MAX: usize = 64;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
const ID_LABEL: &str = "relay-master-key";
const WRAP_LABEL: &str = "relay-data-key-1";

/// The id of a master key: the first 8 bytes of `SHA-256("relay-master-key" || key)`, written as 16
/// hexadecimal digits. It stands in clear beside every data key that the master key wraps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId([u8; ID_BYTES]);

hex_id!(MasterKeyId);

/// The key at the root: given by the operator, never stored by us, wraps data keys.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Makes a new random key. Fails if the operating system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        random::bytes().map(Self)
    }

    /// Returns the id that data keys wrapped by this key carry.
    pub fn id(&self) -> MasterKeyId {
        MasterKeyId(encoding::id_of(ID_LABEL, self.0.as_slice()))
    }

    /// Returns the key as standard base64, the form that [`MasterKey::from_str`] reads.
    pub fn to_base64(&self) -> Secret {
        Secret::from(encoding::to_base64(self.0.as_slice()))
    }
}

impl FromStr for MasterKey {
    type Err = Error;

    /// Reads standard base64 of exactly 32 bytes; white space around it (a file's last line end) is
    /// ignored. A key of equal bytes is a placeholder that was left in place, and is refused.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidKey { what: "master key", reason };
        let bytes = encoding::array_from_base64::<KEY_BYTES>(text.trim())
            .ok_or_else(|| invalid("expected 32 bytes in standard base64"))?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(invalid("all its bytes are the same"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// The key that seals the data of one scope in one epoch. It exists in the clear only in memory.
pub struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// A data key as it is stored: sealed by a master key, bound to its scope and epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    master_key: MasterKeyId,
    #[serde(with = "encoding::base64_array")]
    nonce: [u8; NONCE_BYTES],
    #[serde(with = "encoding::base64_array")]
    sealed: [u8; WRAPPED_BYTES],
}

impl WrappedKey {
    /// Returns the id of the master key that opens this.
    pub fn master_key(&self) -> MasterKeyId {
        self.master_key
    }
}

/// The master keys that this process holds: one that wraps, and others that only unwrap, which is
/// what a rotation needs.
#[derive(Debug, Clone)]
pub struct MasterKeys {
    active: MasterKey,
    others: Vec<MasterKey>,
}

impl MasterKeys {
    /// Takes the key that wraps from now on, and those that wrapped before.
    pub fn new(active: MasterKey, others: Vec<MasterKey>) -> Self {
        Self { active, others }
    }

    /// The ids of all of them, that of the key that wraps first.
    pub fn ids(&self) -> impl Iterator<Item = MasterKeyId> {
        self.all().map(MasterKey::id)
    }

    /// Returns the id of the key that wraps.
    pub fn active_id(&self) -> MasterKeyId {
        self.active.id()
    }

    /// Says whether a data key wrapped by `id` can be unwrapped here.
    pub fn holds(&self, id: MasterKeyId) -> bool {
        self.find(id).is_ok()
    }

    /// Makes a random data key for `scope` and `epoch`, and returns it with its stored form.
    /// Fails if the scope is too long or there are no random bytes.
    pub fn wrap_new(&self, scope: &str, epoch: u32) -> Result<(DataKey, WrappedKey), Error> {
        let key = DataKey(random::bytes()?);
        let wrapped = self.wrap(scope, epoch, &key)?;
        Ok((key, wrapped))
    }

    /// Returns the data key inside `wrapped`, which must have been wrapped for this `scope` and
    /// `epoch`. Fails with [`Error::UnknownMasterKey`] if its master key is not loaded, and with
    /// [`Error::Refused`] if it does not authenticate.
    pub fn unwrap(&self, scope: &str, epoch: u32, wrapped: &WrappedKey) -> Result<DataKey, Error> {
        let master = self.find(wrapped.master_key)?;
        let aad = associated_data(scope, epoch, wrapped.master_key)?;
        let (sealed, tag) = wrapped.sealed.split_at(KEY_BYTES);
        let tag = tag.try_into().map_err(|_| Error::Refused)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(sealed);
        cipher(master)
            .decrypt_inout_detached(&Nonce::from(wrapped.nonce), &aad, key.as_mut_slice().into(), &tag)
            .map_err(|_| Error::Refused)?;
        Ok(DataKey(key))
    }

    /// Returns `wrapped` under the active master key, or `None` if it already is. The data key
    /// stays the same, so nothing that it sealed is touched. Fails as [`MasterKeys::unwrap`] does.
    pub fn rewrap(&self, scope: &str, epoch: u32, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, Error> {
        if wrapped.master_key == self.active_id() {
            return Ok(None);
        }
        let key = self.unwrap(scope, epoch, wrapped)?;
        self.wrap(scope, epoch, &key).map(Some)
    }

    fn wrap(&self, scope: &str, epoch: u32, key: &DataKey) -> Result<WrappedKey, Error> {
        let master_key = self.active_id();
        let aad = associated_data(scope, epoch, master_key)?;
        let mut nonce = [0; NONCE_BYTES];
        random::fill(&mut nonce)?;
        let mut sealed = [0; WRAPPED_BYTES];
        let (body, tag_place) = sealed.split_at_mut(KEY_BYTES);
        body.copy_from_slice(key.0.as_slice());
        let encrypted = cipher(&self.active).encrypt_inout_detached(&Nonce::from(nonce), &aad, body.into());
        match encrypted {
            Ok(tag) => tag_place.copy_from_slice(&tag),
            Err(_) => {
                sealed.zeroize();
                return Err(Error::Refused);
            }
        }
        Ok(WrappedKey { master_key, nonce, sealed })
    }

    fn find(&self, id: MasterKeyId) -> Result<&MasterKey, Error> {
        self.all().find(|key| key.id() == id).ok_or(Error::UnknownMasterKey(id))
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.active).chain(&self.others)
    }
}

impl FromStr for MasterKeys {
    type Err = Error;

    /// Reads keys as [`MasterKey::from_str`] does, with white space or commas between them. The first
    /// wraps. A key that stands twice is a mistake in a rotation, and is refused.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidKey { what: "master key", reason };
        let mut keys = Vec::new();
        for part in text.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty()) {
            let key: MasterKey = part.parse()?;
            if keys.iter().any(|known: &MasterKey| known.id() == key.id()) {
                return Err(invalid("it stands there twice"));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let active = keys.next().ok_or_else(|| invalid("there is none"))?;
        Ok(Self::new(active, keys.collect()))
    }
}

fn cipher(master: &MasterKey) -> Aes256Gcm {
    let key: &[u8; KEY_BYTES] = &master.0;
    Aes256Gcm::new(key.into())
}

/// `"relay-data-key-1" || len(scope) u32 || scope || epoch u32 || master key id`, big endian.
fn associated_data(scope: &str, epoch: u32, master_key: MasterKeyId) -> Result<Vec<u8>, Error> {
    let mut aad = Vec::with_capacity(WRAP_LABEL.len() + 4 + scope.len() + 4 + ID_BYTES);
    aad.extend_from_slice(WRAP_LABEL.as_bytes());
    encoding::put_prefixed(&mut aad, "scope", scope.as_bytes(), SCOPE_BYTES_MAX)?;
    aad.extend_from_slice(&epoch.to_be_bytes());
    aad.extend_from_slice(&master_key.0);
    Ok(aad)
}

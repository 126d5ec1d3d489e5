//! A stored hash of whatever kind, told by how it begins.

use argon2::password_hash::phc::PasswordHash;

use super::HashError;
use super::argon::ArgonHash;
use super::bcrypt::BcryptHash;
use super::memory::HashMemory;
use super::pbkdf2::Pbkdf2Hash;
use super::scrypt::ScryptHash;

/// A hash, as the table has it. Only [`ArgonHash`] is ever made here; the others came with accounts
/// from elsewhere, and each lasts until its owner's next login.
#[derive(Clone)]
pub(super) enum Stored {
    Argon(ArgonHash),
    Bcrypt(BcryptHash),
    Scrypt(ScryptHash),
    Pbkdf2(Pbkdf2Hash),
}

impl Stored {
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        if BcryptHash::is_named(text) {
            return BcryptHash::parse(text).map(Self::Bcrypt);
        }
        let mut parts = text.split('$');
        match (parts.next(), parts.next()) {
            (Some(""), Some(ScryptHash::NAME)) => ScryptHash::parse(text).map(Self::Scrypt),
            (Some(""), Some(Pbkdf2Hash::SHA256_NAME | Pbkdf2Hash::SHA512_NAME)) => {
                Pbkdf2Hash::parse(text).map(Self::Pbkdf2)
            }
            (Some(Pbkdf2Hash::DJANGO_NAME), _) => Pbkdf2Hash::parse_django(text).map(Self::Pbkdf2),
            _ => ArgonHash::parse(text).map(Self::Argon),
        }
    }

    /// Whether it is the hash of `password`.
    pub(super) fn is_of(&self, password: &[u8], memory: &HashMemory) -> Result<bool, HashError> {
        match self {
            Self::Argon(hash) => hash.is_of(password, memory),
            Self::Bcrypt(hash) => Ok(hash.is_of(password)),
            Self::Scrypt(hash) => hash.is_of(password),
            Self::Pbkdf2(hash) => Ok(hash.is_of(password)),
        }
    }

    /// Whether a hash of today is to take its place.
    pub(super) fn is_weak(&self) -> bool {
        match self {
            Self::Argon(hash) => hash.is_weak(),
            Self::Bcrypt(_) | Self::Scrypt(_) | Self::Pbkdf2(_) => true,
        }
    }
}

/// A parameter of a PHC string that is a whole number.
pub(super) fn number(phc: &PasswordHash, name: &str) -> Option<u32> {
    phc.params.get_decimal(name)
}

#[cfg(test)]
mod tests;

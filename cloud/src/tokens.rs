//! Access tokens (JWT, HS256) and the secrets of links and cookies.
//!
//! A token is believed only while the database holds a session for its `jti`: that is what makes it
//! revocable. Secrets that are handed out (cookies, links, invitations, a token's `jti`) are stored as their
//! SHA-256 only; each has 128 bits or more, so nothing slower is wanted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::store::{Account, Hash};
use crate::vault::{self, VaultError};

/// How long a token is good.
pub const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// Who issues the tokens, and for whom.
const ISSUER: &str = "limen-cloud";
const AUDIENCE: &str = "limen";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: Uuid,
    /// `employer` or `employee`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Until when, in seconds since 1970.
    pub exp: i64,
    /// Since when.
    pub iat: i64,
    /// The session: random, 32 hexadecimal digits.
    pub jti: String,
    /// For whom.
    pub aud: String,
    /// By whom.
    pub iss: String,
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not one of ours, or was changed.
    #[error("the token is not valid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its time is over, or has not begun.
    #[error("the token has expired")]
    Expired,
}

/// Signs and reads access tokens.
pub struct Tokens {
    signing: EncodingKey,
    reading: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens under that key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // The time is compared in `read`, with the clock that the caller gives.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(key),
            reading: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// A token for an account, with its claims.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue(
        &self,
        account: &Account,
        jti: [u8; 16],
        now: Timestamp,
    ) -> Result<(String, Claims), TokenError> {
        let claims = Claims {
            sub: account.id.0,
            kind: account.kind.as_str().to_owned(),
            exp: now.as_second() + TOKEN_LIFE.as_secs(),
            iat: now.as_second(),
            jti: Uuid::from_bytes(jti).simple().to_string(),
            aud: AUDIENCE.to_owned(),
            iss: ISSUER.to_owned(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)?;
        Ok((token, claims))
    }

    /// The claims of a token that is ours and in its time. Whether its session is still open, the database
    /// knows.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.reading, &self.validation)?.claims;
        if claims.exp <= now.as_second() {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// SHA-256, as secrets are stored.
#[must_use]
pub fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

/// A fresh secret of 256 bits in base64url.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn fresh_secret() -> Result<String, VaultError> {
    Ok(URL_SAFE_NO_PAD.encode(vault::random::<32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AccountId, Kind, Role, TenantId};

    fn account() -> Account {
        Account {
            tenant: TenantId(Uuid::from_u128(1)),
            id: AccountId(Uuid::from_u128(2)),
            kind: Kind::Employer,
            role: Role::Owner,
            owner: false,
            username: "Ada".into(),
            email: "ada@example.org".into(),
            password_hash: String::new(),
            face_login: false,
            verified: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_believed_for_thirty_minutes() {
        let tokens = Tokens::new(&[1; 32]);
        let (token, claims) = tokens.issue(&account(), [3; 16], at(1000)).unwrap();
        assert_eq!(tokens.read(&token, at(1000)).unwrap(), claims);
        assert_eq!(claims.exp, 1000 + 1800);
        tokens.read(&token, at(2799)).unwrap();
        assert!(matches!(
            tokens.read(&token, at(2800)),
            Err(TokenError::Expired)
        ));
    }

    #[test]
    fn another_key_another_algorithm_and_another_text_are_not_believed() {
        let tokens = Tokens::new(&[1; 32]);
        let (token, claims) = tokens.issue(&account(), [3; 16], at(1000)).unwrap();
        assert!(Tokens::new(&[2; 32]).read(&token, at(1000)).is_err());
        let body = token.split('.').nth(1).unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert!(tokens.read(&format!("{none}.{body}."), at(1000)).is_err());
        let other = jsonwebtoken::encode(
            &Header::new(Algorithm::HS512),
            &claims,
            &EncodingKey::from_secret(&[1; 32]),
        )
        .unwrap();
        assert!(tokens.read(&other, at(1000)).is_err());
        assert!(tokens.read("", at(1000)).is_err());
        for (aud, iss) in [("others", ISSUER), (AUDIENCE, "others")] {
            let claims = Claims {
                aud: aud.into(),
                iss: iss.into(),
                ..claims.clone()
            };
            let key = EncodingKey::from_secret(&[1; 32]);
            let foreign =
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            assert!(tokens.read(&foreign, at(1000)).is_err());
        }
    }

    #[test]
    fn fresh_secrets_differ() {
        assert_ne!(fresh_secret().unwrap(), fresh_secret().unwrap());
        assert_eq!(fresh_secret().unwrap().len(), 43);
    }
}

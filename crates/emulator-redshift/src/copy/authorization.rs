//! How a COPY says who may read the objects.
//!
//! The stand-in checks only that there is exactly one family; it reads with its own credentials.

use super::tokens::{CopySyntaxError, Cursor};
use crate::sql::quotes;

/// A text that is never shown: it prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// The authorization of a COPY (Database Developer Guide, "Authorization parameters").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `IAM_ROLE default`.
    DefaultRole,
    /// `IAM_ROLE 'arn[,arn…]'`: several are chained.
    Roles(Vec<String>),
    /// `[WITH] CREDENTIALS [AS] 'name=value;…'`.
    Credentials(Vec<(CredentialName, Secret)>),
    /// `ACCESS_KEY_ID … SECRET_ACCESS_KEY … [SESSION_TOKEN …]`.
    Keys {
        /// The id of the key.
        access_key_id: Secret,
        /// The key.
        secret_access_key: Secret,
        /// The token of a temporary key.
        session_token: Option<Secret>,
    },
}

/// What a part of a CREDENTIALS string names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialName {
    /// `aws_iam_role`
    IamRole,
    /// `aws_access_key_id`
    AccessKeyId,
    /// `aws_secret_access_key`
    SecretAccessKey,
    /// `token`
    Token,
    /// `master_symmetric_key`
    MasterSymmetricKey,
}

const CREDENTIAL_NAMES: [(&str, CredentialName); 5] = [
    ("aws_iam_role", CredentialName::IamRole),
    ("aws_access_key_id", CredentialName::AccessKeyId),
    ("aws_secret_access_key", CredentialName::SecretAccessKey),
    ("token", CredentialName::Token),
    ("master_symmetric_key", CredentialName::MasterSymmetricKey),
];

impl std::fmt::Display for Authorization {
    /// Secrets print as `***`; a role is no secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Authorization::DefaultRole => formatter.write_str("IAM_ROLE default"),
            Authorization::Roles(roles) => {
                write!(formatter, "IAM_ROLE {}", quotes::literal(&roles.join(",")))
            }
            Authorization::Credentials(parts) => {
                let parts: Vec<String> = parts.iter().map(show_credential).collect();
                write!(formatter, "CREDENTIALS {}", quotes::literal(&parts.join(";")))
            }
            Authorization::Keys { session_token, .. } => {
                formatter.write_str("ACCESS_KEY_ID '***' SECRET_ACCESS_KEY '***'")?;
                match session_token {
                    Some(_) => formatter.write_str(" SESSION_TOKEN '***'"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn show_credential((name, value): &(CredentialName, Secret)) -> String {
    let (text, _) = CREDENTIAL_NAMES
        .iter()
        .find(|(_, known)| known == name)
        .expect("every name has a row in the table");
    match name {
        CredentialName::IamRole => format!("{text}={}", value.reveal()),
        _ => format!("{text}=***"),
    }
}

/// Collects the parts of an authorization, which may stand in any order between other options.
#[derive(Default)]
pub(super) struct AuthorizationParts {
    whole: Option<Authorization>,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    family: Option<&'static str>,
}

impl AuthorizationParts {
    /// Reads the option if its keyword (already consumed) belongs here.
    pub(super) fn accept(
        &mut self,
        keyword: &str,
        position: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<bool, CopySyntaxError> {
        let family = match keyword {
            "IAM_ROLE" => "IAM_ROLE",
            "CREDENTIALS" => "CREDENTIALS",
            "ACCESS_KEY_ID" | "SECRET_ACCESS_KEY" | "SESSION_TOKEN" => "ACCESS_KEY_ID",
            _ => return Ok(false),
        };
        if self.family.is_some_and(|known| known != family) {
            let message = "only one of IAM_ROLE, CREDENTIALS and ACCESS_KEY_ID may be given";
            return Err(CopySyntaxError::new(message, position));
        }
        self.family = Some(family);
        match keyword {
            "IAM_ROLE" => self.whole = Some(role(cursor)?),
            "CREDENTIALS" => self.whole = Some(credentials(cursor)?),
            "ACCESS_KEY_ID" => self.access_key_id = Some(secret(keyword, cursor)?),
            "SECRET_ACCESS_KEY" => self.secret_access_key = Some(secret(keyword, cursor)?),
            _ => self.session_token = Some(secret(keyword, cursor)?),
        }
        Ok(true)
    }

    /// The authorization; `position` is the end of the statement.
    pub(super) fn finish(self, position: usize) -> Result<Authorization, CopySyntaxError> {
        match (self.whole, self.access_key_id, self.secret_access_key) {
            (Some(whole), _, _) => Ok(whole),
            (None, Some(access_key_id), Some(secret_access_key)) => Ok(Authorization::Keys {
                access_key_id,
                secret_access_key,
                session_token: self.session_token,
            }),
            (None, None, None) if self.session_token.is_none() => Err(CopySyntaxError::new(
                "COPY needs an authorization: IAM_ROLE, CREDENTIALS or ACCESS_KEY_ID",
                position,
            )),
            _ => Err(CopySyntaxError::new(
                "ACCESS_KEY_ID and SECRET_ACCESS_KEY must be given together",
                position,
            )),
        }
    }
}

/// `[AS] default` or `[AS] 'arn[,arn…]'`; the guide has no AS, users of Redshift write it.
fn role(cursor: &mut Cursor<'_>) -> Result<Authorization, CopySyntaxError> {
    cursor.accept("AS")?;
    if cursor.accept("DEFAULT")? {
        return Ok(Authorization::DefaultRole);
    }
    let position = cursor.peek().position;
    let text = cursor.string("IAM_ROLE")?;
    let roles: Vec<String> = text.split(',').map(|role| role.trim().to_string()).collect();
    if roles.iter().any(String::is_empty) {
        return Err(CopySyntaxError::new("IAM_ROLE names an empty role", position));
    }
    Ok(Authorization::Roles(roles))
}

fn secret(owner: &str, cursor: &mut Cursor<'_>) -> Result<Secret, CopySyntaxError> {
    cursor.accept("AS")?;
    let position = cursor.peek().position;
    match cursor.string(owner)? {
        text if text.is_empty() => {
            Err(CopySyntaxError::new(format!("{owner} must not be empty"), position))
        }
        text => Ok(Secret(text)),
    }
}

fn credentials(cursor: &mut Cursor<'_>) -> Result<Authorization, CopySyntaxError> {
    cursor.accept("AS")?;
    let position = cursor.peek().position;
    let text = cursor.string("CREDENTIALS")?;
    let refuse = |message: &str| Err(CopySyntaxError::new(message, position));
    let mut parts: Vec<(CredentialName, Secret)> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        // Neither the part nor its name is shown: a secret with a `;` in it ends up here.
        let Some((name, value)) = part.split_once('=') else {
            return refuse("CREDENTIALS has a part that is not name=value");
        };
        let known = CREDENTIAL_NAMES.iter().find(|(text, _)| text.eq_ignore_ascii_case(name));
        let Some((_, name)) = known else {
            return refuse("CREDENTIALS has a part with an unknown name");
        };
        if parts.iter().any(|(earlier, _)| earlier == name) {
            return refuse("CREDENTIALS names a part twice");
        }
        parts.push((*name, Secret::new(value)));
    }
    let has = |name| parts.iter().any(|(known, _)| *known == name);
    let role = has(CredentialName::IamRole);
    let id = has(CredentialName::AccessKeyId);
    let key = has(CredentialName::SecretAccessKey);
    if role == (id || key) || id != key {
        return refuse(
            "CREDENTIALS needs either aws_iam_role or both aws_access_key_id and \
             aws_secret_access_key",
        );
    }
    Ok(Authorization::Credentials(parts))
}

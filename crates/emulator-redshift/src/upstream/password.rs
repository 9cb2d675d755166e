//! How the relay shows a Postgres that is not ours the password of its own role.
//!
//! In clear text, MD5 or SCRAM-SHA-256 ("PostgreSQL, Message Flow, Start-up"); without TLS, so the
//! way there must be trusted.

use std::io;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use crate::wire::Frame;
use crate::wire::stream::Wire;

const OK: i32 = 0;
const CLEARTEXT: i32 = 3;
const MD5: i32 = 5;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;

/// A login that goes on from one Authentication message to the next.
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    /// `None`: Postgres must not ask.
    pub(super) password: Option<&'a str>,
    scram: Option<ScramSha256>,
}

impl<'a> Login<'a> {
    pub(super) fn new(user: &'a str, password: Option<&'a str>) -> Self {
        Self { user, password, scram: None }
    }

    /// Answers an Authentication message; whether it said that the login is done.
    pub(super) async fn answer(&mut self, wire: &mut Wire, frame: &Frame) -> io::Result<bool> {
        let mut fields = frame.fields();
        let code = fields.int32();
        if code == Some(OK) {
            return Ok(true);
        }
        let Some(password) = self.password else {
            return Err(refused("it asks for a password, and none was given"));
        };
        match code {
            Some(CLEARTEXT) => put(wire, &[password.as_bytes(), b"\0"]),
            Some(MD5) => {
                let salt = fields.array().ok_or_else(|| refused("it sent no salt"))?;
                let hash = md5_hash(self.user.as_bytes(), password.as_bytes(), salt);
                put(wire, &[hash.as_bytes(), b"\0"]);
            }
            Some(SASL) => {
                while fields.text().ok_or_else(|| refused("it does not offer SCRAM-SHA-256"))?
                    != SCRAM_SHA_256.as_bytes()
                {}
                let binding = ChannelBinding::unsupported();
                let scram = self.scram.insert(ScramSha256::new(password.as_bytes(), binding));
                let first = scram.message();
                let length = u32::try_from(first.len()).expect("a nonce is short");
                let name = SCRAM_SHA_256.as_bytes();
                put(wire, &[name, b"\0", &length.to_be_bytes(), first]);
            }
            Some(SASL_CONTINUE) => {
                let scram = self.scram.as_mut().ok_or_else(|| refused("SCRAM out of order"))?;
                scram.update(fields.rest())?;
                put(wire, &[scram.message()]);
            }
            Some(SASL_FINAL) => {
                let scram = self.scram.as_mut().ok_or_else(|| refused("SCRAM out of order"))?;
                scram.finish(fields.rest())?;
            }
            _ => return Err(refused("it asks for a way to log in that the relay does not know")),
        }
        wire.flush().await?;
        Ok(false)
    }
}

fn put(wire: &mut Wire, parts: &[&[u8]]) {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).expect("a password fits a message");
    wire.put(b"p");
    wire.put(&length.to_be_bytes());
    parts.iter().for_each(|part| wire.put(part));
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, what.to_owned())
}

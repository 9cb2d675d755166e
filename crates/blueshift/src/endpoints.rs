//! Where a stack listens, and the environment block that says so.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything a program has to know of a stack.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Where SQS and S3 listen.
    pub aws: SocketAddr,
    /// Where Redshift listens.
    pub redshift: SocketAddr,
    /// Redshift's password: checked if the stack was told one, else any is taken.
    pub redshift_password: String,
    /// A PEM file with the system's CAs and that of Redshift's certificate.
    pub ca_bundle: PathBuf,
    /// AWS region of all resources.
    pub region: String,
}

impl Endpoints {
    /// The access key; the kit takes any.
    pub const ACCESS_KEY_ID: &str = "test";
    /// The secret key; the kit takes any.
    pub const SECRET_ACCESS_KEY: &str = "test";
    /// Redshift's first user, as Redshift names it by default.
    pub const REDSHIFT_USER: &str = "awsuser";
    /// Redshift's password unless the stack was told one; any is taken then.
    pub const REDSHIFT_PASSWORD: &str = "blueshift";
    /// Redshift's first database, as Redshift names it by default.
    pub const REDSHIFT_DATABASE: &str = "dev";

    /// The endpoint of SQS and S3 as a URL.
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.aws)
    }

    /// A Postgres URL for clients that take one.
    pub fn redshift_url(&self) -> String {
        self.redshift().url()
    }

    /// The variables that point a program here: AWS's own names, and REDSHIFT_*.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let aws = vec![
            ("AWS_ENDPOINT_URL", self.aws_url()),
            ("AWS_ACCESS_KEY_ID", Self::ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", Self::SECRET_ACCESS_KEY.to_owned()),
            ("AWS_REGION", self.region.clone()),
            // boto3 and version 1 of the AWS CLI read only this one.
            ("AWS_DEFAULT_REGION", self.region.clone()),
        ];
        [aws, self.redshift().environment()].concat()
    }

    fn redshift(&self) -> RedshiftEndpoint {
        RedshiftEndpoint {
            address: self.redshift,
            user: Self::REDSHIFT_USER.to_owned(),
            password: self.redshift_password.clone(),
            database: Self::REDSHIFT_DATABASE.to_owned(),
            ca_bundle: self.ca_bundle.clone(),
        }
    }
}

/// What a client of Redshift has to know.
#[derive(Debug, Clone)]
pub(crate) struct RedshiftEndpoint {
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    pub(crate) ca_bundle: PathBuf,
}

impl RedshiftEndpoint {
    fn url(&self) -> String {
        format!(
            "postgresql://{}:{}@{}/{}",
            percent_encoded(&self.user),
            percent_encoded(&self.password),
            self.address,
            percent_encoded(&self.database)
        )
    }

    /// The variables that point a client here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let bundle = self.ca_bundle.display().to_string();
        vec![
            ("REDSHIFT_HOST", self.address.ip().to_string()),
            ("REDSHIFT_PORT", self.address.port().to_string()),
            ("REDSHIFT_USER", self.user.clone()),
            ("REDSHIFT_PASSWORD", self.password.clone()),
            ("REDSHIFT_DATABASE", self.database.clone()),
            ("REDSHIFT_URL", self.url()),
            // Drivers verify Redshift's certificate: OpenSSL, Python and rustls read the first,
            // libpq (psql, psycopg2) the second.
            ("SSL_CERT_FILE", bundle.clone()),
            ("PGSSLROOTCERT", bundle),
        ]
    }
}

/// `text` as a part of a URL: all but letters, digits and `-._~` as `%XX`.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_cannot_break_the_url() {
        for (password, encoded) in
            [("blueshift", "blueshift"), ("p@ss/w:rd#ü", "p%40ss%2Fw%3Ard%23%C3%BC")]
        {
            assert_eq!(percent_encoded(password), encoded);
        }
    }
}

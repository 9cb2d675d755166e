//! Where a stack listens, and the environment block that says so.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything a program has to know of a stack. Its debug output hides the secrets.
#[derive(Clone)]
pub struct Endpoints {
    /// URL of SQS and S3; `None` is AWS itself.
    pub aws: Option<String>,
    /// URLs of single services, which win over that of all.
    pub services: ServiceUrls,
    /// Who signs requests.
    pub credentials: AwsCredentials,
    /// AWS region of all resources.
    pub region: String,
    /// Where Redshift listens, and how to log in.
    pub redshift: RedshiftEndpoint,
}

/// Where single services listen: what `AWS_ENDPOINT_URL_SQS` and its like name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceUrls {
    /// SQS.
    pub sqs: Option<String>,
    /// S3.
    pub s3: Option<String>,
    /// STS, which is asked for the account's number.
    pub sts: Option<String>,
}

/// An access key and what belongs to it. Its debug output hides the secrets.
#[derive(Clone)]
pub struct AwsCredentials {
    /// The access key's id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The token of a session, where the key is temporary.
    pub session_token: Option<String>,
}

/// What a client of Redshift has to know. Its debug output hides the password.
#[derive(Clone)]
pub struct RedshiftEndpoint {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The user's password: checked if the stack was told one, else any is taken.
    pub password: String,
    /// The database to log in to.
    pub database: String,
    /// A PEM file with the system's CAs and that of Redshift's certificate, if it is not one that
    /// the system knows.
    pub ca_bundle: Option<PathBuf>,
    /// Whether the harness and the kit themselves ask for TLS, certificate and host name checked.
    pub verified: bool,
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

    /// A stack on this machine that takes any credentials, and its Redshift's first user.
    pub(crate) fn local(
        aws: SocketAddr,
        redshift: SocketAddr,
        password: Option<String>,
        region: String,
    ) -> Self {
        Self {
            aws: Some(format!("http://{aws}")),
            services: ServiceUrls::default(),
            credentials: AwsCredentials::any(),
            region,
            redshift: RedshiftEndpoint::at(redshift, password),
        }
    }

    /// The endpoint of SQS and S3, unless it is AWS's own or each has one.
    pub fn aws_url(&self) -> Option<&str> {
        self.aws.as_deref()
    }

    /// SQS's endpoint, unless it is AWS's own.
    pub fn sqs_url(&self) -> Option<&str> {
        self.services.sqs.as_deref().or(self.aws_url())
    }

    /// S3's endpoint, unless it is AWS's own.
    pub fn s3_url(&self) -> Option<&str> {
        self.services.s3.as_deref().or(self.aws_url())
    }

    /// STS's endpoint, unless it is AWS's own. What stands in for SQS alone is asked too: AWS itself
    /// would not know its credentials. An address of AWS's for SQS alone, such as a VPC endpoint, is
    /// not: it knows no STS.
    pub fn sts_url(&self) -> Option<&str> {
        let Self { aws, services, .. } = self;
        let stand_in = services.sqs.as_deref().filter(|url| !is_of_aws(url));
        services.sts.as_deref().or(aws.as_deref()).or(stand_in)
    }

    /// Whether something else than AWS holds the queues: not AWS's own address, nor a private one
    /// (VPC endpoint) of AWS's.
    pub(crate) fn is_stand_in(&self) -> bool {
        self.sqs_url().is_some_and(|url| !is_of_aws(url))
    }

    /// Where SQS and S3 are, in words, without user and password.
    pub(crate) fn aws_in_words(&self) -> String {
        let [sqs, s3] = [self.sqs_url(), self.s3_url()]
            .map(|url| url.map_or_else(|| "AWS".to_owned(), without_user));
        if sqs == s3 { sqs } else { format!("SQS {sqs}, S3 {s3}") }
    }

    /// A Postgres URL for clients that take one.
    pub fn redshift_url(&self) -> String {
        self.redshift.url()
    }

    /// The variables that point a program here: AWS's own names, and REDSHIFT_*.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let AwsCredentials { id, secret, session_token } = &self.credentials;
        let optional = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        let mut block = Vec::from_iter(optional("AWS_ENDPOINT_URL", &self.aws));
        block.extend(optional("AWS_ENDPOINT_URL_SQS", &self.services.sqs));
        block.extend(optional("AWS_ENDPOINT_URL_S3", &self.services.s3));
        block
            .extend([("AWS_ACCESS_KEY_ID", id.clone()), ("AWS_SECRET_ACCESS_KEY", secret.clone())]);
        block.extend(optional("AWS_SESSION_TOKEN", session_token));
        block.extend([
            ("AWS_REGION", self.region.clone()),
            // boto3 and version 1 of the AWS CLI read only this one.
            ("AWS_DEFAULT_REGION", self.region.clone()),
        ]);
        block.extend(self.redshift.environment());
        block
    }
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Endpoints")
            .field("aws", &self.aws_in_words())
            .field("credentials", &self.credentials)
            .field("region", &self.region)
            .field("redshift", &self.redshift)
            .finish_non_exhaustive()
    }
}

impl AwsCredentials {
    /// What a stack takes that does not look at credentials.
    pub(crate) fn any() -> Self {
        Self {
            id: Endpoints::ACCESS_KEY_ID.to_owned(),
            secret: Endpoints::SECRET_ACCESS_KEY.to_owned(),
            session_token: None,
        }
    }
}

impl std::fmt::Debug for AwsCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AwsCredentials").field("id", &self.id).finish_non_exhaustive()
    }
}

impl RedshiftEndpoint {
    /// A Redshift of ours on this machine, and its first user.
    pub(crate) fn at(address: SocketAddr, password: Option<String>) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            user: Endpoints::REDSHIFT_USER.to_owned(),
            password: password.unwrap_or_else(|| Endpoints::REDSHIFT_PASSWORD.to_owned()),
            database: Endpoints::REDSHIFT_DATABASE.to_owned(),
            ca_bundle: None,
            verified: false,
        }
    }

    fn url(&self) -> String {
        let is_ip6 = self.host.contains(':');
        let host = if is_ip6 { format!("[{}]", self.host) } else { self.host.clone() };
        format!(
            "postgresql://{}:{}@{host}:{}/{}",
            percent_encoded(&self.user),
            percent_encoded(&self.password),
            self.port,
            percent_encoded(&self.database)
        )
    }

    /// The variables that point a client here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut block = vec![
            ("REDSHIFT_HOST", self.host.clone()),
            ("REDSHIFT_PORT", self.port.to_string()),
            ("REDSHIFT_USER", self.user.clone()),
            ("REDSHIFT_PASSWORD", self.password.clone()),
            ("REDSHIFT_DATABASE", self.database.clone()),
            ("REDSHIFT_URL", self.url()),
        ];
        if let Some(bundle) = &self.ca_bundle {
            let bundle = bundle.display().to_string();
            // Drivers verify Redshift's certificate: OpenSSL, Python and rustls read the first,
            // libpq (psql, psycopg2) the second.
            block.push(("SSL_CERT_FILE", bundle.clone()));
            block.push(("PGSSLROOTCERT", bundle));
        }
        block
    }
}

impl std::fmt::Debug for RedshiftEndpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(formatter, "{user}@{host}:{port}/{database}")
    }
}

/// Whether AWS itself listens there: at its public name, or a private one (VPC endpoint).
fn is_of_aws(url: &str) -> bool {
    url.contains(".amazonaws.com")
}

/// A URL without what stands before its last `@`: passwords hold any character, also those that a URL
/// would have to escape.
fn without_user(url: &str) -> String {
    let Some((before, rest)) = url.rsplit_once('@') else { return url.to_owned() };
    let is_web = |scheme: &&str| ["http", "https"].contains(scheme);
    match before.split_once("://").map(|(scheme, _)| scheme).filter(is_web) {
        Some(scheme) => format!("{scheme}://{rest}"),
        None => rest.to_owned(),
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
    fn debug_output_and_the_block_without_an_endpoint_keep_to_themselves_what_is_secret() {
        let address = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 5439));
        let mut endpoints =
            Endpoints::local(address, address, Some("hidden".to_owned()), "us-east-1".to_owned());
        endpoints.credentials.secret = "hidden".to_owned();
        endpoints.credentials.session_token = Some("hidden".to_owned());
        let printed = format!("{endpoints:?}");
        assert!(!printed.contains("hidden"), "{printed}");
        assert_eq!(endpoints.redshift_url(), "postgresql://awsuser:hidden@[::1]:5439/dev");
        endpoints.aws = None;
        let names: Vec<_> = endpoints.environment().into_iter().map(|(name, _)| name).collect();
        assert!(!names.contains(&"AWS_ENDPOINT_URL"), "{names:?}");
        assert!(names.contains(&"AWS_SESSION_TOKEN"), "{names:?}");
    }

    #[test]
    fn a_service_of_its_own_is_seen_and_told_to_the_programs() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5439));
        let mut endpoints = Endpoints::local(address, address, None, "us-east-1".to_owned());
        endpoints.aws = None;
        assert_eq!(endpoints.aws_in_words(), "AWS");
        assert!(!endpoints.is_stand_in());
        endpoints.aws = Some("https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com".to_owned());
        assert!(!endpoints.is_stand_in());
        endpoints.aws = None;
        let private = "https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com".to_owned();
        endpoints.services.sqs = Some(private);
        assert_eq!(endpoints.sts_url(), None);
        endpoints.services.sqs = None;
        endpoints.services.s3 = Some("http://s3".to_owned());
        assert_eq!(endpoints.aws_in_words(), "SQS AWS, S3 http://s3");
        assert_eq!((endpoints.s3_url(), endpoints.sts_url()), (Some("http://s3"), None));
        let block = endpoints.environment();
        assert!(block.contains(&("AWS_ENDPOINT_URL_S3", "http://s3".to_owned())), "{block:?}");
        endpoints.services.sqs = Some("http://sqs".to_owned());
        assert_eq!(endpoints.sts_url(), Some("http://sqs"));
        assert!(endpoints.is_stand_in());
        assert_eq!(endpoints.aws_in_words(), "SQS http://sqs, S3 http://s3");
    }

    #[test]
    fn a_password_in_a_url_is_not_said() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5439));
        let mut endpoints = Endpoints::local(address, address, None, "us-east-1".to_owned());
        for (url, expected) in [
            ("http://h:4566", "http://h:4566"),
            ("http://u:s3cr3t@h:4566", "http://h:4566"),
            ("https://u:s3/cr?3t#@h", "https://h"),
            ("u:s3://cr3t@h", "h"),
        ] {
            endpoints.aws = Some(url.to_owned());
            assert_eq!(endpoints.aws_in_words(), expected, "{url}");
            let printed = format!("{endpoints:?}");
            assert!(!printed.contains("s3") && !printed.contains("cr3t"), "{printed}");
            endpoints.services.s3 = Some("http://u:s3cr3t@lake".to_owned());
            let said = format!("SQS {expected}, S3 http://lake");
            assert_eq!(endpoints.aws_in_words(), said, "{url}");
            endpoints.services.s3 = None;
        }
    }

    #[test]
    fn a_password_cannot_break_the_url() {
        for (password, encoded) in
            [("blueshift", "blueshift"), ("p@ss/w:rd#ü", "p%40ss%2Fw%3Ard%23%C3%BC")]
        {
            assert_eq!(percent_encoded(password), encoded);
        }
    }
}
